"""A relay between browsers and Live sessions: an ASGI application, the same on asyncio and on Trio.

`relay` is mounted in Starlette or FastAPI. `livegen.js`, which it serves, is its client.
"""

from .._public_names import publish as _publish
from ._limits import Limits as Limits
from ._playground import playground as playground
from ._relay import RelayRefusal as RelayRefusal, Visitor as Visitor, relay as relay, token_of as token_of

_publish(globals())
