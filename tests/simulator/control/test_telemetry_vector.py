import numpy as np

from simulator.control.telemetry_vector import TelemetryVector
from streams.messages import Marker, Telemetry


def report(producer, values):
    return Telemetry(producer, 0, 0, 0.0, link=f"{producer}>SCADA", values=values)


def slots(model, station):
    return [i for i, tag in enumerate(model.tags) if tag.station == station]


def test_reports_stand_at_their_tags_and_the_rest_is_missing(model):
    one, two = list(dict.fromkeys(tag.station for tag in model.tags))[:2]
    first, second = slots(model, one), slots(model, two)
    vector = TelemetryVector(model)
    messages = [report(two, [float(i) for i in second]), Marker("plant", 0, 0, 0.0, count=2)]
    values, stations = vector.assemble([*messages, report("unknown", [1.0])])
    assert values[second].tolist() == second
    assert np.isnan(values[first]).all()
    assert stations == [two]


def test_of_two_reports_the_later_counts(model):
    one = model.tags[0].station
    own = slots(model, one)
    values, _ = TelemetryVector(model).assemble(
        [report(one, [1.0] * len(own)), report(one, [2.0] * (len(own) - 1) + [np.nan])]
    )
    assert values[own[:-1]].tolist() == [2.0] * (len(own) - 1)
    assert np.isnan(values[own[-1]])


def test_silence_is_all_missing(model):
    values, stations = TelemetryVector(model).assemble([])
    assert np.isnan(values).all()
    assert len(values) == len(model.tags)
    assert stations == []
