"""WebSocket straight on a socket."""
