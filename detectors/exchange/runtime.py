"""The file as onnxruntime evaluates it: the judge of every counter-example."""

from __future__ import annotations

from collections.abc import Callable
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
        providers = ["CPUExecutionProvider"]
        self._path, self._shape = path, shape
        self._session = self._try(
            lambda: onnxruntime.InferenceSession(str(path), options, providers=providers)
        )
        self._input = self._session.get_inputs()[0]
        self.kind: type[np.floating] = np.float64 if self._input.type == "tensor(double)" else np.float32

    def __call__(self, point: Floats) -> Floats:
        """Outputs of one input (n,), which is rounded to ``kind``, row-major. Raises BadInput where
        onnxruntime fails on it."""
        given = {self._input.name: point.astype(self.kind).reshape(self._shape)}
        found = self._try(lambda: self._session.run(None, given))
        return np.asarray(found[0], dtype=np.float64).ravel()

    def _try(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            # Its exceptions share no base class but Exception.
            said = " ".join(str(error).split())[:200]
            raise BadInput(str(self._path), said, "a model that onnxruntime can run") from None
