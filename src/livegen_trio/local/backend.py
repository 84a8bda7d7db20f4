"""The embedded server as a backend: in process, or wherever one is listening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .._errors import ConfigError
from ..backends.gemini import GeminiBackend
from ..transports.memory import memory_transport_pair
from ._dialect import Dialect
from ._loading import load_engines
from ._native import run_native
from ._server import LocalServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from ..transports.base import Endpoint, Progress, Transport, TransportName
    from ..types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse
    from ._engines import Engines

_NO_KEY: Final = "none"  # sent in place of a key, since a proxy before the server may want to see one

_IN_PROCESS: Final = "ws://in-process"


class LocalBackend(GeminiBackend):
    """The embedded server: no key, no network, no cost.

    Without a URL it runs inside of this process, and nothing is dialled: `LocalBackend()`. Its engines are loaded
    once, in a thread, when the first session connects; with the `[local]` extra it hears and speaks, without it
    converses in text. Sessions of one backend object can be resumed on it.

    Args:
        url: Of a server that `livegen-trio serve` or `livegen_trio.local.serve` runs, such as `ws://127.0.0.1:8080`.
        base_url: The same, by the name that the other backends have for it.
        api_key: For a server that asks for one.
        ssl_context: For `wss://`, in place of the system's certificates.
        proxy: URL of a proxy; by default the server is dialled straight.
        headers: Sent with the upgrade request.
        engines: What the server in this process works with.
        transport: What carries the frames to a server at a URL: "direct", our own, or "trio-websocket".

    Raises:
        ConfigError: The URL is none, or what is given goes with the other kind of server.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        engines: Engines | None = None,
        transport: TransportName = "direct",
    ) -> None:
        if url is not None and base_url is not None:
            raise ConfigError("url and base_url are one and the same; give one of them")
        url = url if url is not None else base_url
        if url is not None and engines is not None:
            raise ConfigError("engines belong to the server that runs in this process; leave out the URL")
        if url is None and (api_key, ssl_context, proxy, headers) != (None, None, None, None):
            raise ConfigError(
                "nothing is dialled without a URL: api_key, ssl_context, proxy and headers need one"
            )
        super().__init__(
            api_key=api_key or _NO_KEY,
            base_url=_IN_PROCESS if url is None else url,
            ssl_context=ssl_context,
            proxy=proxy,
            headers=headers,
            transport=transport,
        )
        # Copies of this backend, for another API version, share it.
        self._in_process = _InProcess(engines) if url is None else None

    def __repr__(self) -> str:
        return super().__repr__() if self._in_process is None else "LocalBackend()"

    def prepare_setup(self, setup: Setup) -> Setup:
        """*setup* as it is: the server stands in for other services as well, and says itself what it refuses."""
        return setup

    def check_message(self, message: ClientContent | RealtimeInput | ToolResponse | ContextUpdate) -> None:
        """Refuse nothing: the server does, where it has to."""

    async def auth_tokens_endpoint(self) -> Endpoint:
        """The address for requests for tokens, of a server at a URL."""
        if self._in_process is not None:
            raise ConfigError(
                "LocalBackend() is reached by nobody else and gives no tokens; give it a server's URL"
            )
        return await super().auth_tokens_endpoint()

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Open a connection to the server; in process it is started in *nursery*."""
        if self._in_process is None:
            return await super().dial(nursery, progress)
        server = await self._in_process.load()
        ours, theirs = memory_transport_pair()
        nursery.start_soon(server.converse, theirs, Dialect(version=self._api_version))
        return ours


class _InProcess:
    """The server of this process, made when it is needed first."""

    def __init__(self, engines: Engines | None) -> None:
        self._engines = engines
        self._server: LocalServer | None = None
        self._loading = trio.Lock()

    async def load(self) -> LocalServer:
        async with self._loading:
            if self._server is None:
                if self._engines is None:
                    self._engines = await run_native(load_engines)
                self._server = LocalServer(self._engines)
            return self._server
