"""The embedded Live server: the service's protocol, spoken by this machine, for demos, tests and offline work.

`LocalBackend()` is all that a session needs. `serve` runs a server for other programs and for other clients, and
`Engines` is where to put ears, a mind and a voice of your own.
"""

from .._public_names import publish as _publish
from ._dialect import Dialect as Dialect
from ._engines import (
    CallTool as CallTool,
    EngineError as EngineError,
    Engines as Engines,
    Responder as Responder,
    Say as Say,
    SpeechRecognizer as SpeechRecognizer,
    SpeechSynthesizer as SpeechSynthesizer,
    VoiceDetector as VoiceDetector,
)
from ._loading import (
    load_engines as load_engines,
    speech_available as speech_available,
    text_engines as text_engines,
)
from ._server import Address as Address, LocalServer as LocalServer, serve as serve
from .backend import LocalBackend as LocalBackend

_publish(globals())
