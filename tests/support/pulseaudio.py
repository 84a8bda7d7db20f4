"""A PulseAudio of a test's own: null sinks for hardware, a microphone to speak into, a loudspeaker to listen to.

Its null sinks don't rewind. With rewinding, one renders two seconds of silence ahead while nobody plays, and the first
sound waits for them: playing 4.9 s then takes up to 6.9 s, with miniaudio as with any other client.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

SPEAKER: Final = "spk"
MICROPHONE: Final = "mic"
_MICROPHONE_SINK: Final = "micbus"  # what is played into it is what the microphone hears
_STARTING_SECONDS: Final = 10.0
MONITOR_RATE: Final = 48_000

MISSING: Final = [
    program for program in ("pulseaudio", "pactl", "parec", "paplay") if not shutil.which(program)
]
needs_pulseaudio: Final = pytest.mark.skipif(
    bool(MISSING), reason=f"PulseAudio is not installed (no {', '.join(MISSING)}): apt-get install pulseaudio"
)


class PulseAudio:
    """A running daemon.

    Attributes:
        environment: Variables with which clients find it.
    """

    def __init__(self, environment: Mapping[str, str], daemon: subprocess.Popen[bytes]) -> None:
        self._daemon = daemon
        self.environment: Mapping[str, str] = environment
        self._modules: dict[str, str] = {}

    def control(self, *command: str) -> str:
        """Run `pactl`."""
        run = subprocess.run(
            ["pactl", *command],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return run.stdout.strip()

    def end(self) -> None:
        """End the daemon. Idempotent."""
        self._daemon.terminate()
        self._daemon.wait(10)

    def plug_in(self, name: str) -> None:
        """Load the loudspeaker or the microphone *name*."""
        if name.startswith(MICROPHONE):
            options = ["module-remap-source", f"source_name={name}", f"master={_MICROPHONE_SINK}.monitor"]
        else:
            options = ["module-null-sink", f"sink_name={name}", f"rate={MONITOR_RATE}", "norewinds=1"]
        self._modules[name] = self.control("load-module", *options)

    def unplug(self, name: str) -> None:
        """Unload it."""
        self.control("unload-module", self._modules.pop(name))

    def set_up(self) -> None:
        """Plug in what every test has."""
        for name in (_MICROPHONE_SINK, SPEAKER, MICROPHONE):
            if name == _MICROPHONE_SINK:
                self._modules[name] = self.control(
                    "load-module",
                    "module-null-sink",
                    f"sink_name={name}",
                    f"rate={MONITOR_RATE}",
                    "norewinds=1",
                )
            else:
                self.plug_in(name)
        self.control("set-default-sink", SPEAKER)
        self.control("set-default-source", MICROPHONE)

    def let_the_microphone_hear_the_speaker(self, delay_ms: int = 60) -> None:
        """Have the loudspeaker's sound come to the microphone, as in a room."""
        self.control(
            *("load-module", "module-loopback", f"source={SPEAKER}.monitor", f"sink={_MICROPHONE_SINK}"),
            f"latency_msec={delay_ms}",
        )

    def speak(self, pcm: bytes, rate: int) -> None:
        """Say something into the microphone. *Blocking*, until it is said."""
        with tempfile.NamedTemporaryFile(suffix=".raw") as file:
            file.write(pcm)
            file.flush()
            options = f"--raw --rate={rate} --channels=1 --format=s16le --latency-msec=20"
            subprocess.run(
                ["paplay", *options.split(), f"--device={_MICROPHONE_SINK}", file.name],
                env={**os.environ, **self.environment},
                timeout=60,
                check=True,
            )

    @contextmanager
    def monitoring(self, sink: str = SPEAKER) -> Generator[Monitor]:
        """Record what a loudspeaker plays, while the block runs."""
        with tempfile.TemporaryFile() as file:
            options = f"--raw --rate={MONITOR_RATE} --channels=1 --format=s16le --latency-msec=10"
            recorder = subprocess.Popen(
                ["parec", *options.split(), f"--device={sink}.monitor"],
                env={**os.environ, **self.environment},
                stdout=file,
            )
            try:
                yield Monitor(Path(f"/proc/self/fd/{file.fileno()}"))
            finally:
                recorder.terminate()
                recorder.wait(10)


class Monitor:
    """A recording of a loudspeaker that goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pcm(self) -> bytes:
        """All of it so far, at `MONITOR_RATE`; silence included."""
        return self._path.read_bytes()


@contextmanager
def running_pulseaudio() -> Generator[PulseAudio]:
    """Run a daemon without hardware, and end it."""
    with tempfile.TemporaryDirectory(prefix="pulse") as folder:
        socket = Path(folder, "native")
        environment = {
            "XDG_RUNTIME_DIR": folder,
            "XDG_CONFIG_HOME": folder,
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_RUNTIME_PATH": folder,
            "PULSE_STATE_PATH": folder,
        }
        protocol = f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}"
        daemon = subprocess.Popen(
            ["pulseaudio", *["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"], protocol],
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
        )
        server = PulseAudio(environment, daemon)
        try:
            _wait_for(socket, daemon)
            server.set_up()
            yield server
        finally:
            server.end()


def _wait_for(socket: Path, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTING_SECONDS
    while not socket.exists():
        if daemon.poll() is not None or time.monotonic() > deadline:
            pytest.skip(f"PulseAudio doesn't run here (exit status {daemon.poll()})")
        time.sleep(0.02)
