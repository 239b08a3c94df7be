"""The catalogue scenario ``smoke``: over Kafka as in memory, and what it promises to show."""

import pyarrow.parquet as pq
import pytest

from scenarios.arms import ARMS
from scenarios.prepare import prepare
from scenarios.run import open_bus, run_scenario
from scenarios.scenario import load_scenario


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


def test_kafka_in_lockstep_gives_the_same_digest(smoke, in_memory, tmp_path):
    prepared, arm = smoke
    with open_bus("kafka", None) as bus:
        assert run_scenario(prepared, [arm], tmp_path / "kafka", bus).digest == in_memory[0].digest
