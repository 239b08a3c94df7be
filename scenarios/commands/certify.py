"""``breakwater certify MODEL DATA``."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from detectors.certificate import STATEMENTS, certify_windows
from detectors.certificate_files.bundle import write_bundle
from detectors.model import load_model, model_folder
from detectors.statements import stations
from detectors.statements.station_certificates import certify_stations
from scenarios.commands.printing import print_json, print_table
from streams.errors import BadInput

TELEMETRY = "telemetry.parquet"


def certify_command(
    model: str, data: Path, as_json: bool, out: Path | None = None, any_station: bool = False
) -> None:
    """Certificates of all windows: the whole list as JSON, or how many of each kind; ``out`` keeps them in a
    file, ``any_station`` frees the tags of any one station. Raises BadInput."""
    chosen = load_model(model_folder(model))
    if not ((data / TELEMETRY).is_file() or (data.is_file() and data.suffix == ".parquet")):
        raise BadInput("DATA", str(data), f"the folder of an arm, with {TELEMETRY}, or such a Parquet file")
    certificates = (certify_stations if any_station else certify_windows)(chosen, data)
    if out is not None:
        print(f"certificates: {write_bundle(out, chosen, data, certificates)}", file=sys.stderr)
    if as_json:
        print_json(certificates)
        return
    statements = stations.STATEMENTS if any_station else STATEMENTS
    count = Counter((c.domain, c.verdict) for c in certificates)
    whole = Counter(c.domain for c in certificates)
    rows = [
        [domain, verdict, str(n), f"{100.0 * n / whole[domain]:.2f}", statements[verdict]]
        for (domain, verdict), n in sorted(count.items())
    ]
    print_table(["domain", "verdict", "windows", "%", "statement"], rows)
