"""Where a scenario's detector model is, and whether it fits the plant."""

from __future__ import annotations

from pathlib import Path

from detectors.model import MODELS, fits, load_model, model_folder
from streams.errors import BadInput
from streams.plant_model import PlantModel

DEFAULT = "default"


def find_model(name_or_folder: str, plant_model: PlantModel) -> tuple[Path | None, str]:
    """Folder of a model that fits, or None and why there is none.

    Raises BadInput for a name or folder that holds no model at all.
    """
    if name_or_folder == DEFAULT and not (MODELS / DEFAULT).is_dir():
        return None, "the default model is not installed"
    folder = model_folder(name_or_folder)
    reason = fits(load_model(folder), plant_model)
    return (folder, "") if reason is None else (None, reason)


def require_model(name_or_folder: str, plant_model: PlantModel) -> Path:
    """Folder of a model that fits. Raises BadInput where it does not."""
    folder, misfit = find_model(name_or_folder, plant_model)
    if folder is None:
        raise BadInput("model", name_or_folder, f"a model that fits ({misfit})")
    return folder
