"""Certified training, and plain training of a twin, one member at a time.

Loss: kappa * natural + (1 - kappa) * worst case, each a logistic loss; the worst case takes the least margin
over the box as the method of ``detectors.losses`` sees it. A warm-up on the natural loss is followed by a
linear growth of eps while kappa falls from 1 to its end value (Gowal et al. 2018, "On the Effectiveness of
Interval Bound Propagation"). The twin is the same network trained on the natural loss alone.

A tampered window that no single row could tell from a clean one within eps teaches nothing but false alarms:
it is left out of the natural loss, and out of the worst case where no row could certify both sides.

Every draw is a function of (seed, member, step), so a training that was interrupted ends with the same bits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from detectors.bounds.dense import Dense
from detectors.config import MemberConfig
from detectors.features import AffineRows, keep_rows
from detectors.losses import MARGINS, Batch
from detectors.losses.regularisers import instability, weight_sum
from detectors.network import Mlp
from detectors.training_cost import Cost, Meter

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Progress = Callable[[str, str, int, int, float], None]
"""(member, "certified" | "twin", step, steps, loss), called every REPORT_EVERY steps."""

REPORT_EVERY = 50
FINAL_LEARNING_RATE = 0.05
CLEAN_SIGMA = 4.0
"""Scatter K of clean rows: beyond it a single row tells."""


@dataclass(frozen=True)
class Group:
    """Windows that share one feature map (one topology).

    inputs: (w, n) reduced windows, or None where only features are kept; features: (w, m); positive: (w,);
    reach: (n,) half width of the box per unit of eps share; width: (n,) range of each input; hide: draws a
    pattern of missing inputs (n,) for one group of windows.
    """

    rows: AffineRows
    inputs: Floats | None
    features: Floats
    positive: Bools
    reach: Floats
    width: Floats
    hide: Callable[[np.random.Generator], Bools]


def data_hash(groups: list[Group], config: MemberConfig, seed: int) -> str:
    """What a checkpoint must agree with to be resumed."""
    total = hashlib.sha256(repr((config, seed)).encode())
    for group in groups:
        for part in (group.rows.matrix, group.rows.offset, group.features, group.positive, group.reach):
            total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()


def schedule(config: MemberConfig, step: int) -> tuple[float, float, float]:
    """At a step: (share of the ramp done, eps share, weight of the natural loss)."""
    begin = config.warm_up * config.steps
    length = max(config.ramp * config.steps, 1.0)
    grown = min(max((step - begin) / length, 0.0), 1.0)
    return grown, config.eps_train * grown, 1.0 - (1.0 - config.kappa_end) * grown


@dataclass(frozen=True)
class Trained:
    """A network and what it cost."""

    network: Dense
    cost: Cost


def train_network(
    groups: list[Group],
    config: MemberConfig,
    seed: int,
    certified: bool,
    checkpoint: Path,
    every: int,
    progress: Callable[[int, float], None],
) -> Trained:
    """Train one network, the twin if not ``certified``; resumes from ``checkpoint`` where that agrees with
    data and configuration."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _train(groups, config, seed, certified, checkpoint, every, progress)
    finally:
        torch.set_num_threads(threads)


def _train(
    groups: list[Group],
    config: MemberConfig,
    seed: int,
    certified: bool,
    checkpoint: Path,
    every: int,
    progress: Callable[[int, float], None],
) -> Trained:
    method = config.method if certified else "natural"
    network = Mlp(groups[0].rows.matrix.shape[0], config.hidden, seed)
    if config.start == "thresholds" and method != "natural":
        network.start_at_thresholds(*start(groups, config))
    adam = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    mark = data_hash(groups, config, seed) + ("certified" if certified else "twin")
    begin, before = _resume(checkpoint, mark, network, adam)
    meter = Meter(method, before)
    weights = np.sqrt([len(g.positive) for g in groups])
    weights = weights / weights.sum()
    for step in range(begin, config.steps):
        draw = np.random.default_rng([seed, step])
        share = step / config.steps
        rate = FINAL_LEARNING_RATE + (1 - FINAL_LEARNING_RATE) * 0.5 * (1 + math.cos(math.pi * share))
        for options in adam.param_groups:
            options["lr"] = config.learning_rate * rate
        loss = torch.zeros((), dtype=torch.float64)
        for i in draw.choice(len(groups), size=config.groups, p=weights):
            loss = loss + _group_loss(network, groups[int(i)], config, method, step, draw)
        loss = loss / config.groups
        if certified and config.l1 > 0.0:
            loss = loss + config.l1 * weight_sum(network)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        adam.step()
        done = step + 1
        if done % every == 0:
            _save(checkpoint, mark, done, network, adam, meter.so_far(done))
        if done % REPORT_EVERY == 0 or done == config.steps:
            progress(done, float(loss.detach()))
    return Trained(network.dense(), meter.so_far(config.steps))


class Start(NamedTuple):
    """thresholds: (m,) of each row, infinite for one not to be watched; growth: (m,) by how much all of them
    grow per unit of a row that nobody can move."""

    thresholds: Floats
    growth: Floats


def start(groups: list[Group], config: MemberConfig) -> Start:
    """Clean scatter and what the box may add, of every row of the largest group. Rows that nobody can move
    show no lie; scatter may follow them (least squares of mean |row| on them, in clean windows)."""
    most = max(groups, key=lambda group: len(group.positive))
    length = np.abs(most.rows.matrix) @ most.reach
    still, watched = most.rows.defined & (length == 0.0), most.rows.defined & (length > 0.0)
    clean = most.features[~most.positive]
    table = np.column_stack([np.ones(len(clean)), clean[:, still]])
    scatter = np.abs(clean[:, watched]).mean(axis=1)
    fitted = np.linalg.lstsq(table, scatter, rcond=None)[0]
    growth = np.zeros(len(length))
    growth[still] = CLEAN_SIGMA * fitted[1:] / max(float(scatter.mean()), 1e-12)
    return Start(np.where(watched, CLEAN_SIGMA + config.eps_train * length, np.inf), growth)


def _group_loss(
    network: Mlp, group: Group, config: MemberConfig, method: str, step: int, draw: np.random.Generator
) -> Tensor:
    grown, eps, kappa = (0.0, 0.0, 1.0) if method == "natural" else schedule(config, step)
    chosen = _balanced(group.positive, config.batch, draw)
    features, rows, reach = group.features[chosen], group.rows, group.reach * eps
    if config.bias_share > 0 and group.inputs is not None:
        error = config.bias_share * draw.standard_normal(rows.matrix.shape[1])
        features = features + (group.inputs[chosen] * error) @ rows.matrix.T
    if draw.random() < config.mask_share:
        missing = group.hide(draw)
        keep = keep_rows(rows, missing, group.width)
        rows, features = rows.masked(keep), features * (rows.defined & keep)
    x = torch.from_numpy(np.ascontiguousarray(features))
    positive = torch.from_numpy(group.positive[chosen])
    side = torch.where(positive, 1.0, -1.0).double()
    room = torch.from_numpy(_room(rows, features, group.reach))
    weight = torch.where(positive, config.positive_weight * (room >= eps), 1.0).double()
    natural = (weight * softplus(-side * network(x))).mean()
    if kappa >= 1.0:
        return kappa * natural
    batch = Batch(
        x, side, torch.from_numpy(rows.matrix), torch.from_numpy(reach), grown,
        config.attack_steps, config.box_share,
    )  # fmt: skip
    weight = torch.where(positive, config.positive_weight * (room >= 2.0 * eps), 1.0).double()
    worst = (weight * softplus(-MARGINS[method](network, batch, draw))).mean()
    loss = kappa * natural + (1.0 - kappa) * worst
    return loss + config.stability * instability(network, batch) if config.stability > 0.0 else loss


def _room(rows: AffineRows, features: Floats, reach: Floats) -> Floats:
    """Largest eps share at which a row still tells each window from clean ones, (w,).

    A row with L1 norm l tells a shift s apart if s > K + eps l, and certifies both sides if s > K + 2 eps l.
    """
    length = np.abs(rows.matrix) @ reach
    share = np.where(length > 0, (np.abs(features) - CLEAN_SIGMA) / np.maximum(length, 1e-12), 0.0)
    return np.asarray(share.max(axis=1))


def _balanced(positive: Bools, size: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Half tampered, half clean windows where the group has both."""
    yes, no = np.flatnonzero(positive), np.flatnonzero(~positive)
    if not yes.size or not no.size:
        return draw.integers(positive.size, size=size)
    half = size // 2
    both: NDArray[np.int64] = np.r_[
        yes[draw.integers(yes.size, size=half)], no[draw.integers(no.size, size=size - half)]
    ]
    return both


def _save(path: Path, mark: str, step: int, network: Mlp, adam: torch.optim.Adam, cost: Cost) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    state = {"mark": mark, "step": step, "network": network.state_dict(), "adam": adam.state_dict()}
    torch.save(state | {"cost": msgspec.to_builtins(cost)}, part)
    part.replace(path)


def _resume(path: Path, mark: str, network: Mlp, adam: torch.optim.Adam) -> tuple[int, Cost | None]:
    """Step to go on from and what it took to get there; 0 and None where there is no checkpoint of exactly
    this training."""
    if not path.is_file():
        return 0, None
    try:
        state = torch.load(path, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError):
        return 0, None
    if state.get("mark") != mark:
        return 0, None
    network.load_state_dict(state["network"])
    adam.load_state_dict(state["adam"])
    return int(state["step"]), msgspec.convert(state["cost"], Cost)
