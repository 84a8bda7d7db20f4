"""WebSocket by trio-websocket, the reference."""
