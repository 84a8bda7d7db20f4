"""Where and how to dial."""

from .base import Backend as Backend, WebSocketBackend as WebSocketBackend
from .certificate import ClientCertificate as ClientCertificate
from .firebase import FirebaseBackend as FirebaseBackend
from .gemini import GeminiBackend as GeminiBackend
from .vertex import VertexBackend as VertexBackend
