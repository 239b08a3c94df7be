"""Sound bounds of a dense ReLU network over boxes of raw telemetry."""

from detectors.bounds.bounder import Bounder, BoundMethod, Range
from detectors.bounds.dense import Dense

__all__ = ["BoundMethod", "Bounder", "Dense", "Range"]
