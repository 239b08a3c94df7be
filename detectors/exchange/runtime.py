"""The file as onnxruntime evaluates it: the judge of every counter-example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from streams.errors import BadInput

Floats = NDArray[np.float64]
QUIET = 4
"""onnxruntime's log level for fatal errors only."""


class Runtime:
    """An ONNX file in onnxruntime, on one thread. kind: the precision of its input.

    Raises BadInput where onnxruntime does not take the file.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = QUIET
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # Its exceptions share no base class but Exception.
            raise BadInput(str(path), str(error)[:200], "a model that onnxruntime can run") from None
        self._input, self._shape = self._session.get_inputs()[0], shape
        self.kind: type[np.floating] = np.float64 if self._input.type == "tensor(double)" else np.float32

    def __call__(self, point: Floats) -> Floats:
        """Outputs of one input (n,), which is rounded to ``kind``, row-major."""
        given = {self._input.name: point.astype(self.kind).reshape(self._shape)}
        return np.asarray(self._session.run(None, given)[0], dtype=np.float64).ravel()
