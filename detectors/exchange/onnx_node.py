"""One node of an ONNX graph with its inputs at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from detectors.exchange.tensors import Builder, Tensor
from streams.errors import BadInput

Floats = NDArray[np.float64]
Value = Tensor | NDArray[Any]


@dataclass(frozen=True)
class OnnxNode:
    """inputs: tensors that depend on the network's input, arrays that do not, None where left out."""

    proto: onnx.NodeProto
    inputs: Sequence[Value | None]
    build: Builder

    def get(self, number: int) -> Value | None:
        """An input, None where it is left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def tensor(self, number: int = 0) -> Tensor:
        """An input that depends on the network's input. Raises BadInput where it does not."""
        found = self.get(number)
        if not isinstance(found, Tensor):
            raise BadInput(f"input {number + 1}", "a constant", "a value that depends on the network's input")
        return found

    def constant(self, number: int) -> NDArray[Any]:
        """An input that does not. Raises BadInput where it does, or is left out."""
        found = self.get(number)
        if found is None or isinstance(found, Tensor):
            kind = "left out" if found is None else "a value that depends on the network's input"
            raise BadInput(f"input {number + 1}", kind, "a constant")
        return found

    def weights(self, number: int) -> Floats:
        """A constant input as float64, which holds every float32 exactly."""
        return np.asarray(self.constant(number), dtype=np.float64)

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, or the default where the node has none."""
        for attribute in self.proto.attribute:
            if attribute.name == name:
                return onnx.helper.get_attribute_value(attribute)
        return default

    def option(self, name: str, number: int, default: Any = None) -> Any:
        """What older operator sets have as an attribute and newer ones as an input."""
        return self.attribute(name, default) if self.get(number) is None else self.constant(number)

    def integers(self, name: str, number: int, default: Sequence[int] | None = None) -> list[int] | None:
        """Such an option that is a list of integers."""
        found = self.option(name, number, default)
        return None if found is None else [int(i) for i in np.atleast_1d(found)]
