from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from detectors import training
from detectors.config import METHODS, MemberConfig, TrainConfig, check, load_config
from detectors.features import AffineRows
from detectors.model import load_model
from detectors.train import spare_shift, train
from detectors.training import Group, Trained, schedule, train_network
from streams.errors import BadInput

SMALL = TrainConfig(
    checkpoint_every=20,
    grid=MemberConfig(hidden=(8,), steps=60, batch=32, groups=2, stride=20),
    water=MemberConfig(hidden=(8,), steps=40, batch=32, groups=1, stride=2),
)


def some(runs: list[Path]) -> list[Path]:
    return runs[:3]


class StopError(Exception):
    pass


def test_interrupted_training_ends_with_the_same_bits(runs: list[Path], tmp_path: Path) -> None:
    whole = load_model(train(SMALL, some(runs), tmp_path / "whole"))
    stopped = tmp_path / "stopped"

    def stop(member: str, kind: str, step: int, steps: int, loss: float) -> None:
        if (member, kind, step) == ("grid", "twin", 50):
            raise StopError

    with pytest.raises(StopError):
        train(SMALL, some(runs), stopped, stop)
    assert list(stopped.glob("checkpoint-*.pt"))
    seen: list[tuple[str, str, int]] = []
    resumed = load_model(
        train(SMALL, some(runs), stopped, lambda m, kind, s, n, x: seen.append((m, kind, s)))
    )
    assert seen[0] == ("grid", "twin", 50)
    assert resumed.digest() == whole.digest()
    assert all(np.array_equal(resumed.twin[n], whole.twin[n]) for n in whole.twin)
    assert not list(stopped.glob("checkpoint-*.pt"))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_resumes_to_the_same_bits(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(1)
    rows = AffineRows(draw.standard_normal((5, 7)), np.zeros(5), np.ones(5, dtype=bool))
    inputs = draw.standard_normal((40, 7))
    positive = np.arange(40) % 2 == 0
    inputs[positive] *= 6.0
    group = Group(
        rows,
        inputs,
        rows.features(inputs),
        positive,
        np.ones(7),
        np.full(7, 2.0),
        lambda _: np.zeros(7, bool),
    )
    config = MemberConfig(
        method=method, hidden=(6, 4), steps=30, batch=16, groups=1, l1=1e-4, stability=1e-3, attack_steps=3
    )

    def run(path: Path, stop_at: int | None) -> Trained:
        def progress(step: int, loss: float) -> None:
            if step == stop_at:
                raise StopError

        return train_network([group], config, 7, True, path, 10, progress)

    monkeypatch.setattr(training, "REPORT_EVERY", 5)
    whole = run(tmp_path / "whole.pt", None)
    with pytest.raises(StopError):
        run(tmp_path / "stopped.pt", 25)
    assert torch.load(tmp_path / "stopped.pt", weights_only=True)["step"] == 20
    resumed = run(tmp_path / "stopped.pt", None)
    for a, b in zip(whole.network.weights, resumed.network.weights, strict=True):
        assert np.array_equal(a, b)
    assert (whole.cost.method, whole.cost.steps, whole.cost.resumed) == (method, 30, False)
    assert resumed.cost.resumed


def test_checkpoint_of_another_training_is_not_used(runs: list[Path], tmp_path: Path) -> None:
    def stop(member: str, kind: str, step: int, steps: int, loss: float) -> None:
        if kind == "twin":
            raise StopError

    with pytest.raises(StopError):
        train(SMALL, some(runs), tmp_path, stop)
    other = msgspec.structs.replace(SMALL, seed=SMALL.seed + 1)
    seen: list[tuple[str, int]] = []

    def note(member: str, kind: str, step: int, steps: int, loss: float) -> None:
        seen.append((kind, step))
        raise StopError

    with pytest.raises(StopError):
        train(other, some(runs), tmp_path, note)
    assert seen == [("certified", 50)]


def test_certified_training_certifies_what_plain_training_does_not(model_dir: Path) -> None:
    for member in load_model(model_dir).spec.members.values():
        figures = member.figures
        assert figures["certified_normal"] >= 0.99
        assert figures["false_alarm"] <= 0.001
        assert figures["twin_certified_normal"] < 0.5
    grid = load_model(model_dir).spec.members["grid"].figures
    assert grid["certified_detection"] > 0.7
    assert grid["certified_detection"] > grid["twin_certified_detection"] + 0.2


def test_schedule() -> None:
    config = MemberConfig(steps=100, warm_up=0.1, ramp=0.5, eps_train=0.02, kappa_end=0.3)
    assert schedule(config, 0) == (0.0, 0.0, 1.0)
    assert schedule(config, 35) == pytest.approx((0.5, 0.01, 0.65))
    assert schedule(config, 99) == pytest.approx((1.0, 0.02, 0.3))


def test_spare_shift_only_lowers() -> None:
    high = np.array([-3.0, -2.0, 0.5])
    assert spare_shift(high, 1.0) == pytest.approx(0.5, abs=1e-5)
    assert spare_shift(high, 0.5) == 0.0
    assert spare_shift(high, 0.0) == 0.0


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sed = 1000000", "sed"),
        ("eps = nan", "eps"),
        ("eps = 0.7", "eps"),
        ("seed = 7", "1000000"),
        ("window = 0", "window"),
        ("[grid]\nlearning_rate = inf", "learning_rate"),
        ("[grid]\nhidden = []", "hidden"),
        ("[water]\nkappa_end = -1.0", "kappa_end"),
        ('[grid]\nmethod = "magic"', "method"),
        ("[grid]\nbox_share = 1.5", "box_share"),
        ("[grid]\nstability = -1.0", "stability"),
        ("eps =", "TOML"),
        ('eps = "one"', "eps"),
    ],
)
def test_bad_configuration_is_one_sentence(text: str, hint: str, tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_config(file)
    assert hint in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defaults_are_allowed(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("")
    assert load_config(file) == check(TrainConfig())
    with pytest.raises(BadInput):
        load_config(tmp_path / "none.toml")


def test_missing_data_is_refused(tmp_path: Path, runs: list[Path]) -> None:
    with pytest.raises(BadInput, match="at least one"):
        train(SMALL, [], tmp_path)
    with pytest.raises(BadInput, match=r"plant_model\.json"):
        train(SMALL, [tmp_path], tmp_path / "out")
