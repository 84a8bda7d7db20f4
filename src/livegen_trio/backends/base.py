"""The seam of backends: which server to dial, with which credentials, and how its models are named."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Self

from .._errors import ConfigError, HandshakeError
from ..transports.base import MAX_MESSAGE_SIZE

if TYPE_CHECKING:
    import trio

    from ..transports.base import Endpoint, Progress, Transport
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse


_UNAUTHORIZED: Final = 401


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
        """*setup* as this backend needs it, before anything is dialled. The argument is not changed.

        Raises:
            ConfigError: It asks for what this backend doesn't support; the message names the field, the backend and
                the fix.
        """
        return setup

    def for_setup(self, setup: Setup) -> Self:  # noqa: ARG002 - most backends serve every setup alike
        """The backend to dial for a session that begins with *setup*: this one, unless it is served elsewhere."""
        return self

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
        """The address to dial now. Called on every dial, so that keys and tokens are always fresh."""

    def credentials_refused(self, endpoint: Endpoint) -> None:
        """Forget the credentials of *endpoint*: the server has refused them with HTTP status 401.

        `endpoint` is called once more, and dialled if it comes with others.
        """

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Open a WebSocket to `endpoint()`. Credentials that are refused (401) are renewed once."""
        endpoint = await self._endpoint_now(progress)
        try:
            return await _open(endpoint, nursery, progress)
        except HandshakeError as exc:
            if (exc.phase, exc.status_code) != ("upgrade", _UNAUTHORIZED):  # by a proxy it isn't about ours
                raise
            refusal = exc
        self.credentials_refused(endpoint)
        renewed = await self._renewed_endpoint(progress)
        if renewed is None or renewed.headers == endpoint.headers:
            raise refusal
        return await _open(renewed, nursery, progress)

    async def _endpoint_now(self, progress: Progress) -> Endpoint:
        progress.phase = "request"  # for a key or a token, if one has to be asked for
        return await self.endpoint()

    async def _renewed_endpoint(self, progress: Progress) -> Endpoint | None:
        """The endpoint with new credentials; None where there are none, and there won't be any soon."""
        try:
            return await self._endpoint_now(progress)
        except HandshakeError as exc:
            if exc.retryable:
                raise
        except ConfigError:
            pass
        return None


async def _open(endpoint: Endpoint, nursery: trio.Nursery, progress: Progress) -> Transport:
    from ..transports._opening import open_websocket  # noqa: PLC0415 - only for programs that dial

    progress.phase = "dns"
    return await open_websocket(
        endpoint, nursery=nursery, progress=progress, max_message_size=MAX_MESSAGE_SIZE
    )
