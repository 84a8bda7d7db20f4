"""Which proxy is taken: an explicit one, the environment's, or none."""

from __future__ import annotations

import pytest

from livegen_trio import ConfigError, GeminiBackend
from livegen_trio.transports._dial.proxies import Proxy, check_proxy, parse_proxy, proxy_of_environment
from support.uninstalled import uninstall

SECRET = "the-password-0123456789"
VARIABLES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy", "ws_proxy", "wss_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy.test:3128", Proxy("http", "proxy.test", 3128, "", "")),
        ("http://proxy.test", Proxy("http", "proxy.test", 80, "", "")),
        ("https://proxy.test/", Proxy("https", "proxy.test", 443, "", "")),
        ("HTTP://[::1]:3128", Proxy("http", "::1", 3128, "", "")),
        ("socks5h://ann:pass%3Aword@proxy.test", Proxy("socks5h", "proxy.test", 1080, "ann", "pass:word")),
        ("socks5://10.0.0.1:9050", Proxy("socks5", "10.0.0.1", 9050, "", "")),
        ("http://ann@proxy.test:1", Proxy("http", "proxy.test", 1, "ann", "")),
        ("http://b\u00fccher.test", Proxy("http", "b\u00fccher.test", 80, "", "")),
    ],
)
def test_a_proxy_is_read_from_its_url(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy
    assert check_proxy(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy.test:3128",
        f"ann:{SECRET}@proxy.test:3128",
        f"http://ann:{SECRET}@",
        f"http://ann:{SECRET}@proxy.test:port",
        f"http://ann:{SECRET}@proxy.test:0",
        f"http://ann:{SECRET}@proxy.test/path",
        f"http://ann:{SECRET}@proxy.test?query",
        f"http://ann:{SECRET}@proxy.test#fragment",
        f"http://ann:{SECRET}@[proxy.test",
        f"http://ann:{SECRET}@proxy..test",
        f"http://ann:{SECRET}@{'x' * 64}.test",
        f"http://ann:{SECRET}@proxy test",
        f"ftp://ann:{SECRET}@proxy.test",
        f"socks5h://:{SECRET}@proxy.test",
        "socks5h://ann@proxy.test",
        f"socks5h://ann:{SECRET}ü@proxy.test",
        f"socks5h://ann:{SECRET * 20}@proxy.test",
    ],
)
def test_what_is_no_proxy_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="prox") as caught:
        GeminiBackend(api_key="k", proxy=url)
    assert SECRET not in repr(caught.getrepr())


@pytest.mark.parametrize("url", ["socks://ann:pw@proxy.test:1080", "SOCKS://ann:pw@proxy.test"])
def test_what_desktops_call_socks_is_version_5_and_looks_up_names(url: str) -> None:
    assert parse_proxy(url) == Proxy("socks5h", "proxy.test", 1080, "ann", "pw")
    assert check_proxy(url).startswith("socks5h://ann:pw@proxy.test")


def test_a_proxy_hides_its_credentials() -> None:
    assert SECRET not in repr(parse_proxy(f"http://ann:{SECRET}@proxy.test"))


def test_socks_needs_a_package_and_http_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livegen_trio.transports._dial.proxies.find_spec", lambda _: None)
    uninstall(monkeypatch, "python_socks")
    with pytest.raises(ConfigError, match=r'pip install "livegen-trio\[proxy\]"'):
        check_proxy("socks5h://proxy.test")
    check_proxy("http://proxy.test")


# The environment


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("HTTPS_PROXY", "wss://voice.test"),
        ("https_proxy", "https://voice.test:8443/path"),
        ("HTTP_PROXY", "ws://voice.test"),
        ("http_proxy", "http://voice.test"),
        ("ALL_PROXY", "wss://voice.test"),
        ("ALL_PROXY", "ws://voice.test"),
    ],
)
def test_the_environment_names_a_proxy(variable: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of_environment(url) is None
    monkeypatch.setenv(variable, "http://proxy.test:3128")
    assert proxy_of_environment(url) == "http://proxy.test:3128"


def test_the_proxy_for_a_scheme_goes_before_the_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.test:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.test:1")
    assert proxy_of_environment("wss://voice.test") == "http://secure.test:1"
    assert proxy_of_environment("ws://voice.test") == "http://all.test:1"


def test_a_proxy_without_a_scheme_speaks_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    assert proxy_of_environment("wss://voice.test") == "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("exceptions", "url", "is_proxied"),
    [
        ("voice.test", "wss://voice.test", False),
        (".test", "wss://voice.test", False),
        ("voice.test:8443", "wss://voice.test:8443", False),
        ("voice.test:8443", "wss://voice.test", True),
        ("*", "wss://voice.test", False),
        ("other.test", "wss://voice.test", True),
        ("voice.test:443", "wss://voice.test", False),
        ("voice.test:80", "ws://voice.test", False),
        ("voice.test:80", "wss://voice.test", True),
        ("*.test", "wss://voice.test", False),
        ("*.voice.test", "wss://voice.test", True),
        ("*.voice.test", "wss://my.voice.test", False),
        ("*.test:8443", "wss://voice.test:8443", False),
        ("*.test:8443", "wss://voice.test", True),
        ("oice.test", "wss://voice.test", True),
        ("VOICE.test.", "wss://voice.TEST", False),
        ("other.test, voice.test", "wss://voice.test", False),
        ("other.test voice.test", "wss://voice.test", False),
        ("10.0.0.0/8", "wss://10.1.2.3", False),
        ("10.0.0.0/8", "wss://11.1.2.3", True),
        ("10.0.0.1/8", "wss://10.1.2.3", False),
        ("10.0.0.0/8", "wss://voice.test", True),
        ("10.1.2.3", "wss://10.1.2.3:8443", False),
        ("10.1.2.3:443", "wss://10.1.2.3:8443", True),
        ("10.0.0.0/8:8443", "wss://10.1.2.3:8443", False),
        ("1.2.3", "wss://10.1.2.3", True),
        ("2001:db8::/32", "wss://[2001:db8::1]", False),
        ("2001:db8::1", "wss://[2001:db8::1]:8443", False),
        ("[2001:db8::1]", "wss://[2001:db8::1]", False),
        ("[2001:db8::1]:8443", "wss://[2001:db8::1]", True),
        ("[2001:db8::]/32", "wss://[2001:db8::1]", True),
        ("10.0.0.0/8", "wss://[2001:db8::1]", True),
        ("", "wss://voice.test", True),
        (".", "wss://voice.test", True),
        (":443", "wss://voice.test", True),
        ("10.0.0.0/99,[,:,*x,a:b:c", "wss://voice.test", True),
    ],
)
def test_exceptions_are_respected(
    exceptions: str, url: str, *, is_proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert (proxy_of_environment(url) is not None) is is_proxied


@pytest.mark.parametrize("host", ["localhost", "my.localhost", "127.0.0.1", "127.3.2.1", "[::1]"])
def test_this_machine_is_never_reached_through_the_environments_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    assert proxy_of_environment(f"ws://{host}:8080") is None


def test_another_machines_address_is_reached_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    assert proxy_of_environment("ws://10.0.0.1:8080") == "http://proxy.test:3128"


def test_nonsense_in_the_environment_is_an_error_with_the_variable_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://ann:{SECRET}@proxy.test")
    with pytest.raises(ConfigError, match="in the environment's https_proxy: 'gopher' is no kind") as caught:
        proxy_of_environment("wss://voice.test")
    assert SECRET not in str(caught.value)


async def test_a_backend_reads_the_environment_on_each_dial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend, straight = GeminiBackend(api_key="k"), GeminiBackend(api_key="k", proxy=None)
    for proxy in ("http://first.test:1", "http://second.test:2"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        assert (await backend.endpoint()).proxy == proxy
        assert (await straight.endpoint()).proxy is None
