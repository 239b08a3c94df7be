"""Sound bounds of a dense ReLU network over boxes of raw telemetry."""

from detectors.bounds.dense import Dense
from detectors.bounds.interval import Bounder, Range

__all__ = ["Bounder", "Dense", "Range"]
