"""Whole runs on real, small networks: the folder, the digest, the ways a run can end."""

import json

import msgspec
import pyarrow.parquet as pq
import pytest

from scenarios import arm_run, provenance, roles, run, workers
from scenarios.arm_run import run_arm
from scenarios.arms import ARMS
from scenarios.prepare import choose_arms, prepare
from scenarios.report.build import build_report
from scenarios.roles import ArmPlan
from scenarios.run import open_bus, run_scenario
from scenarios.scenario import read_scenario
from streams import topics
from streams.embedded import EmbeddedBus
from streams.errors import BadInput, RunFailed
from streams.journal import read_journal
from streams.messages import Alarm, Verdict
from streams.role import Outgoing
from streams.sequence import Sequencer
from tests.scenarios.recorded import columns, replayed_truth, same_bits
from tests.scenarios.tiny import tiny

PLAIN = [ARMS["baseline"], ARMS["undefended"]]
TABLES = ["truth", "measured", "telemetry", "links", "journal", "verdicts", "alarms", "events", "loading"]


@pytest.fixture(scope="module")
def finished(tiny_prepared, tmp_path_factory):
    """(summary, folder) of baseline and undefended, side by side in two processes."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "usable_cores", lambda: 2)
        return run_scenario(tiny_prepared, PLAIN, folder), folder


def test_the_run_folder_holds_what_the_contract_names(finished, tiny_prepared):
    summary, folder = finished
    assert summary.status == "complete"
    written = json.loads((folder / "provenance.json").read_text())
    assert written["status"] == "complete"
    assert written["plant_model_hash"] == tiny_prepared.plant_model.digest()
    assert written["seed"] == 1
    assert any("replic" in note or "districts" in note for note in written["assumptions"])
    assert read_scenario(folder / "scenario.toml") == tiny_prepared.scenario
    assert (folder / "tags.csv").read_text().startswith("tag,station,link,unit,low,high,protected\n")
    tags = ["t_s", *(tag.name for tag in tiny_prepared.plant_model.tags)]
    for arm in ("baseline", "undefended"):
        for table in TABLES:
            names = pq.read_schema(folder / arm / f"{table}.parquet").names
            assert table not in ("truth", "measured", "telemetry") or names == tags
        assert pq.read_table(folder / arm / "truth.parquet").num_rows == 51
    assert list(summary.arms) == ["baseline", "undefended"]
    assert summary.arms["baseline"].outcome["energy_not_served_mwh"] == 0.0
    assert summary.harm_averted.energy_mwh is None


def test_the_journal_alone_gives_the_same_truth(finished, tiny_prepared):
    folder = finished[1] / "undefended"
    assert any(row.topic == topics.TAPS for row in read_journal(folder / "journal.parquet"))
    assert same_bits(replayed_truth(tiny_prepared.scenario, folder), columns(folder / "truth.parquet"))


def test_arms_share_nature_and_differ_only_by_the_attack(finished):
    _, folder = finished
    one, other = (
        pq.read_table(folder / arm / "measured.parquet").slice(0, 10) for arm in ("baseline", "undefended")
    )
    assert one.equals(other)
    kinds = pq.read_table(folder / "undefended" / "events.parquet").column("kind").to_pylist()
    assert "tap_in" in kinds
    assert "tap_out" in kinds
    kinds = pq.read_table(folder / "baseline" / "events.parquet").column("kind").to_pylist()
    assert "tap_in" not in kinds


def test_one_process_gives_the_same_digest_as_two(finished, tiny_prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "usable_cores", lambda: 1)
    assert run_scenario(tiny_prepared, PLAIN, tmp_path / "again").digest == finished[0].digest


def test_kafka_gives_the_same_digest(finished, tiny_prepared, tmp_path):
    with open_bus("kafka", None) as bus:
        assert run_scenario(tiny_prepared, PLAIN, tmp_path / "kafka", bus).digest == finished[0].digest


def test_another_seed_gives_another_digest(finished, tiny_prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "usable_cores", lambda: 1)
    other = msgspec.structs.replace(tiny_prepared, scenario=tiny_prepared.scenario.with_seed(2))
    summary = run_scenario(other, PLAIN, tmp_path / "seed2")
    assert summary.seed == 2
    assert summary.digest != finished[0].digest


class ToyDetector:
    """Certifies an alarm from 60 s on."""

    name = "detector"
    reads = {topics.TELEMETRY: 0}  # noqa: RUF012
    writes = (topics.VERDICTS,)

    def __init__(self) -> None:
        self.sequence = Sequencer()

    def step(self, k, t_s, inbox):
        alarm = t_s >= 60.0
        verdict = Verdict(
            producer=self.name,
            seq=self.sequence.next(topics.VERDICTS, self.name),
            k=k,
            t_s=t_s,
            detector="toy",
            domain="grid",
            station="*",
            value="certified_alarm" if alarm else "certified_normal",
            alarm=alarm,
            score=1.0,
            margin=1.0,
            method="toy",
        )
        return [Outgoing(topics.VERDICTS, self.name, verdict)]

    def close(self) -> None:
        pass


class ToyHub(ToyDetector):
    """Raises one alarm at the first alarming verdict."""

    name = "hub"
    reads = {topics.VERDICTS: 0}  # noqa: RUF012
    writes = (topics.ALARMS,)

    def step(self, k, t_s, inbox):
        seq = self.sequence.next(topics.ALARMS, self.name) if inbox[topics.VERDICTS][0].alarm else 1
        if seq != 0:
            return []
        alarm = Alarm(
            producer=self.name,
            seq=0,
            k=k,
            t_s=t_s,
            alarm_id="toy#1",
            source="toy",
            domain="grid",
            priority="high",
            state="raised",
            certified=True,
        )
        return [Outgoing(topics.ALARMS, self.name, alarm)]


@pytest.fixture
def toy_defence(monkeypatch, tiny_prepared, tmp_path):
    """A prepared scenario whose detector and hub are toys, in one process."""
    toys = {
        "detector": roles._Entry(lambda: ToyDetector, lambda plan: ToyDetector()),
        "hub": roles._Entry(lambda: ToyHub, lambda plan: ToyHub()),
    }
    monkeypatch.setattr(roles, "_ROLES", {name: toys.get(name, role) for name, role in roles._ROLES.items()})
    monkeypatch.setattr(run, "usable_cores", lambda: 1)
    monkeypatch.setattr(run, "write_eps_curves", lambda *arguments: None)
    monkeypatch.setattr(provenance, "_model_hash", lambda folder: "toy")
    return msgspec.structs.replace(tiny_prepared, model_folder=tmp_path, misfit="")


def test_all_arms_close_the_loop(toy_defence, tmp_path):
    folder = tmp_path / "run"
    summary = run_scenario(toy_defence, choose_arms(None, toy_defence), folder)
    assert list(summary.arms) == list(ARMS)
    defended, nuisance = summary.arms["defended"], summary.arms["nuisance"]
    # Taps sent at 40 s act from the next exchange on; the toy alarms at 60 s.
    assert defended.detection.time_to_detect_s == defended.detection.certified_time_to_detect_s == 16.0
    assert nuisance.detection.detected is None
    assert nuisance.detection.false_alarms_per_day == pytest.approx(86_400.0 / 200.0)
    assert nuisance.outcome["safe_mode_hours"] == pytest.approx(140.0 / 3600.0)
    assert defended.latency["verdict_p50_ms"] > 0.0
    assert summary.harm_averted.energy_mwh == 0.0
    events = pq.read_table(folder / "defended" / "events.parquet").to_pylist()
    assert [e["element"] for e in events if e["kind"] == "safe_mode_in"] == ["grid/protected_dispatch"]
    assert build_report(folder).stat().st_size < 10_000_000


def test_a_role_that_dies_fails_the_run_and_leaves_it_readable(toy_defence, tmp_path, monkeypatch):
    def die(self, k, t_s, inbox):
        if k == 7:
            raise ValueError("boom")
        return []

    monkeypatch.setattr(ToyDetector, "step", die)
    monkeypatch.setattr(ToyHub, "step", lambda self, k, t_s, inbox: [])
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match="boom"):
        run_scenario(toy_defence, [ARMS["baseline"], ARMS["defended"]], folder)
    written = json.loads((folder / "provenance.json").read_text())
    assert written["status"] == "failed"
    assert written["reason"] == "boom"
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["digest"], list(summary["arms"])) == ("failed", None, ["baseline"])
    assert pq.read_table(folder / "defended" / "truth.parquet").num_rows == 7
    assert build_report(folder).is_file()


def test_ctrl_c_marks_the_folder_as_interrupted(tiny_prepared, tmp_path, monkeypatch):
    def stop(plan, bus, name, on_progress=None):
        def progress(done):
            if done == 20:
                raise KeyboardInterrupt

        return run_arm(plan, bus, name, progress)

    monkeypatch.setattr(workers, "run_arm", stop)
    monkeypatch.setattr(run, "usable_cores", lambda: 1)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_scenario(tiny_prepared, PLAIN, folder)
    assert json.loads((folder / "provenance.json").read_text())["status"] == "interrupted"
    assert json.loads((folder / "summary.json").read_text())["status"] == "interrupted"
    assert pq.read_table(folder / "baseline" / "truth.parquet").num_rows == 20
    assert build_report(folder).is_file()


def test_workers_stop_when_one_fails(tiny_prepared, tmp_path):
    # A file where a folder should be: the recorder of the second arm cannot start.
    (tmp_path / "undefended").write_text("in the way")
    plans = [
        ArmPlan(tiny_prepared.scenario, name, None, tmp_path / name) for name in ("baseline", "undefended")
    ]
    done = []
    with pytest.raises(RunFailed, match="arm undefended"):
        workers.run_arms(plans, "x", 2, lambda arm, k: None, done.append)


def test_an_arm_left_early_closes_every_role(tiny_prepared, tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(arm_run, "build_role", _failing_build(closed))
    with pytest.raises(BadInput):
        run_arm(ArmPlan(tiny_prepared.scenario, "undefended", None, tmp_path), EmbeddedBus(), "x")
    assert closed == ["control", "estimator", "plant"]


def _failing_build(closed):
    class Stub:
        def __init__(self, name):
            self.name = name

        def close(self):
            closed.append(self.name)

    def build(name, plan):
        if name == "attacker":
            raise BadInput("attacker", "x", "y")
        return Stub(name)

    return build


def test_arms_that_need_a_detector_are_refused_where_none_fits(tiny_prepared):
    assert [arm.name for arm in choose_arms(None, tiny_prepared)] == ["baseline", "undefended"]
    with pytest.raises(BadInput, match=r"'defended'.*baseline, undefended, because"):
        choose_arms("baseline,defended", tiny_prepared)
    with pytest.raises(BadInput, match=r"'nosuch'.*baseline, undefended, defended, nuisance"):
        choose_arms("nosuch", tiny_prepared)
    with pytest.raises(BadInput, match="each arm once"):
        choose_arms("baseline,baseline", tiny_prepared)


def test_patterns_match_open_links_only(tiny_prepared):
    (attack,) = tiny_prepared.scenario.attack
    protected = {link.id for link in tiny_prepared.plant_model.links if link.protected}
    assert "S1>SCADA" in attack.links
    assert not protected & set(attack.links)


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("attack.0.links=['X*>SCADA']", r"attack\[0\].links: 'X\*>SCADA'"),
        ("attack.0.links=['PDC>SCADA']", r"attack\[0\].links: 'PDC>SCADA'.*unprotected"),
        ("attack.0.eps={ nosuch = 1.0 }", "attack.eps: 'nosuch'"),
        ("link=[{ id = 'a>b', protected = true }]", "link.id: 'a>b'"),
        ("water.bus='99'", "tiny.toml: water.bus: '99'"),
        ("water.cooled_unit='G99'", "water.cooled_unit: 'G99'"),
        ("grid.out_of_service=['1-99']", "grid.out_of_service: '1-99'"),
        ("detector.model='nosuch'", "model: 'nosuch'"),
    ],
)
def test_what_only_the_plant_can_tell_is_refused_before_the_run(override, part, tmp_path):
    with pytest.raises(BadInput, match=part):
        prepare(tiny(tmp_path, (override,)), "tiny.toml")


def test_an_unreadable_inp_is_refused(tmp_path):
    inp = tmp_path / "bad.inp"
    inp.write_text("[JUNCTIONS]\nnonsense\n")
    with pytest.raises(BadInput, match=r"water.network: '.*bad.inp'"):
        prepare(tiny(tmp_path, (f"water.network='{inp}'",)), "tiny.toml")
