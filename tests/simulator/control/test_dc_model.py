import numpy as np
import pytest

from simulator.control.dc_model import build_dc_model, bus_index


def solve_angles(model, closed, injection):
    """Slow oracle: nodal equations with one reference angle removed."""
    index = bus_index(model)
    n = len(model.buses)
    nodal = np.zeros((n, n))
    for branch, on in zip(model.branches, closed, strict=True):
        i, j = index[branch.from_bus], index[branch.to_bus]
        b = on / (branch.x_pu * branch.tap)
        nodal[i, i] += b
        nodal[j, j] += b
        nodal[i, j] -= b
        nodal[j, i] -= b
    angles = np.linalg.lstsq(nodal, injection, rcond=None)[0]
    return np.array(
        [
            on * (angles[index[b.from_bus]] - angles[index[b.to_bus]]) / (b.x_pu * b.tap)
            for b, on in zip(model.branches, closed, strict=True)
        ]
    )


def injections(model, seed=0):
    values = np.random.default_rng(seed).normal(0.0, 50.0, len(model.buses))
    return values - values.mean()


def test_ptdf_gives_the_flows_of_the_nodal_equations(model):
    closed = np.ones(len(model.branches), dtype=bool)
    injection = injections(model)
    np.testing.assert_allclose(
        build_dc_model(model, closed).ptdf @ injection, solve_angles(model, closed, injection), atol=1e-9
    )


def test_lodf_gives_the_flows_after_each_outage(model):
    closed = np.ones(len(model.branches), dtype=bool)
    dc = build_dc_model(model, closed)
    injection = injections(model, 1)
    flow = dc.ptdf @ injection
    for outage in range(len(model.branches)):
        after = closed.copy()
        after[outage] = False
        np.testing.assert_allclose(
            flow + dc.lodf[:, outage] * flow[outage], solve_angles(model, after, injection), atol=1e-9
        )


def test_bridges_and_lost_buses_are_marked(model):
    closed = np.array([b.name not in ("2-5",) for b in model.branches])
    dc = build_dc_model(model, closed)
    assert [b.name for b, is_bridge in zip(model.branches, dc.bridge, strict=True) if is_bridge] == ["4-5"]
    closed &= np.array([b.name != "4-5" for b in model.branches])
    dc = build_dc_model(model, closed)
    assert not dc.connected[bus_index(model)["5"]]
    assert dc.connected.sum() == 4
    assert np.all(dc.ptdf[:, bus_index(model)["5"]] == 0.0)
    assert np.isfinite(dc.lodf).all()


def test_flow_is_positive_from_the_from_bus(model):
    closed = np.ones(len(model.branches), dtype=bool)
    injection = np.zeros(len(model.buses))
    injection[bus_index(model)["1"]], injection[bus_index(model)["2"]] = 100.0, -100.0
    flow = dict(
        zip((b.name for b in model.branches), build_dc_model(model, closed).ptdf @ injection, strict=True)
    )
    assert flow["1-2"] > 50.0
    assert flow["1-3"] > 0.0
    assert flow["2-3"] < 0.0
    assert flow["1-2"] + flow["1-3"] == pytest.approx(100.0)
