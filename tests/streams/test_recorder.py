import json
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from streams import topics
from streams.embedded import EmbeddedBus
from streams.errors import RunFailed
from streams.journal import read_inputs, read_journal
from streams.lockstep import run_lockstep
from streams.messages import Alarm, Directive, Event, Outcome, PlantModelMessage, Truth, Verdict
from streams.recorder import RecorderRole
from streams.tables import file_digest
from streams.tags_csv import write_tags
from tests.streams.toys import EXCHANGE_S, ToyPlant, join, toy_model, toy_roles

N_EXCHANGES = 60
TABLES = ["truth", "measured", "telemetry", "links", "loading", "journal", "verdicts", "alarms", "events"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "defended"
    roles = toy_roles(folder)
    run_lockstep(join(EmbeddedBus(), "demo.defended", roles), N_EXCHANGES)
    return folder, roles


def test_the_folder_holds_the_contract_s_columns(run):
    folder, roles = run
    tags = [tag.name for tag in roles[0].model.tags]
    expected = {
        "truth": ["t_s", *tags],
        "measured": ["t_s", *tags],
        "telemetry": ["t_s", *tags],
        "links": ["t_s", "PLC2>PLC1/level_m", "PLC2>PLC1/flow_m3h", "SCADA>S00/unit"],
        "loading": ["t_s", "l1"],
        "journal": ["k", "t_s", "topic", "payload"],
        "verdicts": ["t_s", "detector", "station", "verdict", "score", "margin", "method"],
        "alarms": ["t_s", "alarm_id", "source", "priority", "state"],
        "events": ["t_s", "kind", "element", "cause", "value", "unit"],
    }
    for name, columns in expected.items():
        found = list(pd.read_parquet(folder / f"{name}.parquet").columns)
        assert found[: len(columns)] == columns
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [*(f"{n}.parquet" for n in TABLES), "outcome.json"]
    )


def test_values_are_those_of_the_plant(run):
    folder, _ = run
    truth = pd.read_parquet(folder / "truth.parquet")
    assert truth["t_s"].tolist() == [k * EXCHANGE_S for k in range(N_EXCHANGES)]
    measured = pd.read_parquet(folder / "measured.parquet").to_numpy()
    received = pd.read_parquet(folder / "telemetry.parquet").to_numpy()
    assert np.isnan(measured).sum() == np.ceil(N_EXCHANGES / 7)
    tampered = np.nanmax(np.abs(measured - received), axis=0)
    # Column 0 is time; the attacker taps the first tag of the second station.
    assert np.flatnonzero(tampered > 0.0).tolist() == [4]
    assert tampered[4] <= 5.0


def test_events_hold_taps_and_safe_modes(run):
    folder, _ = run
    events = pd.read_parquet(folder / "events.parquet")
    assert set(events["kind"]) == {"tap_in", "tap_out", "safe_mode_in", "safe_mode_out"}
    taps = events[events["kind"] == "tap_in"]
    assert taps.iloc[0].tolist() == [12.0, "tap_in", "S01>SCADA", "offset", 1.0, "tags"]
    modes = events[events["kind"].str.startswith("safe")]
    assert set(modes["element"]) == {"grid/hold_last_good"}


def test_the_journal_feeds_a_plant_to_the_same_truth(run):
    folder, _ = run
    rows = list(read_journal(folder / "journal.parquet"))
    assert {row.topic for row in rows} == {topics.COMMANDS, topics.TAPS}
    assert [row.k for row in rows] == sorted(row.k for row in rows)
    assert all(row.t_s == row.k * EXCHANGE_S for row in rows)
    inputs = read_inputs(folder / "journal.parquet")
    truth = pd.read_parquet(folder / "truth.parquet").to_numpy()[:, 1:]
    plant = ToyPlant()
    for k in range(N_EXCHANGES):
        inbox = {topics.COMMANDS: [], topics.TAPS: [], **inputs.get(k, {})}
        out = plant.step(k, k * EXCHANGE_S, inbox)
        true = next(o.message.true for o in out if isinstance(o.message, Truth))
        assert true == truth[k].tobytes()


def test_the_last_outcome_is_kept(run):
    folder, roles = run
    recorder = roles[-1]
    assert recorder.outcome.figures == {"total": N_EXCHANGES - 1.0}
    assert json.loads((folder / "outcome.json").read_text())["figures"] == recorder.outcome.figures


def test_table_digests_can_be_checked_from_the_files(run):
    folder, roles = run
    recorder = roles[-1]
    for name, table in recorder._values.items():
        assert file_digest(folder / f"{name}.parquet") == table.digest()
    assert file_digest(folder / "verdicts.parquet") == recorder._verdicts.digest()


def test_every_part_of_a_run_is_in_the_digest(tmp_path):
    """A change of one number anywhere gives another digest."""

    def digest(change):
        roles = toy_roles(tmp_path / str(len(list(tmp_path.iterdir()))))
        change(roles)
        run_lockstep(join(EmbeddedBus(), "demo.x", roles), 12)
        return roles[-1].digest()

    other_model = msgspec.structs.replace(toy_model(), security="n-0")

    def shift_state(roles):
        roles[0].state[20] += 1e-12

    def rewrite(role, kind, **fields):
        step = role.step

        def rewritten(k, t_s, inbox):
            return [
                msgspec.structs.replace(o, message=msgspec.structs.replace(o.message, **fields))
                if type(o.message) is kind
                else o
                for o in step(k, t_s, inbox)
            ]

        role.step = rewritten

    changes = [
        lambda _: None,
        lambda _: None,
        shift_state,
        lambda roles: rewrite(roles[0], Truth, loading=np.array([0.5]).tobytes()),
        lambda roles: rewrite(roles[0], Event, cause="other"),
        lambda roles: rewrite(roles[0], Outcome, figures={"total": -1.0}),
        lambda roles: rewrite(roles[0], PlantModelMessage, document=other_model.encode()),
        lambda roles: rewrite(roles[1], Verdict, method="other"),
        lambda roles: rewrite(roles[2], Alarm, priority="low"),
    ]
    found = [digest(change) for change in changes]
    assert found[0] == found[1]
    assert len(set(found)) == len(changes) - 1


def inbox_of(**by_topic):
    return {topic: by_topic.get(topic, []) for topic in RecorderRole.reads}


def test_an_interrupted_recording_is_readable(tmp_path):
    recorder = RecorderRole(tmp_path / "arm")
    plant = ToyPlant()
    for k in range(3):
        out = plant.step(k, 4.0 * k, {topics.COMMANDS: [], topics.TAPS: []})
        found = inbox_of(
            model=[o.message for o in out if o.topic == topics.MODEL],
            truth=[o.message for o in out if o.topic == topics.TRUTH],
        )
        recorder.step(k, 4.0 * k, found)
    recorder.close()
    for name in TABLES:
        pd.read_parquet(tmp_path / "arm" / f"{name}.parquet")
    assert len(pd.read_parquet(tmp_path / "arm" / "truth.parquet")) == 3


def test_recording_writes_under_its_folder_only(tmp_path):
    RecorderRole(tmp_path / "deep" / "arm").close()
    assert [p.relative_to(tmp_path).parts[:2] for p in Path(tmp_path).rglob("*") if p.is_file()] == [
        ("deep", "arm")
    ] * 4


def test_values_before_the_model_stop_the_run(tmp_path):
    recorder = RecorderRole(tmp_path)
    truth = Truth(
        producer="plant", seq=0, k=0, t_s=0.0, true=b"", measured=b"", received=b"", links=b"", loading=b""
    )
    with pytest.raises(RunFailed, match="plant model"):
        recorder.step(0, 0.0, inbox_of(truth=[truth]))
    recorder.close()


def test_a_message_that_truth_does_not_carry_stops_the_run(tmp_path):
    recorder = RecorderRole(tmp_path)
    stray = Directive(
        producer="x", seq=0, k=0, t_s=0.0, mode="hold_last_good", domain="grid", action="enter", reason=""
    )
    with pytest.raises(RunFailed, match="Directive"):
        recorder.step(0, 0.0, inbox_of(truth=[stray]))
    recorder.close()


def test_events_inside_a_scan_keep_their_own_time(tmp_path):
    recorder = RecorderRole(tmp_path)
    event = Event(
        producer="plant",
        seq=0,
        k=1,
        t_s=2.5,
        kind="line_trip",
        element="l1",
        cause="overload",
        value=1.2,
        unit="pu",
    )
    recorder.step(1, 4.0, inbox_of(truth=[event]))
    recorder.close()
    row = pd.read_parquet(tmp_path / "events.parquet").iloc[0]
    assert row.tolist() == [2.5, "line_trip", "l1", "overload", 1.2, "pu"]


def test_tags_csv(tmp_path):
    write_tags(tmp_path / "tags.csv", toy_model())
    found = pd.read_csv(tmp_path / "tags.csv")
    assert list(found.columns) == ["tag", "station", "link", "unit", "low", "high", "protected"]
    assert found.iloc[0].tolist() == ["S00/a_mw", "S00", "S00>SCADA", "MW", -100.0, 100.0, False]
    assert found["protected"].sum() == 3
