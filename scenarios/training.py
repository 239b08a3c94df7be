"""Training a detector: data from the twin, then the networks. Both go on where an earlier call stopped."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from detectors.config import TrainConfig, check
from detectors.model import Model, load_model
from detectors.train import train
from detectors.water_features import BLOCK, LAGS_MIN
from scenarios.run_folder import write_document
from scenarios.strict import explained, refuse_unknown
from scenarios.training_data import DataConfig, check_data, generate
from streams.errors import BadInput

DATA = "data"
_Kind = TypeVar("_Kind", bound=msgspec.Struct)

OnData = Callable[[int, int], None]
OnStep = Callable[[str, str, int, int, float], None]


class Training(msgspec.Struct, frozen=True):
    """A training file: ``[data]`` says what the twin records, the rest is the detectors'."""

    data: DataConfig
    detector: TrainConfig


def load_training(path: Path) -> Training:
    """Read and check a training file. Raises BadInput."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput("CONFIG", str(path), f"a readable TOML file ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput("CONFIG", str(path), f"a TOML file ({error})") from None
    wanted = document.pop("data", {})
    data = check_data(_converted(wanted, DataConfig, f"{path}: data"), str(path))
    detector = check(_converted(document, TrainConfig, str(path)), str(path))
    least_s = 60.0 * (LAGS_MIN[-1] + BLOCK)
    if detector.water.enabled and data.duration_s <= least_s:
        allowed = f"more than {least_s:g}, or [water] enabled = false"
        raise BadInput(f"{path}: data.duration_s", data.duration_s, allowed)
    return Training(data, detector)


def _converted(table: dict[str, Any], kind: type[_Kind], source: str) -> _Kind:
    refuse_unknown(table, kind, source)
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise explained(error, table, kind, source) from None


def train_model(training: Training, out: Path, on_data: OnData, on_step: OnStep) -> Model:
    """Record, train and return the model in ``out``; its data stay in the folder ``data`` there.

    Raises BadInput where ``out`` cannot be written or holds data of another configuration.
    """
    folder = out / DATA
    _claim(folder, training.data)
    runs = generate(training.data, folder, on_data)
    train(training.detector, runs, out, on_step)
    return load_model(out)


def _claim(folder: Path, config: DataConfig) -> None:
    """Data of two configurations must not mix: the folder remembers its own."""
    kept = folder / "config.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not kept.is_file():
            write_document(kept, config)
        there = msgspec.json.decode(kept.read_bytes(), type=DataConfig)
    except OSError as error:
        raise BadInput(
            "--out", str(folder.parent), f"a folder that can be written ({error.strerror})"
        ) from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput("--out", str(kept), f"the configuration of recorded data ({error})") from None
    if there != config:
        raise BadInput("--out", str(folder.parent), "a new folder; this one holds data of another [data]")
