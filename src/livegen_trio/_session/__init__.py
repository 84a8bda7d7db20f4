"""The session engine: one nursery a session, with a sender, a receiver and a keepalive task."""
