"""``breakwater list``."""

from __future__ import annotations

from scenarios.catalogue import KINDS
from scenarios.commands.printing import print_json, print_table
from streams.errors import BadInput


def list_command(kind: str, as_json: bool) -> None:
    """Print one catalogue. Raises BadInput for an unknown kind."""
    if kind not in KINDS:
        raise BadInput("KIND", kind, ", ".join(KINDS))
    entries = KINDS[kind]()
    if as_json:
        print_json([{"name": e.name, "description": e.description, **e.more} for e in entries])
    else:
        print_table(["name", "description"], [[e.name, e.description] for e in entries])
