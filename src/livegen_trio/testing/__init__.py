"""For tests of Live applications: a server that plays a script, broken networks, recordings.

Fixtures for pytest are in `livegen_trio.testing.fixtures`.
"""

from .._public_names import publish as _publish
from ._faults import Fault as Fault, FaultyBackend as FaultyBackend, FaultyStream as FaultyStream
from ._matching import Pattern as Pattern
from ._recording import (
    RecordedEnding as RecordedEnding,
    RecordedFrame as RecordedFrame,
    Recording as Recording,
    RecordingBackend as RecordingBackend,
)
from ._redaction import Redaction as Redaction
from ._replay import connections_of as connections_of
from ._script import (
    Close as Close,
    Emit as Emit,
    Expect as Expect,
    HangUp as HangUp,
    Pause as Pause,
    ScriptError as ScriptError,
    ServerEnd as ServerEnd,
    Stall as Stall,
    Step as Step,
)
from ._scripted_server import (
    Connection as Connection,
    Refusal as Refusal,
    ScriptedBackend as ScriptedBackend,
    ScriptedServer as ScriptedServer,
)

_publish(globals())
