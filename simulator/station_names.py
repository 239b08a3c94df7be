"""Names of stations and of the links between them and the control centre."""

from __future__ import annotations

CENTRE = "SCADA"


def substation(bus: str) -> str:
    """Station name of a bus."""
    return f"S{bus}"


def to_centre(station: str) -> str:
    """Link id of a station's report."""
    return f"{station}>{CENTRE}"


def from_centre(station: str) -> str:
    """Link id of the commands to a station."""
    return f"{CENTRE}>{station}"
