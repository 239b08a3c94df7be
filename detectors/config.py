"""Training configuration, decodable from TOML; unknown keys, wrong types and non-finite numbers are
refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import msgspec

from detectors.perturbation import FLIP
from streams.errors import BadInput

FIRST_TRAINING_SEED = 1_000_000
METHODS = ("interval", "crown_ibp", "dual", "small_boxes", "adversarial", "smoothed", "natural")
"""Of training; each has its file in ``detectors.losses``."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class MemberConfig(_Strict, frozen=True):
    """How one domain's network is trained.

    method: a name of ``detectors.losses.MARGINS``. attack_steps: of its gradient descent; box_share: size of
    its small boxes, share of the full ones. l1, stability: weights of the regularisers, 0 for none.
    shift_rows: how many rows that show load shifts best (``detectors.shift_rows``) take the place of the
    plain rows, 0 for none; of the grid only. start: of the weights, "random" or "thresholds", where the
    first neurons watch single rows. hidden: neurons per hidden layer. eps_train: share of range the loss is
    trained for. steps:
    updates in all; warm_up: share of them on the natural loss; ramp: share in which eps grows; kappa_end:
    final weight of the natural loss (Gowal et al. 2018). batch: windows per topology group; groups: groups
    per step. stride: scans between training windows. positive_weight: weight of tampered windows.
    mask_share: share of groups in which some rows are hidden as if tags were missing. bias_share: random
    constant error per meter, as share of its reading, added in training. visible_sigma: tampered windows
    in which no row moves this far from its clean scatter teach nothing and are left out. spare_normal:
    share of clean training windows that must be certified normal; the output bias is lowered as little as
    that takes (0 leaves it). Held-out windows are for measuring only.
    """

    enabled: bool = True
    method: str = "interval"
    attack_steps: int = 8
    box_share: float = 0.2
    shift_rows: int = 0
    start: Literal["random", "thresholds"] = "random"
    l1: float = 0.0
    stability: float = 0.0
    hidden: tuple[int, ...] = (64, 32)
    eps_train: float = 0.012
    steps: int = 6000
    warm_up: float = 0.1
    ramp: float = 0.5
    kappa_end: float = 0.3
    learning_rate: float = 5e-3
    batch: int = 256
    groups: int = 4
    stride: int = 3
    positive_weight: float = 1.0
    mask_share: float = 0.25
    bias_share: float = 0.0
    visible_sigma: float = 6.0
    spare_normal: float = 0.999


class TrainConfig(_Strict, frozen=True):
    """seed: torch and numpy draws, from 1,000,000 up. eps: certified share of range. window: scans of the
    grid window; min_scans: least complete scans of one topology in it; min_rows: least share of readable
    rows. held_out: share of run folders (or of windows, where there is one folder) kept for measuring.
    checkpoint_every: steps between checkpoints.
    """

    seed: int = FIRST_TRAINING_SEED
    eps: float = 0.01
    window: int = 6
    min_scans: int = 3
    min_rows: float = 0.25
    held_out: float = 0.2
    checkpoint_every: int = 500
    grid: MemberConfig = MemberConfig()
    water: MemberConfig = MemberConfig(hidden=(32, 16), stride=1)


def load_config(path: Path) -> TrainConfig:
    """Read and check a TOML file. Raises BadInput naming file and field."""
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=TrainConfig)
    except OSError as error:
        raise BadInput(str(path), error.strerror or "unreadable", "a readable TOML file") from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadInput(str(path), str(error), "a training configuration in TOML") from None
    return check(config, str(path))


def check(config: TrainConfig, where: str = "config") -> TrainConfig:
    """Ranges that types cannot say; returns the config. Raises BadInput."""

    def need(field: str, value: float, allowed: str, good: bool) -> None:
        if not math.isfinite(value) or not good:
            raise BadInput(f"{where}: {field}", value, allowed)

    seed = config.seed
    need("seed", seed, "an integer from 1000000 up", seed >= FIRST_TRAINING_SEED)
    need("eps", config.eps, f"above 0, below {FLIP:g}", 0 < config.eps < FLIP)
    need("window", config.window, "1 to 1000", 1 <= config.window <= 1000)
    need("min_scans", config.min_scans, "1 to window", 1 <= config.min_scans <= config.window)
    need("min_rows", config.min_rows, "above 0, at most 1", 0 < config.min_rows <= 1)
    need("held_out", config.held_out, "0 to 0.9", 0 <= config.held_out <= 0.9)
    need("checkpoint_every", config.checkpoint_every, "1 or more", config.checkpoint_every >= 1)
    for domain, member in (("grid", config.grid), ("water", config.water)):
        if member.method not in METHODS:
            raise BadInput(f"{where}: {domain}.method", member.method, ", ".join(METHODS))
        need(
            f"{domain}.hidden", len(member.hidden), "1 to 8 layers of 1 to 4096", 1 <= len(member.hidden) <= 8
        )
        for width in member.hidden:
            need(f"{domain}.hidden", width, "1 to 4096", 1 <= width <= 4096)
        for field in ("steps", "batch", "groups", "stride", "attack_steps"):
            need(f"{domain}.{field}", getattr(member, field), "1 or more", getattr(member, field) >= 1)
        for field in ("warm_up", "ramp", "kappa_end", "mask_share", "spare_normal", "box_share"):
            need(f"{domain}.{field}", getattr(member, field), "0 to 1", 0 <= getattr(member, field) <= 1)
        need(f"{domain}.eps_train", member.eps_train, f"0 to below {FLIP:g}", 0 <= member.eps_train < FLIP)
        for field in ("learning_rate", "positive_weight"):
            need(f"{domain}.{field}", getattr(member, field), "above 0", getattr(member, field) > 0)
        for field in ("bias_share", "visible_sigma", "l1", "stability", "shift_rows"):
            need(f"{domain}.{field}", getattr(member, field), "0 or more", getattr(member, field) >= 0)
    return config
