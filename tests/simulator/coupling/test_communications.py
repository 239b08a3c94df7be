"""Which readings and links die with which station."""

import msgspec
import numpy as np
import pytest

from simulator.coupling.communications import Communications
from tests.scenarios.made_run import made_model


@pytest.fixture
def paths():
    return Communications(made_model(), {"RTU-T": "S2", "S2": "S1"})


def names(model, mask):
    return {tag.name for tag in np.array(model.tags, dtype=object)[mask]}


def test_a_station_takes_its_own_links_and_those_that_pass_through_it(paths):
    assert paths.dead_links(["FM-T"]) == {"FM-T>SCADA"}
    assert paths.dead_links(["S1"]) == {"S1>SCADA", "S2>SCADA", "RTU-T>SCADA"}
    # Between two stations the path is direct.
    assert paths.dead_links(["S2"]) == {"S2>SCADA", "RTU-T>SCADA"}
    assert paths.dead_links(["RTU-T"]) == {"RTU-T>SCADA", "RTU-T>PLC-P"}
    assert paths.dead_links([]) == frozenset()


def test_a_station_measures_nothing_without_power_whatever_it_relays(paths):
    model = made_model()
    assert names(model, paths.blind_tags(["S1"])) == {"S1/load_mw", "S1/line1-2_mw", "S1/G1_frequency_hz"}
    assert names(model, paths.blind_tags(["RTU-T", "S2"])) == {"S2/load_mw", "RTU-T/level_m"}


def test_the_concentrators_meter_stands_in_the_substation():
    """A line's flow is gone with the substation at its start, whoever reports it."""
    model = made_model()
    tag = model.tags[1]
    moved = tag.__class__("PDC/line1-2_mw", "PDC", "PDC>SCADA", tag.unit, tag.low, tag.high, True, 4.0)
    branch = model.branches[0]
    model = msgspec.structs.replace(
        model,
        tags=(model.tags[0], moved, *model.tags[2:]),
        branches=(msgspec.structs.replace(branch, flow_tag=moved.name), *model.branches[1:]),
    )
    paths = Communications(model, {})
    assert "PDC/line1-2_mw" in names(model, paths.blind_tags(["S1"]))
    assert names(model, paths.blind_tags(["PDC"])) == {"PDC/line1-2_mw"}
