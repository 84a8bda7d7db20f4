"""The Silero voice detector: one model in memory, and a small state for each stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ._models import DETECTOR, verified
from ._onnx import open_model
from ._samples import ResampledStream, to_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._samples import Samples

RATE: Final = 16000  # what the model hears, in Hz

_FRAME: Final = 512
_CONTEXT: Final = 64  # samples of the frame before, which the model wants to see again
_STATE_SHAPE: Final = (2, 1, 128)


class SileroModel:
    """The model itself, for any number of streams and threads."""

    def __init__(self) -> None:
        """Check the file and load it. *Blocking*.

        Raises:
            EngineError: The file is not the right one, or the package to run it doesn't work.
        """
        # The package would load the model again for each stream, which takes 40 ms and 9 MB; so only its file is used.
        self._model = open_model(verified(DETECTOR), threads=1)
        self._rate = np.array(RATE, dtype=np.int64)

    def open_detector(self, rate: int) -> SileroDetector:
        """A detector for one stream at *rate* Hz. Quick."""
        return SileroDetector(self, rate)

    def probability(self, heard: Samples, state: Samples) -> tuple[float, Samples]:
        """The probability of speech in one frame with the context before it, and the state for the next."""
        output, new_state = self._model.run(
            None, {"input": heard[np.newaxis], "state": state, "sr": self._rate}
        )
        return float(output[0, 0]), new_state


class SileroDetector:
    """A `VoiceDetector`. A second of audio costs it some 3 ms of a core."""

    def __init__(self, model: SileroModel, rate: int) -> None:
        """Make one for a stream of audio at *rate* Hz."""
        self._model = model
        self._resampler = ResampledStream(rate, RATE)
        self._half_sample = b""
        self._pending = np.zeros(_CONTEXT, dtype=np.float32)
        """The context of the next frame, and what has come of that frame."""
        self._state = np.zeros(_STATE_SHAPE, dtype=np.float32)

    @property
    def frame_seconds(self) -> float:
        return _FRAME / RATE

    def feed(self, pcm: bytes) -> Sequence[float]:
        pcm = self._half_sample + pcm
        self._half_sample = pcm[len(pcm) // 2 * 2 :]
        return self.hear(self._resampler.feed(to_samples(pcm)))

    def hear(self, samples: Samples) -> Sequence[float]:
        """The same as `feed` for samples at `RATE`."""
        self._pending = np.concatenate((self._pending, samples))
        frames = (len(self._pending) - _CONTEXT) // _FRAME
        probabilities = [self._judge(self._pending[i * _FRAME :][: _CONTEXT + _FRAME]) for i in range(frames)]
        self._pending = self._pending[frames * _FRAME :]
        return probabilities

    def _judge(self, heard: Samples) -> float:
        probability, self._state = self._model.probability(heard, self._state)
        return probability
