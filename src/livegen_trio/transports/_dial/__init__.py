"""Open a stream to an endpoint: name look-up, proxies, TCP, TLS. Knows nothing of WebSocket."""
