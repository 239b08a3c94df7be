"""``tags.csv`` of a run folder: what each column of the value tables is."""

from __future__ import annotations

import csv
from pathlib import Path

from streams.plant_model import PlantModel

COLUMNS = ("tag", "station", "link", "unit", "low", "high", "protected")


def write_tags(path: Path, model: PlantModel) -> None:
    """One line per tag of the plant model, in its order; low and high in the tag's unit."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for tag in model.tags:
            protected = str(tag.protected).lower()
            writer.writerow((tag.name, tag.station, tag.link, tag.unit, tag.low, tag.high, protected))
