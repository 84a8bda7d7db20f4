"""How the service ends connections: codes and reasons as they were seen, and what an error has to make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Ending:
    """One ending.

    Attributes:
        code: The close code.
        reason: The service's words, cut at 123 bytes as it does.
        retryable: Whether trying again may help.
        hint: Words that the hint has to have.
        resuming: Whether it was seen in answer to a setup with a resumption handle.
        is_general: Whether the reason may mean something else with a handle than without.
    """

    code: int
    reason: str
    retryable: bool
    hint: str
    resuming: bool = False
    is_general: bool = False


ENDINGS: Final = [
    # A setup or a message that doesn't fit
    Ending(1007, "Request contains an invalid argument.", False, "a field of the setup", is_general=True),
    Ending(
        1007,
        "Invalid JSON payload received. Unknown name \"transparent\" at 'setup.session_resumption': Cannot find field.",
        False,
        "does not know that field",
    ),
    Ending(
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model.",
        False,
        "response_modalities",
    ),
    Ending(1007, "Cannot extract voices from a non-audio request.", False, '["AUDIO"]'),
    Ending(1007, "Text output is not supported for native audio output model.", False, '["AUDIO"]'),
    Ending(1007, "No matching speaker voice found for name: alloy", False, "another voice"),
    Ending(
        1007,
        "The audio content type (CONTENT_TYPE_AUDIO) is not supported for this model configuration",
        False,
        "takes speech",
    ),
    Ending(
        1007,
        "Explicit activity control is not supported when automatic activity detection is enabled.",
        False,
        "automatic_activity_detection.disabled",
    ),
    Ending(
        1007,
        "Sample rate changed from previously 24000 to 16000, which is not supported.",
        False,
        "one sample rate",
    ),
    Ending(1008, "Operation is not implemented, or supported, or enabled.", False, "lacks a feature"),
    Ending(1008, "Request trace id: 5abe86...: application/json isn't", False, "type it can't take"),
    # A model that isn't there
    Ending(1008, "Requested entity was not found.", False, "model's name", is_general=True),
    Ending(1008, "Publisher model was not found.", False, "location"),
    Ending(
        1008,
        "Publisher Model `projects/p/locations/global/publishers/google/models/gemini-live-2.5-flash-preview-native-"
        "audio-09-",
        False,
        "location",
    ),
    Ending(
        1008,
        "models/gemini-9 is not found for API version v1beta, or is not supported for bidiGenerateContent. Call Li",
        False,
        "model's name",
    ),
    Ending(1007, "gemini-2.0-flash-exp is not supported in the live api.", False, "has the Live API"),
    # Somebody who isn't let in
    Ending(1007, "API key expired. Please renew the API key.", False, "renew the API key"),
    Ending(1007, "API key not valid. Please pass a valid API key.", False, "check the API key"),
    Ending(1007, "API Key not found. Please pass a valid API key.", False, "check the API key"),
    Ending(1008, "Your API key was reported as leaked. Please use another API key.", False, "make a new one"),
    Ending(
        1008,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other",
        False,
        "no key or token",
    ),
    Ending(
        1008,
        "Generative Language API has not been used in project 305248837586 before or it is disabled.",
        False,
        "enable that API",
    ),
    Ending(1008, "Permission denied on resource project None.", False, "project's id"),
    Ending(1008, "Your project has been denied access. Please contact support.", False, "blocked"),
    Ending(1007, "User location is not supported for the API us", False, "region"),
    # Somebody who doesn't pay
    Ending(
        1011,
        "You exceeded your current quota, please check your plan and billing details. For more information",
        True,
        "refill",
    ),
    Ending(1011, "Resource has been exhausted (e.g. check quota).", True, "slow down"),
    Ending(1011, "Resource exhausted. Please try again later.", True, "slow down"),
    Ending(
        1011,
        "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your",
        False,
        "top up",
    ),
    Ending(1008, "Your project has exceeded its monthly spending cap.", False, "spending cap"),
    # A connection that has come of age
    Ending(
        1008,
        "Connection aborted because the client failed to close the connection after receiving a GoAway signal once the",
        True,
        "goAway",
    ),
    Ending(1008, "The operation was aborted.", True, "reconnect"),
    Ending(1011, "Deadline expired before operation could complete.", True, "reconnect"),
    Ending(1006, "", True, "network"),
    # A session that can't be resumed
    Ending(1007, "Request contains an invalid argument.", False, "handle", resuming=True, is_general=True),
    Ending(1008, "Requested entity was not found.", False, "handle", resuming=True, is_general=True),
    Ending(1008, "BidiGenerateContent session not found", False, "handle"),
    Ending(1007, "Invalid session handle", False, "handle"),
    Ending(1011, "Internal error encountered.", True, "still be open", resuming=True, is_general=True),
    # A server that fails
    Ending(1011, "Internal error encountered.", True, "still open", is_general=True),
    Ending(1011, "Internal error occurred.", True, "still open", is_general=True),
    Ending(1011, "The service is currently unavailable.", True, "overloaded"),
]
