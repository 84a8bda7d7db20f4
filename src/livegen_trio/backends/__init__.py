"""Where and how to dial."""

from .base import Backend as Backend, WebSocketBackend as WebSocketBackend
from .gemini import GeminiBackend as GeminiBackend
