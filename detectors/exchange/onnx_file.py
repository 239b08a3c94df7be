"""An ONNX file, loaded and checked: constants, nodes, one input, one output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from streams.errors import BadInput

ALLOWED = "an ONNX model"
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)


@dataclass(frozen=True)
class OnnxFile:
    """model: as loaded; input_shape: 1 for a free batch size; constants: initializers by name, finite."""

    path: Path
    model: onnx.ModelProto
    input_name: str
    input_shape: tuple[int, ...]
    output_name: str
    constants: Mapping[str, NDArray[Any]]

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return max((o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")), default=1)


def load_onnx(path: Path) -> OnnxFile:
    """Raises BadInput where the file is missing, truncated, not ONNX, invalid, or has NaN or infinite
    weights or other than one input and one output of floats."""
    model = _load(path)
    graph = model.graph
    constants = {tensor.name: _array(path, tensor) for tensor in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise BadInput(f"{path}: inputs, outputs", (len(inputs), len(graph.output)), "one input, one output")
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in _FLOATS:
        known = onnx.TensorProto.DataType.items()
        name = next((name for name, number in known if number == kind), kind)
        raise BadInput(f"{path}: input {inputs[0].name}", name, "FLOAT, DOUBLE")
    shape = _shape(path, inputs[0])
    return OnnxFile(path, model, inputs[0].name, shape, graph.output[0].name, constants)


def finite(where: str, array: NDArray[Any]) -> NDArray[Any]:
    """The array itself. Raises BadInput where a number of it is NaN or infinite."""
    with np.errstate(invalid="ignore"):
        good = array.dtype.kind not in "fV" or np.isfinite(array.astype(np.float64)).all()
    if not good:
        raise BadInput(where, "NaN or infinity", "finite numbers")
    return array


def _load(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise BadInput(str(path), "no such file", ALLOWED)
    try:
        if not path.stat().st_size:
            raise BadInput(str(path), "an empty file", ALLOWED)
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except OSError as error:
        raise BadInput(str(path), error.strerror or "unreadable", ALLOWED) from None
    except (DecodeError, UnicodeDecodeError):
        raise BadInput(str(path), "a damaged or truncated file", ALLOWED) from None
    except (onnx.checker.ValidationError, ValueError) as error:
        raise BadInput(str(path), _first_line(error), ALLOWED) from None
    return model


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:160]


def _array(path: Path, tensor: onnx.TensorProto) -> NDArray[Any]:
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{path}: initializer {tensor.name}", _first_line(error), "as many values as its shape"
        ) from None
    return finite(f"{path}: initializer {tensor.name}", array)


def _shape(path: Path, value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """A first dimension without a size is the batch and taken as 1."""
    where = f"{path}: input {value.name}, shape"
    if not value.type.tensor_type.HasField("shape"):
        raise BadInput(where, "none", "a fixed shape")
    sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if sizes and sizes[0] == 0:
        sizes[0] = 1
    if not all(size > 0 for size in sizes):
        raise BadInput(where, tuple(sizes), "fixed sizes behind the batch")
    return tuple(sizes)
