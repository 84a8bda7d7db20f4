"""A client's certificate: shown to a server that asks for it, and an error if it can't be used."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trio
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from livegen_trio import (
    ClientCertificate,
    ConfigError,
    GeminiBackend,
    HandshakeError,
    LiveError,
    get_live_generative_model,
)
from support.authority import CA, server_context
from support.loopback import SETUP_COMPLETE, setups

if TYPE_CHECKING:
    from pathlib import Path

    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport

PASSWORD = "the-password-0123456789"
CERTIFICATE = CA.issue_cert("client.test")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files; the system's authorities are those of the tests."""
    CERTIFICATE.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    CERTIFICATE.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    CERTIFICATE.private_key_pem.write_to_path(tmp_path / "key.pem")
    CA.issue_cert("other.test").private_key_pem.write_to_path(tmp_path / "other.pem")
    key = load_pem_private_key(CERTIFICATE.private_key_pem.bytes(), None)
    encryption = BestAvailableEncryption(PASSWORD.encode())
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    (tmp_path / "encrypted.pem").write_bytes(encrypted)
    CA.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return tmp_path


def asking() -> ssl.SSLContext:
    """A server's TLS that lets in only clients with a certificate."""
    context = server_context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    CA.configure_trust(context)
    return context


async def accept(transport: TrioWebSocketTransport) -> None:
    await transport.send(SETUP_COMPLETE)
    await transport.receive()


async def connect(port: int, certificate: ClientCertificate | None) -> None:
    backend = GeminiBackend(
        api_key="k", base_url=f"wss://127.0.0.1:{port}", client_certificate=certificate, proxy=None
    )
    with trio.fail_after(10):
        async with get_live_generative_model("m", backend=backend).connect():
            pass


async def test_the_certificate_is_shown_to_the_server(folder: Path) -> None:
    certificates = [
        ClientCertificate(folder / "both.pem"),
        ClientCertificate(str(folder / "certificate.pem"), folder / "key.pem"),
        ClientCertificate(folder / "certificate.pem", folder / "encrypted.pem", PASSWORD),
    ]
    async with setups(accept, tls=asking()) as port:
        for certificate in certificates:
            await connect(port, certificate)


async def test_without_one_such_a_server_is_not_reached(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    async with trio.open_nursery() as nursery:
        refused = trio.Event()

        async def refuse(stream: trio.SocketStream) -> None:
            with pytest.raises(trio.BrokenResourceError):
                await trio.SSLStream(stream, asking(), server_side=True).do_handshake()
            await trio.aclose_forcefully(stream)
            refused.set()

        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, refuse, [listener])
        port = listener.socket.getsockname()[1]
        backend = GeminiBackend(api_key="k", base_url=f"wss://127.0.0.1:{port}", ssl_context=context)
        with pytest.raises(HandshakeError), trio.fail_after(10):
            async with get_live_generative_model("m", backend=backend).connect():
                pass
        await refused.wait()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("certfile", "keyfile", "password"),
    [
        ("missing.pem", None, None),
        ("certificate.pem", None, None),
        ("certificate.pem", "missing.pem", None),
        ("certificate.pem", "other.pem", None),
        ("certificate.pem", "encrypted.pem", None),
        ("certificate.pem", "encrypted.pem", f"{PASSWORD}X"),
        ("key.pem", None, None),
        (".", None, None),
        ("nul\0.pem", None, None),
        ("certificate.pem", "encrypted.pem", PASSWORD * 100),
    ],
)
def test_one_that_cant_be_used_is_an_error_where_it_is_given(
    folder: Path, certfile: str, keyfile: str | None, password: str | None
) -> None:
    certificate = ClientCertificate(folder / certfile, keyfile and folder / keyfile, password)
    with pytest.raises(ConfigError, match=r"the client certificate .* can't be used: ") as caught:
        GeminiBackend(api_key="k", client_certificate=certificate)
    assert isinstance(caught.value, LiveError)
    assert PASSWORD not in repr(caught.getrepr())
    assert PASSWORD not in repr(certificate)


async def test_google_has_hosts_of_its_own_for_certificates(folder: Path) -> None:
    certificate = ClientCertificate(folder / "both.pem")
    backend = GeminiBackend(api_key="k", client_certificate=certificate)
    assert (await backend.endpoint()).host == "generativelanguage.mtls.googleapis.com"
    backend = GeminiBackend(api_key="k", client_certificate=certificate, base_url="wss://gateway.test")
    assert (await backend.endpoint()).host == "gateway.test"


def test_a_certificate_and_a_context_of_ones_own_contradict_each_other(folder: Path) -> None:
    with pytest.raises(ConfigError, match="load the client certificate into the ssl_context"):
        GeminiBackend(
            api_key="k",
            client_certificate=ClientCertificate(folder / "both.pem"),
            ssl_context=ssl.create_default_context(),
        )
