"""ONNX in: a file becomes the ``Network`` that is verified.

Weights are taken as they are stored: float64 holds every float32, float16 and bfloat16. What does not depend
on the input (shape arithmetic, constants) is computed as onnx's reference does, in the file's own precision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from detectors.exchange.onnx_file import OnnxFile, finite, load_onnx
from detectors.exchange.onnx_node import OnnxNode, Value
from detectors.exchange.onnx_operators import OPERATORS
from detectors.exchange.tensors import Builder, Tensor
from detectors.verification.network import Network
from streams.errors import BadInput


class OnnxNetwork(NamedTuple):
    """network: on vectors, row-major; shape: of the input tensor in the file, batch 1."""

    network: Network
    shape: tuple[int, ...]


def read_onnx(path: Path) -> OnnxNetwork:
    """Raises BadInput naming the node where an operator is not supported or its inputs do not fit, and as
    ``load_onnx`` does."""
    file = load_onnx(path)
    build = Builder(file.input_shape)
    values: dict[str, Value] = {**file.constants, file.input_name: build.input}
    for number, proto in enumerate(file.model.graph.node, start=1):
        where = f"{path}: node {proto.name or number} ({proto.op_type})"
        inputs = [_value(where, values, name) for name in proto.input]
        values[proto.output[0]] = _result(where, file, proto, inputs, build)
    output = values.get(file.output_name)
    if not isinstance(output, Tensor):
        raise BadInput(
            f"{path}: output {file.output_name}", "a constant", "a value that depends on the input"
        )
    try:
        return OnnxNetwork(build.network(output), file.input_shape)
    except BadInput as error:
        raise BadInput(f"{path}: {error.where}", error.value, error.allowed) from None


def _value(where: str, values: dict[str, Value], name: str) -> Value | None:
    if name and name not in values:
        raise BadInput(f"{where}, input", name, "the result of a supported node before, or a constant")
    return values[name] if name else None


def _result(
    where: str, file: OnnxFile, proto: onnx.NodeProto, inputs: list[Value | None], build: Builder
) -> Value:
    try:
        if not any(isinstance(value, Tensor) for value in inputs):
            return finite("constant", _constant(file, proto, inputs))
        if proto.op_type not in OPERATORS or proto.domain not in ("", "ai.onnx"):
            raise BadInput("operator", proto.op_type, ", ".join(sorted([*OPERATORS, "Constant"])))
        return OPERATORS[proto.op_type](OnnxNode(proto, inputs, build))
    except BadInput as error:
        raise BadInput(f"{where}, {error.where}", error.value, error.allowed) from None
    except (ValueError, IndexError, TypeError) as error:
        # NumPy's word on shapes that do not fit.
        raise BadInput(where, str(error), "inputs that fit the operator") from None


def _constant(file: OnnxFile, proto: onnx.NodeProto, inputs: list[Value | None]) -> NDArray[Any]:
    """The first result of a node of constants."""
    named = dict(zip(proto.input, inputs, strict=True))
    given = {name: np.asarray(value) for name, value in named.items() if name}
    information = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in given.items()
    ]
    result = onnx.helper.make_empty_tensor_value_info(proto.output[0])
    graph = onnx.helper.make_graph([proto], "constant", information, [result])
    model = onnx.helper.make_model(graph, opset_imports=file.model.opset_import)
    try:
        results: Any = ReferenceEvaluator(model).run(None, given)
        return np.asarray(results[0])
    except Exception as error:
        # The reference raises whatever NumPy or its own code does.
        raise BadInput("constant", str(error)[:160], "a node that onnx can evaluate") from None
