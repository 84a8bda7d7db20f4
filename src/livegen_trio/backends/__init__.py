"""Where and how to dial."""

from .base import Backend as Backend
from .base import WebSocketBackend as WebSocketBackend
from .gemini import GeminiBackend as GeminiBackend
