"""The estimate of what events take in memory, against what they take."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from livegen_trio._protocol.codec import decode_server_message
from livegen_trio._protocol.memory import estimate_memory
from livegen_trio.types import UnreadableFrame

CONTENT = '{"serverContent":{%s}}'
PARTS = CONTENT % '"modelTurn":{"parts":[%s]}'
ARGS = '{"toolCall":{"functionCalls":[{"name":"f","args":{"a":%s}}]}}'
GROUNDING = CONTENT % '"groundingMetadata":{%s}'

SHAPES = {
    "a word of a transcription": (CONTENT % '"outputTranscription":{"text":"a"}', 200),
    "the end of a turn": (CONTENT % '"turnComplete":true', 200),
    "empty parts": (PARTS % ("{}," * 900 + "{}"), 10),
    "many empty parts": (PARTS % ("{}," * 18_000 + "{}"), 2),
    "short parts": (PARTS % ('{"text":"a"},' * 300 + "{}"), 10),
    "parts of a wrong type": (PARTS % ('{"text":1},' * 300 + "{}"), 10),
    "half surrogate pairs": (PARTS % ('{"text":"\\ud800"},' * 200 + "{}"), 10),
    "ASCII": (PARTS % ('{"text":"%s"}' % ("a" * 50_000)), 5),
    "ASCII with one emoji": (PARTS % ('{"text":"\U0001f600%s"}' % ("a" * 50_000)), 5),
    "ASCII with one escaped emoji": (PARTS % ('{"text":"\\ud83d\\ude00%s"}' % ("a" * 50_000)), 5),
    "sound": (PARTS % ('{"inlineData":{"mimeType":"audio/pcm","data":"%s"}}' % ("AAAA" * 3_200)), 10),
    "a little sound": (PARTS % ('{"inlineData":{"mimeType":"audio/pcm","data":"%s"}}' % ("AAAA" * 320)), 50),
    "calls": ('{"toolCall":{"functionCalls":[%s{"name":"f"}]}}' % ('{"name":"f"},' * 150), 10),
    "arguments": (ARGS % ("{{{}}}".format(",".join(f'"k{number}":1' for number in range(400)))), 10),
    "lists": (ARGS % ("[%s[]]" % ("[]," * 1_200)), 10),
    "lists in lists": (ARGS % ("[" * 400 + "]" * 400), 10),
    "objects": (ARGS % ("[%s{}]" % ('{"a":1},' * 400)), 10),
    "numbers": (ARGS % ("[%s1]" % ("300," * 900)), 10),
    "fractions": (ARGS % ("[%s1]" % ("1.5," * 900)), 10),
    "words": (ARGS % ("[%s1]" % ('"ab",' * 700)), 10),
    "unknown fields": (CONTENT % ('"new":[%s{}]' % ('{"a":[]},' * 400)), 10),
    "unknown messages": ("{{{}}}".format(",".join(f'"k{number}":{{}}' for number in range(300))), 10),
    "usage": ('{"usageMetadata":{"promptTokensDetails":[%s{}]}}' % ("{}," * 1_000), 10),
    "sources": (GROUNDING % ('"groundingChunks":[%s{}]' % ('{"web":{}},' * 350)), 10),
    "segments": (GROUNDING % ('"groundingSupports":[%s{}]' % ('{"segment":{}},' * 250)), 10),
    "cancelled calls": ('{"toolCallCancellation":{"ids":[%s"a"]}}' % ('"a",' * 1_000), 10),
}


def memory_of(frame: bytes, times: int) -> float:
    """Bytes that the events of a frame take, with their places in a queue."""
    kept = []
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(times):
            kept += [(event, 0, float(number)) for event in decode_server_message(frame)]
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / times
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("text", "times"), SHAPES.values(), ids=SHAPES)
def test_events_take_at_most_twice_what_is_estimated(text: str, times: int) -> None:
    frame = text.encode()
    estimate = estimate_memory(frame, decode_server_message(frame))
    assert memory_of(frame, times) < 2 * estimate
    assert estimate >= len(frame)


def test_text_is_estimated_as_bytes_are() -> None:
    text = "é\ud800"
    assert estimate_memory(text, ()) == estimate_memory(text.encode(errors="surrogatepass"), ())


def test_of_a_frame_that_can_not_be_read_little_is_kept() -> None:
    assert estimate_memory(b"{" * 10_000, [UnreadableFrame()]) == 10_000


def test_sound_is_hardly_more_than_its_frame() -> None:
    frame = SHAPES["sound"][0].encode()
    assert estimate_memory(frame, decode_server_message(frame)) < 1.2 * len(frame)
