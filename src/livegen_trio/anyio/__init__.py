"""The same sessions inside AnyIO and asyncio applications, on either event loop.

`connect` opens a session wherever it is called, also on asyncio, uvloop and AnyIO's asyncio backend. `event_stream` and
`input_stream` show one as AnyIO's streams, with AnyIO's exceptions.
`AudioConversation` and the devices of `livegen_trio.audio` are the same on every loop.
"""

from .._public_names import publish as _publish
from ..audio import (
    AudioConversation as AudioConversation,
    open_devices as open_devices,
    open_microphone as open_microphone,
    open_speaker as open_speaker,
)
from ._connect import connect as connect, create_auth_token as create_auth_token
from ._streams import (
    EventStream as EventStream,
    InputStream as InputStream,
    SessionInput as SessionInput,
    event_stream as event_stream,
    input_stream as input_stream,
)

_publish(globals())
