"""Opens ONNX models. Needs the packages of the `[local]` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .._engines import EngineError
from ._packages import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt

    from ._samples import Samples

    Inputs: TypeAlias = Mapping[str, Samples | npt.NDArray[np.int64]]
    """What a model is given, by name."""


class OnnxModel(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used."""

    def run(self, output_names: None, inputs: Inputs, /) -> Sequence[Samples]:
        """The model's outputs. *Blocking*; may be called by several threads."""
        ...


def open_model(path: Path, *, threads: int) -> OnnxModel:
    """Load a model, which will use as many threads for one run. *Blocking*.

    Raises:
        EngineError: ONNX Runtime doesn't work, or it doesn't take the model.
    """
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work in a loop would take it from the other conversations.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        model: OnnxModel = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # its errors have no base class of their own
        raise EngineError(f"ONNX Runtime can't load {path}: {exc}") from exc
    return model
