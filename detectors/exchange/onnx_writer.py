"""ONNX out: a ``Network`` as a file; ``deployed`` has those of a trained detector.

Weights are written as they are, in double precision, so that the file is the same function; float32, which
most other verifiers want, rounds them. Read back, the file gives equal values.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from detectors.verification.network import Network
from detectors.verification.operations import Affine, LeakyRelu, Maximum, Operation, Relu, Sigmoid, Tanh
from streams.errors import BadInput

Floats = NDArray[np.float64]
OPSET, IR_VERSION = 17, 8
"""Old enough for the tools of earlier competitions, new enough for every operator used."""


def write_onnx(network: Network, path: Path, double: bool = True) -> None:
    """Input "input" (batch, inputs), output "output" (batch, outputs). Raises BadInput where the network has
    an operation that cannot be written or, in float32, a weight beyond its range, or on a path that cannot be
    written."""
    writer = _Writer(np.dtype(np.float64 if double else np.float32))
    names = ["input"]
    for number, node in enumerate(network.nodes, start=1):
        write = _WRITERS.get(type(node.operation))
        if write is None:
            allowed = ", ".join(kind.__name__ for kind in _WRITERS)
            raise BadInput(f"operation {number}", type(node.operation).__name__, allowed)
        names.append(write(writer, node.operation, [names[i] for i in node.inputs]))
    writer.node("Identity", [names[-1]], "output")
    graph = helper.make_graph(
        writer.nodes,
        "network",
        [helper.make_tensor_value_info("input", writer.kind, ["batch", network.inputs])],
        [helper.make_tensor_value_info("output", writer.kind, ["batch", network.outputs])],
        writer.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="breakwater")
    onnx.checker.check_model(model)
    try:
        path.write_bytes(model.SerializeToString(deterministic=True))
    except OSError as error:
        raise BadInput(str(path), error.strerror or "not writable", "a file that can be written") from None


class _Writer:
    """Nodes and constants so far."""

    def __init__(self, dtype: np.dtype[np.floating]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.kind = helper.np_dtype_to_tensor_dtype(dtype)
        self._dtype, self._count = dtype, count(1)

    def positions(self, array: NDArray[np.intp]) -> str:
        """Name of a constant of whole numbers."""
        name = f"c{next(self._count)}"
        self.constants.append(numpy_helper.from_array(array.astype(np.int64), name))
        return name

    def constant(self, array: Floats) -> str:
        """Name of a constant."""
        name = f"c{next(self._count)}"
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(array, dtype=self._dtype)
        if not np.isfinite(stored).all():
            raise BadInput("weights", float(np.abs(array).max()), "numbers within the range of float32")
        self.constants.append(numpy_helper.from_array(stored, name))
        return name

    def node(self, operator: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        """Name of the result."""
        result = name or f"v{next(self._count)}"
        self.nodes.append(
            helper.make_node(operator, inputs, [result], f"n{len(self.nodes) + 1}", **attributes)
        )
        return result


def _affine(writer: _Writer, operation: Operation, inputs: list[str]) -> str:
    assert isinstance(operation, Affine)
    total = ""
    for matrix, name in zip(operation.matrices, inputs, strict=True):
        term = writer.node("MatMul", [name, writer.constant(matrix.T)])
        total = writer.node("Add", [total, term]) if total else term
    return writer.node("Add", [total, writer.constant(operation.bias)])


def _leaky_relu(writer: _Writer, operation: Operation, inputs: list[str]) -> str:
    """ONNX keeps the slope in float32; one that does not fit becomes relu(x) - leak relu(-x)."""
    assert isinstance(operation, LeakyRelu)
    if float(np.float32(operation.leak)) == operation.leak:
        return writer.node("LeakyRelu", inputs, alpha=operation.leak)
    below = writer.node("Relu", [writer.node("Neg", inputs)])
    scaled = writer.node("Mul", [below, writer.constant(np.array(operation.leak))])
    return writer.node("Sub", [writer.node("Relu", inputs), scaled])


def _maximum(writer: _Writer, operation: Operation, inputs: list[str]) -> str:
    """Inputs joined, entries gathered as (batch, size, k), the largest of each group."""
    assert isinstance(operation, Maximum)
    joined = writer.node("Concat", inputs, axis=1) if len(inputs) > 1 else inputs[0]
    groups = writer.node("Gather", [joined, writer.positions(operation.groups)], axis=1)
    return writer.node("ReduceMax", [groups], axes=[2], keepdims=0)


def _simple(operator: str) -> Callable[[_Writer, Operation, list[str]], str]:
    return lambda writer, operation, inputs: writer.node(operator, inputs)


_WRITERS: dict[type[Operation], Callable[[_Writer, Operation, list[str]], str]] = {
    Affine: _affine,
    Relu: _simple("Relu"),
    LeakyRelu: _leaky_relu,
    Tanh: _simple("Tanh"),
    Sigmoid: _simple("Sigmoid"),
    Maximum: _maximum,
}
