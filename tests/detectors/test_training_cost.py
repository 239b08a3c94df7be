from pathlib import Path

import pytest

from detectors.training_cost import Meter, package_energy_uj


def counter(folder: Path, value: int) -> None:
    zone = folder / "intel-rapl:0"
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{value}\n")
    (zone / "max_energy_range_uj").write_text("9999999\n")


def test_energy_is_what_the_counter_says_even_when_it_starts_again(tmp_path: Path) -> None:
    counter(tmp_path, 9_000_000)
    meter = Meter("interval", None, tmp_path)
    counter(tmp_path, 2_000_000)
    first = meter.so_far(10)
    assert first.energy_j == pytest.approx(3.0)
    assert not first.resumed
    second = Meter("interval", first, tmp_path)
    counter(tmp_path, 2_500_000)
    total = second.so_far(20)
    assert total.energy_j == pytest.approx(3.5)
    assert total.resumed
    assert total.steps == 20
    assert total.wall_s >= first.wall_s > 0


def test_without_a_counter_energy_is_unknown(tmp_path: Path) -> None:
    assert package_energy_uj(tmp_path) == {}
    assert Meter("natural", None, tmp_path).so_far(1).energy_j is None
    counter(tmp_path, 1)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("no number")
    assert package_energy_uj(tmp_path) == {}
