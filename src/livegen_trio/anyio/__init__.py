"""The same sessions inside AnyIO applications: as AnyIO's streams, with AnyIO's exceptions."""

from ._streams import (
    EventStream as EventStream,
    InputStream as InputStream,
    SessionInput as SessionInput,
    event_stream as event_stream,
    input_stream as input_stream,
)
