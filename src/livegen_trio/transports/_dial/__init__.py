"""From an endpoint to an open stream: names, proxies, TCP, TLS. Knows nothing of WebSocket."""
