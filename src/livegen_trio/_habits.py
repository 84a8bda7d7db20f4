"""Names that people bring along from other clients of the Live API, and what they are called here. Pure.

A class or a module that is asked for one of them raises an `AttributeError` that says so.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from ._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MODEL: Final = "get_live_generative_model(name, backend=GeminiBackend())"

MODULE: Final[Mapping[str, str]] = {
    "Client": f"{_MODEL} takes its place",
    "genai": f"this is no google-genai; {_MODEL} begins",
    "connect": f"on Trio: async with {_MODEL}.connect(); on asyncio: livegen_trio.anyio.connect(model)",
    "LiveConnectConfig": "LiveGenerationConfig, and system_instruction and tools of get_live_generative_model",
    "GenerateContentConfig": "LiveGenerationConfig, and system_instruction and tools of get_live_generative_model",
    "LiveModel": f"LiveGenerativeModel, made by {_MODEL}",
    "GenerativeModel": f"LiveGenerativeModel, made by {_MODEL}",
    "AsyncSession": "LiveSession, from model.connect()",
    "Session": "LiveSession, from model.connect()",
    "AgentSession": "LiveSession, from model.connect(); with sound: livegen_trio.audio.AudioConversation",
    "AudioConversation": "livegen_trio.audio.AudioConversation",
    "RecordingBackend": "livegen_trio.testing.RecordingBackend",
    "function_tool": "a plain function is a tool; livegen_trio.tool refines it",
}
"""For `livegen_trio` itself."""

SESSION: Final[Mapping[str, str]] = {
    "close": "leaving the block of connect() closes the session; await session.aclose() does it before",
    "send_realtime_input": "send_audio_realtime(), send_video_realtime(), send_text_realtime(), activity()",
    "send_client_content": "send(content, turn_complete=...)",
    "send_tool_response": "send_function_responses([...]); functions given as tools are answered by themselves",
    "start_stream": "send_media_stream(source)",
    "send_message": "send(content), or ask(content), which returns the answer",
    "send_text": "send(text), or send_text_realtime(text)",
    "send_audio": "send_audio_realtime(data)",
    "send_video": "send_video_realtime(data), or send(text, picture=...)",
    "send_image": "send(text, picture=...), or send_video_realtime(data)",
    "push_audio": "send_audio_realtime(data)",
    "commit_audio": "end_audio(), or activity()",
    "generate_reply": "send(content), or ask(content), which returns the answer",
    "say": "send(content); the model speaks in its own way",
    "interrupt": "speech and text of the user interrupt the model; send(content) does",
    "events": "async for event in session",
    "listen": "async for event in session, or async for turn in session.turns()",
    "start_receive": "async for event in session",
    "update_session": "update_context(system_instruction=..., tools=...)",
    "update_instructions": "update_context(system_instruction=...)",
    "update_tools": "update_context(tools=...)",
}
"""For a session."""

GENERATIVE_MODEL: Final[Mapping[str, str]] = {
    "aio": "async with model.connect() as session",
    "live": "async with model.connect() as session",
    "generate_content": "async with model.connect() as session: await session.ask(content)",
    "start_chat": "async with model.connect() as session",
    "start": "async with model.connect() as session",
}
"""For a model."""

_NO_SETTINGS: Final[Mapping[str, str]] = {
    "system_instruction": "it is an argument of get_live_generative_model",
    "tools": "it is an argument of get_live_generative_model",
    "tool_config": "it is an argument of get_live_generative_model",
    "session_resumption": "it is an argument of connect()",
    "http_options": "base_url, headers and proxy are arguments of the backend, and time limits of connect()",
    "voice": (
        "write speech_config=SpeechConfig(voice_config=VoiceConfig(prebuilt_voice_config="
        'PrebuiltVoiceConfig(voice_name="Kore")))'
    ),
}


def missing(owner: str, name: str, habits: Mapping[str, str], known: Iterable[str]) -> AttributeError:
    """Return the error for a name that *owner* doesn't have."""
    message = f"{owner} has no attribute {name!r}"
    if name in habits:
        return AttributeError(f"{message}: {habits[name]}")
    close = get_close_matches(name, [one for one in known if not one.startswith("_")], n=1)
    return AttributeError(f"{message}; did you mean {close[0]!r}?" if close else message)


def check_settings(config: Mapping[str, object]) -> None:
    """Refuse what is no setting of the generation, in a dict that is given as a config.

    Raises:
        ConfigError: It belongs elsewhere; the message says where.
    """
    for name in config:
        if name in _NO_SETTINGS:
            raise ConfigError(f"{name} is no part of generation_config; {_NO_SETTINGS[name]}")
