"""A town made for tests: one reservoir, one pump, one tower, one place of demand."""

from pathlib import Path

INP = """
[TITLE]
Small town

[JUNCTIONS]
 J1  0  0
 J2  0  {demand_m3h}

[RESERVOIRS]
 R  0

[TANKS]
 T  {bottom_m}  {initial_m}  0.5  {full_m}  6  0

[PIPES]
 P1  J1  T   100  300  130  0  Open
 P2  J1  J2  500  300  130  0  Open

[PUMPS]
 PU  R  J1  HEAD 1

[CURVES]
 1  120  35

[CONTROLS]
 LINK PU OPEN IF NODE T BELOW 1.5
 LINK PU CLOSED IF NODE T ABOVE 3.5

[OPTIONS]
 Units     CMH
 Headloss  H-W

[TIMES]
 Duration  24:00

[END]
"""


def write_town(
    folder: Path,
    demand_m3h: float = 36.0,
    bottom_m: float = 25.0,
    initial_m: float = 3.0,
    full_m: float = 4.0,
) -> str:
    """Path of the town's INP. The tower holds 28.3 m3 per metre, from 0.5 m up."""
    path = folder / "town.inp"
    path.write_text(INP.format(demand_m3h=demand_m3h, bottom_m=bottom_m, initial_m=initial_m, full_m=full_m))
    return str(path)


PIPE = """
[JUNCTIONS]
 J1  0  0
 J2  0  {demand_m3h}

[RESERVOIRS]
 R  {head_m}

{tank}

[PIPES]
 P1  R   J1  1   1000  130  0  Open
 P2  J1  J2  1   1000  130  0  Open
{tank_pipe}

[OPTIONS]
 Units     CMH
 Headloss  H-W
 Accuracy  0.00001

[TIMES]
 Duration  24:00

[END]
"""


def write_pipe(folder: Path, head_m: float, demand_m3h: float = 36.0, full_m: float | None = None) -> str:
    """Path of an INP in which a reservoir feeds a customer through a pipe that costs no head.

    full_m: a tower that stands full to this level above 25 m, behind 1,000 m of pipe of 200 mm.
    """
    tank = f"[TANKS]\n T  25  {full_m}  0  {full_m}  6  0" if full_m else ""
    tank_pipe = " P3  J1  T  1000  200  130  0  Open" if full_m else ""
    path = folder / "pipe.inp"
    path.write_text(PIPE.format(head_m=head_m, demand_m3h=demand_m3h, tank=tank, tank_pipe=tank_pipe))
    return str(path)
