"""What runs behind a session: its tasks, its buffers, its tools and its connections."""
