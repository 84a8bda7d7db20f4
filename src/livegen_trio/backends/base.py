"""What a backend is: where to dial, as whom, and how its models are named."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ..transports.base import MAX_MESSAGE_SIZE

if TYPE_CHECKING:
    import trio

    from ..transports.base import Endpoint, Progress, Transport
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse


class Backend(ABC):
    """A way to reach a Live server. Immutable, so that many sessions can share it.

    Attributes:
        json_schema: Whether functions' parameters may be declared as JSON schemas, or only in the service's subset of
            OpenAPI.
    """

    json_schema: bool = True

    @abstractmethod
    def resource_name(self, model: str) -> str:
        """The name that `setup.model` carries for a model's short or full name.

        Raises:
            ConfigError: The name can't be one of this backend's models.
        """

    def prepare_setup(self, setup: Setup) -> Setup:
        """*setup* as this backend wants it, before anything is dialled. What is given stays as it is.

        Raises:
            ConfigError: It asks for what this backend doesn't support; the message names the field, the backend and
                the fix.
        """
        return setup

    def check_message(  # noqa: B027 - most backends refuse nothing
        self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate
    ) -> None:
        """Refuse a message that this backend is known not to support, before it is sent.

        Raises:
            LocalProtocolError: The message names the field, the backend and the fix.
        """

    @abstractmethod
    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Open a connection whose background tasks, if any, live in *nursery*.

        Raises:
            HandshakeError: The peer could not be reached, or refused the connection.
        """


class WebSocketBackend(Backend):
    """A backend that is reached over a WebSocket at an endpoint."""

    @abstractmethod
    async def endpoint(self) -> Endpoint:
        """Where to dial now. Called on every dial, so that keys and tokens are always fresh."""

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Open a WebSocket to `endpoint()`."""
        from ..transports._opening import open_websocket  # noqa: PLC0415 - for whoever dials

        progress.phase = "request"  # for a key or a token, if one has to be asked for
        endpoint = await self.endpoint()
        progress.phase = "dns"
        return await open_websocket(
            endpoint, nursery=nursery, progress=progress, max_message_size=MAX_MESSAGE_SIZE
        )
