"""Ephemeral tokens: a server gives them to browsers and phones in place of its API key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, get_args

import msgspec

from ._errors import ConfigError, HandshakeError
from ._model import is_default_config
from ._needs_trio import needs_trio
from ._protocol.close_hints import diagnose_status
from ._protocol.codec import encode_client_message
from .backends._vertex_only import ONLY_VERTEX_IN_SETUP
from .backends.gemini import AUTH_TOKENS, KEY_HEADER, GeminiBackend
from .types import LiveGenerationConfig, Model, SessionResumptionConfig, Setup, make_setup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ._model import LiveGenerativeModel
    from .backends.base import Backend
    from .transports._https import Response
    from .transports.base import Endpoint

_LONGEST_LIFE: Final = timedelta(hours=20)
_NOT_FOUND: Final = 'no tokens are made at this URL; check the host, or try api_version="v1alpha"'
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)  # what decoding raises
_LOCKED_BY_FIELD: Final = frozenset({"generationConfig", "systemInstruction"})
_BODY_SIZE: Final = 2048  # bytes of a refusal that its error keeps
_MESSAGE_SIZE: Final = 500  # characters of a refusal that its error's message repeats


@dataclass(frozen=True, slots=True)
class AuthToken:
    """An ephemeral token, with the limits that were asked for.

    Attributes:
        name: The token itself, a secret that is not in the repr: for `GeminiBackend(api_key=token.name)`, or in place
            of the API key of another SDK.
        uses: Sessions that can be begun with it; 0 for any number. Resuming a session does not count as a use.
        expire_time: When its sessions end; None for the service's default, 30 minutes after it was made.
        new_session_expire_time: When no session can be begun any more; None for the service's default, a minute.
    """

    name: str = field(repr=False)
    uses: int
    expire_time: datetime | None
    new_session_expire_time: datetime | None


async def create_auth_token(
    model: LiveGenerativeModel | None = None,
    *,
    backend: Backend | None = None,
    uses: int = 1,
    expire_time: datetime | timedelta | None = None,
    new_session_expire_time: datetime | timedelta | None = None,
    lock_additional_fields: Sequence[str] | None = None,
    session_resumption: Literal["auto"] | None = "auto",
) -> AuthToken:
    """Make an ephemeral token, which begins Live sessions in place of an API key.

    With a *model* the token is good for that model alone, with its instruction, tools and configuration: what the
    token's user asks for counts only where it is not locked. Without one the user may ask for anything. A token for a
    model with `proactivity` or affective dialog is made and used in "v1alpha", so its user gives
    `api_version="v1alpha"`.

    There is no time-out: use `trio.fail_after`. If it is cancelled, the service may have made a token that is never
    used.

    Args:
        model: The model that the token is for. The token is made on its backend.
        backend: The backend for a token without a model; by default `GeminiBackend()`.
        uses: The number of sessions that can be begun with it; 0 for any number. Resuming a session does not count as
            a use.
        expire_time: When its sessions end: a time, or a duration from now. Less than 20 hours ahead; 30 minutes if
            None.
        new_session_expire_time: The last moment to begin a session with it; likewise, and a minute if None.
        lock_additional_fields: None locks the whole setup: nothing of the user's own counts. A list locks what the
            model sets and the fields that are named here, such as `["temperature", "tools"]`: those get the service's
            defaults if the model doesn't set them. The rest is the user's. Names are those of `LiveGenerationConfig`
            and `Setup`, in snake_case or camelCase, or paths like `realtime_input_config.activity_handling`. Of
            `generation_config` what is set is locked, field by field; of another message all of it.
        session_resumption: "auto" has a setup that is locked as a whole ask for resumption handles; None doesn't.
            Otherwise it is the user's matter, unless "session_resumption" is locked. Whether the service regards the
            user's handle where all is locked is not known: `lock_additional_fields=[]` is on the safe side.

    Returns:
        The token.

    Raises:
        ConfigError: The backend has no tokens, its key is a token itself, or an argument is out of its limits.
            Nothing was dialled.
        HandshakeError: The service could not be reached, or refused, with `status_code` and `body`; or there is no
            token in its answer.
        RuntimeError: This is no Trio task; on asyncio use `livegen_trio.anyio.create_auth_token`.
    """
    from .transports._https import post_json  # noqa: PLC0415 - few programs ask for tokens

    needs_trio("create_auth_token()", on_asyncio="use livegen_trio.anyio.create_auth_token()")
    service = _service(model, backend)
    begins_until = _instant("new_session_expire_time", new_session_expire_time)
    ends = _instant("expire_time", expire_time)
    asked: dict[str, object] = {
        "uses": _checked_uses(uses),
        "expireTime": ends,
        "newSessionExpireTime": begins_until,
    }
    setup = _setup_of(model, service, lock_additional_fields, session_resumption)
    if setup is not None:
        service = service.for_setup(setup)
        asked |= _constraints(setup, lock_additional_fields)
    body = msgspec.json.encode({name: value for name, value in asked.items() if value is not None})
    endpoint = await service.auth_tokens_endpoint()
    response = await post_json(endpoint, body)
    if response.status == 401 and (renewed := await service.auth_tokens_endpoint()) != endpoint:
        endpoint, response = renewed, await post_json(renewed, body)
    name = _name_in(response, endpoint)
    return AuthToken(name=name, uses=uses, expire_time=ends, new_session_expire_time=begins_until)


def _service(model: LiveGenerativeModel | None, backend: Backend | None) -> GeminiBackend:
    if model is not None and backend not in (None, model.backend):
        raise ConfigError("the model is on a backend of its own; leave backend out")
    service = backend or (GeminiBackend() if model is None else model.backend)
    if not isinstance(service, GeminiBackend):
        raise ConfigError(
            f"{type(service).__name__} has no ephemeral tokens, only the Gemini Developer API: use GeminiBackend"
        )
    return service


def _checked_uses(uses: int) -> int:
    if not 0 <= uses < 2**31:
        raise ConfigError(f"uses is a number of sessions, or 0 for any number; not {uses}")
    return uses


def _instant(name: str, when: object) -> datetime | None:
    now = datetime.now(UTC)
    match when:
        case None:
            return None
        case timedelta():
            ahead = when
        case datetime() if when.utcoffset() is not None:
            ahead = when - now
        case _:
            raise ConfigError(f"{name} is a datetime with its time zone, or a timedelta from now")
    if not timedelta(0) < ahead < _LONGEST_LIFE:
        raise ConfigError(f"{name} has to be ahead, by less than 20 hours")
    return now + ahead


def _setup_of(
    model: LiveGenerativeModel | None,
    service: GeminiBackend,
    additional: Sequence[str] | None,
    session_resumption: Literal["auto"] | None,
) -> Setup | None:
    """The setup that a token is locked to; None for a token without a model."""
    if model is None:
        if additional is not None:
            raise ConfigError("lock_additional_fields locks fields of a model's setup; give the model")
        return None
    if session_resumption not in ("auto", None):
        raise ConfigError('session_resumption is "auto" or None; a handle is no part of a token')
    asks_for_handles = additional is None and session_resumption == "auto"
    # A list locks what the model sets; its default it doesn't set.
    is_set = additional is None or not is_default_config(model.generation_config)
    setup = make_setup(
        model.model,
        model.generation_config if is_set else LiveGenerationConfig(),
        system_instruction=model.system_instruction,
        tools=model.tools,
        tool_config=model.tool_config,
        session_resumption=SessionResumptionConfig() if asks_for_handles else None,
    )
    return service.prepare_setup(setup)


def _constraints(setup: Setup, additional: Sequence[str] | None) -> Mapping[str, object]:
    fields = _wire_form(setup)
    if additional is None:
        return {"bidiGenerateContentSetup": fields}
    if isinstance(additional, str):
        raise ConfigError("lock_additional_fields is a list of names")
    paths = dict.fromkeys((*_set_paths(fields), *map(_path_of, additional)))
    return {"bidiGenerateContentSetup": fields, "fieldMask": ",".join(paths)}


def _wire_form(setup: Setup) -> Mapping[str, object]:
    """The setup without its envelope, which is refused here, and without a configuration that is empty."""
    frame: dict[str, dict[str, object]] = msgspec.json.decode(encode_client_message(setup))
    return {
        name: value for name, value in frame["setup"].items() if (name, value) != ("generationConfig", {})
    }


def _set_paths(fields: Mapping[str, object]) -> Iterator[str]:
    """Paths to what is set, as google-genai makes them: two messages field by field, and the others as a whole."""
    for name, value in fields.items():
        if name in _LOCKED_BY_FIELD and _is_message(value):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _is_message(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict)


def _path_of(name: str) -> str:
    known = _known_paths()
    if name not in known:
        choice = ", ".join(name for name in known if "." not in name and name.islower())
        raise ConfigError(
            f"there is no field {name!r} to lock; there are {choice}, and the fields inside of those"
        )
    return known[name]


@cache
def _known_paths() -> Mapping[str, str]:
    """Paths by each way to write them. Those in `generationConfig` have a short form, as users set them."""
    paths: dict[str, str] = {}
    for outer in msgspec.structs.fields(Setup):
        paths[outer.name] = paths[outer.encode_name] = outer.encode_name
        for inner in _fields_inside(outer):
            path = f"{outer.encode_name}.{inner.encode_name}"
            paths[f"{outer.name}.{inner.name}"] = paths[path] = path
            if outer.name == "generation_config":
                paths[inner.name] = paths[inner.encode_name] = path
    unknown_there = {paths[name] for name in ONLY_VERTEX_IN_SETUP if name in paths}
    return {name: path for name, path in paths.items() if path not in unknown_there}


def _fields_inside(field: msgspec.structs.FieldInfo) -> Sequence[msgspec.structs.FieldInfo]:
    """Of one message, that is; a mask can't reach into each of several."""
    kinds = get_args(field.type) if isinstance(field.type, UnionType) else ()
    structs = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Model))
    return [inner for struct in structs for inner in msgspec.structs.fields(struct)]


class _Answer(msgspec.Struct):
    name: str = ""


class _Reason(msgspec.Struct):
    message: str = ""


class _Refusal(msgspec.Struct):
    error: _Reason = msgspec.field(default_factory=_Reason)


def _name_in(response: Response, endpoint: Endpoint) -> str:
    if not 200 <= response.status < 300:
        raise _refused(response, dict(endpoint.headers)[KEY_HEADER])
    try:
        name = msgspec.json.decode(response.body, type=_Answer).name
    except _UNREADABLE:
        name = ""
    if not name.startswith(AUTH_TOKENS):
        raise HandshakeError(
            "there is no token in the server's answer", phase="request", status_code=response.status
        )
    return name


def _refused(response: Response, key: str) -> HandshakeError:
    body = response.body.replace(key.encode(), b"<hidden>")  # a server may repeat what it was sent
    try:
        message = msgspec.json.decode(body, type=_Refusal).error.message[:_MESSAGE_SIZE]
    except _UNREADABLE:
        message = ""
    diagnosis = diagnose_status(response.status)
    hint = _NOT_FOUND if response.status == 404 else diagnosis.hint
    return HandshakeError(
        f"the server gave no token, but HTTP status {response.status}" + (f": {message}" if message else ""),
        phase="request",
        status_code=response.status,
        body=body[:_BODY_SIZE],
        retryable=diagnosis.retryable,
        hint=hint,
    )
