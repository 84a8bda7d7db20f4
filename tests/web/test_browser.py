"""The playground in Chromium: a WAV is the microphone, and what the page plays is captured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from livegen_trio.audio import Recording, write_wav
from livegen_trio.local import load_engines, speech_available

if TYPE_CHECKING:
    from collections.abc import Generator

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
np = pytest.importorskip("numpy", reason="needs numpy")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(not speech_available(), reason="needs speech engines"),
]
PATIENCE = 30_000  # ms
# A worklet, since a ScriptProcessor loses blocks on a busy machine.
TAP = """async () => {
    window.sent = []; window.heard = []; window.flushed = null;
    const source = `registerProcessor("tap", class extends AudioWorkletProcessor {
        process([input]) { if (input[0]) this.port.postMessage(input[0].slice()); return true; }
    })`;
    await live.context.audioWorklet.addModule(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    const tap = new AudioWorkletNode(live.context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => heard.push(...data);
    live.playback.connect(tap);
    live.addEventListener("sound", ({ detail }) => sent.push(...detail.pcm));
    window.underruns = 0;
    let interruptedAt = 0;
    live.addEventListener("interrupted", () => (interruptedAt = performance.now()));
    live.addEventListener("speaker", ({ detail }) => {
        underruns = detail.underruns;
        if (interruptedAt && flushed === null && detail.epoch === (live.epoch & 0xffff))
            flushed = performance.now() - interruptedAt;
    });
}"""


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from livegen_trio.local.speech._samples import resample, to_pcm, to_samples

    engines = load_engines()
    assert engines.synthesizer is not None
    speech = engines.synthesizer.synthesize("What is the weather in Paris?")
    path: Path = tmp_path_factory.mktemp("browser") / "question.wav"
    pcm = to_pcm(resample(to_samples(speech), 24_000, 48_000))
    write_wav(path, Recording(bytes(96_000) + pcm + bytes(96_000 * 30), 48_000))
    return path


@pytest.fixture(scope="module", params=["hypercorn on trio", "uvicorn on asyncio"])
def address(request: pytest.FixtureRequest) -> Generator[str]:
    command = ["-m", "livegen_trio", "playground", "--no-browser"]
    if "uvicorn" in request.param:
        command = [str(Path(__file__).parents[1] / "support" / "playground_on_uvicorn.py")]
    with subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.kill()


@contextmanager
def browsing(*arguments: str) -> Generator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic", *arguments]
        )
        page = browser.new_page(bypass_csp=True)  # for what the tests evaluate
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def test_a_spoken_question_is_transcribed_and_its_answer_heard(address: str, question: Path) -> None:
    with browsing(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={question}%noloop",
    ) as page:
        page.goto(address)
        page.get_by_test_id("start").click()
        page.wait_for_function("window.live?.state === 'open'")
        page.evaluate(TAP)
        page.get_by_test_id("model-text").first.wait_for()
        assert "weather in Paris" in page.get_by_test_id("user-text").first.inner_text()
        assert "get_weather" in page.get_by_test_id("tool-call").first.inner_text()
        page.wait_for_function("sent.length > 0 && live.heard.samples >= sent.length - 4800")
        page.wait_for_timeout(300)
        sent, heard, rate = page.evaluate("[sent, heard, live.context.sampleRate]")
        alike = correlation(np.array(sent) / 32768, np.array(heard), rate)
        underruns = page.evaluate("underruns")
        assert alike > 0.95, (alike, underruns)

        resume_id = page.evaluate("live.resumeId")
        page.evaluate("live.socket.close(4000)")
        page.wait_for_function("live.state === 'reconnecting'")
        page.wait_for_function("live.state === 'open'")
        assert page.evaluate("live.resumeId") == resume_id

        type_text(page, "What is the weather in Rome?")
        page.wait_for_function("document.querySelector('#transcript').innerText.includes('In Rome')")
        type_text(page, "What is the weather in Oslo?")
        page.get_by_test_id("interrupted").first.wait_for()
        page.wait_for_function("flushed !== null")
        assert page.evaluate("flushed") < 150


def test_a_denied_microphone_says_what_to_do(address: str) -> None:
    with browsing("--deny-permission-prompts", "--use-fake-device-for-media-stream") as page:
        page.goto(address)
        page.get_by_test_id("start").click()
        page.wait_for_function("document.querySelector('#why-text').textContent.length > 0")
        assert "allow the microphone" in page.locator("#why-text").inner_text()
        page.wait_for_function("live.state === 'open'")
        type_text(page, "What is the weather in Rome?")
        page.get_by_test_id("model-text").first.wait_for()


def type_text(page: Any, text: str) -> None:
    page.get_by_test_id("text-input").fill(text)
    page.get_by_test_id("send").click()


def correlation(sent: Any, heard: Any, rate: int) -> float:
    """The greatest normalized correlation of the two, over all delays."""
    length = int(len(sent) * rate / 24_000)
    wanted = np.interp(np.arange(length) * 24_000 / rate, np.arange(len(sent)), sent)
    size = 1 << (length + len(heard)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    return float(product.max() / (np.linalg.norm(wanted) * np.linalg.norm(heard)))
