"""A small MATPOWER file to write, whole or spoilt."""

from pathlib import Path

SMALL = """function mpc = small
%SMALL  Four buses, numbered at will.
mpc.version = '2';
mpc.baseMVA = 100;
%% bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin
mpc.bus = [
	10	3	0	0	0	0	1	1	0	110	1	1.1	0.9;
	7	2	40	10	0	0	1	1	0	110	1	1.1	0.9;
	300	1	60	20	0	5	2	1	0	110	1	1.1	0.9;
	4	1	30	5	0	0	2	1	0	20	1	1.1	0.9;
];
%% bus Pg Qg Qmax Qmin Vg mBase status Pmax Pmin
mpc.gen = [
	10	90	0	80	-80	1.02	100	1	200	10;
	7	45	0	50	-50	1.01	100	1	90	0;
];
%% fbus tbus r x b rateA rateB rateC ratio angle status angmin angmax
mpc.branch = [
	10	7	0.01	0.08	0.02	150	0	0	0	0	1	-360	360;
	7	300	0.02	0.10	0.02	120	0	0	0	0	1	-360	360;
	10	300	0.02	0.12	0.02	120	0	0	0	0	1	-360	360;
	300	4	0	0.15	0	60	0	0	0.98	0	1	-360	360;
];
mpc.gencost = [
	2	0	0	3	0.02	20	0;
	2	0	0	2	35	0	0;
];
"""


def small(folder: Path, *changes: tuple[str, str], name: str = "small.m") -> str:
    """Path of a file with the small case, each (old, new) replaced where it stands first."""
    text = SMALL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def appended(*lines: str) -> tuple[str, str]:
    """A change that adds lines at the end."""
    last = "\t2\t0\t0\t2\t35\t0\t0;\n];\n"
    return last, last + "\n".join(lines) + "\n"
