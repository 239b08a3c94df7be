"""The report: complete, self-contained, true to the record, and there whatever arms ran."""

import json
import re

import numpy as np
import pytest

from scenarios import run_folder
from scenarios.report.build import build_report
from scenarios.report.series import thin
from streams.errors import BadInput
from tests.scenarios.made_run import TRIP_S, make_run


def figures(html):
    """The figures' dictionaries as the page holds them."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("report") / "run")
    curves = [
        {
            "name": name,
            "domain": "grid",
            "eps": [0.0, 0.01],
            "certified_normal_share": [1.0, 0.99],
            "certified_detection_share": [1.0, None],
        }
        for name in ("model", "normally trained twin")
    ]
    run_folder.write_document(folder / run_folder.EPS_CURVES, {"certified_eps": 0.01, "curves": curves})
    return build_report(folder).read_text()


def test_everything_the_reader_needs_is_there(html):
    for text in (
        "Lines tripped",
        "node-hours",
        "shed by under-frequency",
        "30 % of each tag&#39;s range",
        "Certified: 1 % of each tag&#39;s range",
        "T0830 (v19)",
        "Certified normal means stable, not “no attack”",
        "made up by formula &lt;&amp;&gt;",
        "plant-model hash",
        "Harm averted by the defence: 5 MWh (100 %) and 100 m³ of water (83 %)",
    ):
        assert text in html
    titles = re.findall(r"<h2>(.*?)</h2>", html)
    for title in (
        "Frequency",
        "Line loading",
        "Tank levels",
        "Detector verdicts",
        "Certificates against eps",
    ):
        assert title in titles


def test_nothing_is_fetched_and_plotly_comes_once(html):
    library = re.search(r"<script>/\*\*\n\* plotly\.js v.*?</script>", html, re.S)[0]
    own = html.replace(library, "")
    assert not re.search(r"""(src|href)\s*=\s*["']""", own)
    assert "plotly.js v" not in own
    assert len(html) < 10_000_000


def test_every_figure_has_its_place_units_and_time(html):
    drawn = figures(html)
    assert len(drawn) == len(re.findall(r'<div id="f\d+"', html)) > 10
    for figure in drawn:
        axis = figure["layout"]["xaxis"]["title"]["text"]
        assert axis in ("simulated time (h)", "eps (% of each tag's range)")


def test_the_lie_is_coloured_only_where_it_is_told(html):
    traces = [t for f in figures(html) for t in f["data"] if t.get("name") == "received, falsified"]
    values = traces[0]["y"]
    assert values[0] is None
    assert values[-1] is not None


@pytest.mark.parametrize(
    "arms", [(), ("baseline",), ("undefended",), ("nuisance",), ("defended", "baseline")]
)
def test_missing_arms_leave_gaps_not_errors(arms, tmp_path):
    html = build_report(make_run(tmp_path / "run", arms)).read_text()
    assert ("Line loading" in re.findall(r"<h2>(.*?)</h2>", html)) == bool(
        {"undefended", "defended"} & {*arms}
    )


def test_an_arm_whose_files_were_cut_off_is_left_out(tmp_path):
    folder = make_run(tmp_path / "run", ("baseline", "undefended"))
    (folder / "undefended" / "truth.parquet").write_bytes(b"PAR1 cut")
    assert "Line loading" not in re.findall(r"<h2>(.*?)</h2>", build_report(folder).read_text())


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(BadInput, match="written by breakwater run"):
        build_report(tmp_path)
    folder = make_run(tmp_path / "run", ("baseline",))
    (folder / "summary.json").write_text("{")
    with pytest.raises(BadInput, match="JSON"):
        build_report(folder)


def test_thinning_keeps_spikes_ends_and_gaps():
    x = np.arange(50_000.0)
    y = np.sin(x / 1000.0)
    y[12_345] = 9.0
    y[30_000] = -9.0
    y[40_000:40_100] = np.nan
    short_x, short_y = thin(x, y, 1000)
    assert len(short_x) <= 1502
    assert (short_x[0], short_x[-1]) == (0.0, 49_999.0)
    known = [v for v in short_y if v is not None]
    assert (max(known), min(known)) == (9.0, -9.0)
    assert None in short_y
    assert short_x == sorted(short_x)


def test_short_series_stay_whole():
    assert thin(np.array([0.0, 1.0]), np.array([np.nan, 2.0])) == ([0.0, 1.0], [None, 2.0])


def test_the_trip_is_in_the_timeline(html):
    lanes = [t for f in figures(html) for t in f["data"] if t.get("y") and t["y"][0] == "line trips"]
    assert lanes[0]["x"] == [round((TRIP_S + 1.5) / 3600.0, 5)]
    assert "1-2 131 % (overload)" in lanes[0]["text"][0]
