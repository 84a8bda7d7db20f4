"""What may be said on a connection, and what it means. Pure: no event loop, no socket, no clock."""
