"""What carries frames: the seam (`base`), WebSocket (`trio_websocket`) and memory (`memory`)."""
