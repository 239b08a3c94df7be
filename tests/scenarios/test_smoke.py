"""The catalogue scenario ``smoke``: what it promises to show, and that it shows it again, wherever it runs.

One record of its two attacked arms serves every test.
"""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from scenarios.arms import ARMS
from scenarios.prepare import prepare
from scenarios.run import open_bus, run_scenario
from scenarios.scenario import load_scenario
from streams import topics
from streams.journal import read_journal
from tests.scenarios.flagship_arms import Way, run_way
from tests.scenarios.recorded import columns, replayed_truth, same_bits


@pytest.fixture(scope="module")
def smoke():
    """Prepared, with the one arm in which most takes part."""
    prepared = prepare(load_scenario("smoke"), "smoke")
    return prepared, ARMS["defended" if prepared.model_folder else "undefended"]


@pytest.fixture(scope="module")
def in_memory(smoke, tmp_path_factory):
    prepared, arm = smoke
    folder = tmp_path_factory.mktemp("smoke") / "memory"
    return run_scenario(prepared, [arm], folder), folder / arm.name


@pytest.fixture(scope="module")
def undefended(smoke, tmp_path_factory):
    """Folder of the undefended arm."""
    folder = tmp_path_factory.mktemp("smoke") / "undefended"
    run_scenario(smoke[0], [ARMS["undefended"]], folder)
    return folder / "undefended"


def test_a_tap_an_alarm_and_a_safe_mode_all_happen(smoke, in_memory):
    _, arm = smoke
    summary, folder = in_memory
    kinds = pq.read_table(folder / "events.parquet").column("kind").to_pylist()
    assert "tap_in" in kinds
    if arm.defended:
        assert "safe_mode_in" in kinds
        detection = summary.arms["defended"].detection
        assert detection.detected
        assert detection.certified_time_to_detect_s is not None
        assert detection.false_alarms_per_day == 0.0


def test_twice_in_a_row_gives_the_same_digest(smoke, in_memory, tmp_path):
    prepared, arm = smoke
    assert run_scenario(prepared, [arm], tmp_path / "again").digest == in_memory[0].digest


def test_kafka_in_lockstep_gives_the_same_digest(smoke, in_memory, tmp_path):
    prepared, arm = smoke
    with open_bus("kafka", None) as bus:
        assert run_scenario(prepared, [arm], tmp_path / "kafka", bus).digest == in_memory[0].digest


def digests(arm, folder, *environments):
    """Of the command run with each of the environments, side by side."""
    command = [sys.executable, "-m", "scenarios.cli", "run", "smoke", "--arms", arm.name, "--json"]
    processes = [
        subprocess.Popen(
            [*command, "--out", str(folder / str(number))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        for number, environment in enumerate(environments)
    ]
    written = [process.communicate(timeout=240) for process in processes]
    assert not any(process.returncode for process in processes), written
    return [json.loads(out)["digest"] for out, _ in written]


def test_two_processes_of_other_hash_seeds_give_the_same_digest(smoke, in_memory, tmp_path):
    found = digests(smoke[1], tmp_path, {"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    assert found == [in_memory[0].digest] * 2


def test_threads_of_linear_algebra_leave_the_digest_as_it_is(tmp_path):
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    one, two = digests(ARMS["baseline"], tmp_path, dict.fromkeys(threads, "1"), dict.fromkeys(threads, "2"))
    assert one == two


def test_the_journal_alone_gives_the_same_truth(smoke, in_memory, undefended):
    prepared, arm = smoke
    folders = {arm.name: in_memory[1], "undefended": undefended}
    truths = {name: columns(folder / "truth.parquet") for name, folder in folders.items()}
    for name, folder in folders.items():
        taken_in = {row.topic for row in read_journal(folder / "journal.parquet")}
        assert taken_in == {topics.COMMANDS, topics.TAPS}
        assert same_bits(replayed_truth(prepared.scenario, folder), truths[name])
    if arm.defended:
        # The two truths differ, so it is the journal that tells them apart.
        assert not same_bits(truths["defended"], truths["undefended"])


def test_attackers_whose_taps_are_removed_leave_the_plant_as_it_is(smoke, undefended, tmp_path):
    way = Way("muted", 1.0, True, smoke[0].scenario.scenario.duration_s)
    muted = run_way("smoke", way, tmp_path)
    assert muted.proposed
    run_scenario(smoke[0], [ARMS["baseline"]], tmp_path / "run")
    truth = {
        name: columns(folder / "truth.parquet")
        for name, folder in (
            ("muted", muted.folder),
            ("baseline", tmp_path / "run" / "baseline"),
            ("undefended", undefended),
        )
    }
    assert same_bits(truth["muted"], truth["baseline"])
    assert not same_bits(truth["undefended"], truth["baseline"])
