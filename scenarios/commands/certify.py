"""``breakwater certify MODEL DATA``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from detectors.certificate import STATEMENTS, certify_windows
from detectors.model import load_model, model_folder
from scenarios.commands.printing import print_json, print_table
from streams.errors import BadInput

TELEMETRY = "telemetry.parquet"


def certify_command(model: str, data: Path, as_json: bool) -> None:
    """Certificates of all windows: the whole list as JSON, or how many of each kind. Raises BadInput."""
    chosen = load_model(model_folder(model))
    if not ((data / TELEMETRY).is_file() or (data.is_file() and data.suffix == ".parquet")):
        raise BadInput("DATA", str(data), f"the folder of an arm, with {TELEMETRY}, or such a Parquet file")
    certificates = certify_windows(chosen, data)
    if as_json:
        print_json(certificates)
        return
    count = Counter((c.domain, c.verdict) for c in certificates)
    whole = Counter(c.domain for c in certificates)
    rows = [
        [domain, verdict, str(n), f"{100.0 * n / whole[domain]:.2f}", STATEMENTS[verdict]]
        for (domain, verdict), n in sorted(count.items())
    ]
    print_table(["domain", "verdict", "windows", "%", "statement"], rows)
