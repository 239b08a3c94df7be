"""Training data from the product's own twin: other seeds, other weather, generic tampering, labelled.

Each run has its own seed (1,000,000 and up), start (``training_strata``) and load level, and in some an
outage from the start. The tampering is ``scenarios.attackers.generic``; the attackers of the shipped
scenarios never appear. Long runs are of the closed loop, with messages; short ones (``training_shorts``) show
the grid under many loads and outages.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scenarios import run_folder
from scenarios.roles import ArmPlan
from scenarios.scenario import Scenario, load_scenario
from scenarios.scenario_sections import Attack
from scenarios.short_runs import Order, in_all_cores, outage
from scenarios.training_shorts import ShortRun, write_short_run
from scenarios.training_strata import training_start
from scenarios.workers import run_arms, usable_cores
from simulator.plant import Plant
from streams.errors import BadInput
from streams.plant_model import PlantModel

FIRST_SEED = 1_000_000
ARM = "undefended"
HARMFUL_LOADING = 1.0
SHARES = ("outage_share", "tampered_share", "eps")


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[data]`` of a training configuration.

    scenario: whose networks and couplings are used, its attacks are not; runs: how many; duration_s: of each;
    first_seed: from 1,000,000 up; load_scale: range drawn from; outage_share: share of runs with one branch
    open from the start; tampered_share: share of runs with tampering; eps: reach of it, share of range.
    short_runs: how many short ones beside, of short_duration_s each, loads drawn from short_load_scale.
    """

    scenario: str = "flagship"
    runs: int = 30
    duration_s: float = 21_600.0
    first_seed: int = FIRST_SEED
    load_scale: tuple[float, float] = (0.85, 1.1)
    outage_share: float = 0.4
    tampered_share: float = 0.8
    eps: float = 0.5
    short_runs: int = 0
    short_duration_s: float = 1200.0
    short_load_scale: tuple[float, float] = (0.65, 1.15)


def check_data(config: DataConfig, where: str) -> DataConfig:
    """The same ``config``. Raises BadInput for a value out of range or a scenario that cannot be read."""
    ranges = (
        ("first_seed", f"{FIRST_SEED} and up", config.first_seed >= FIRST_SEED),
        ("runs", "1 to 10000", 1 <= config.runs <= 10_000),
        ("duration_s", "600 to 86400", 600.0 <= config.duration_s <= 86_400.0),
        ("short_runs", "0 to 10000", 0 <= config.short_runs <= 10_000),
        ("short_duration_s", "600 to 86400", 600.0 <= config.short_duration_s <= 86_400.0),
        *(
            (name, "0 < low <= high <= 2", 0.0 < getattr(config, name)[0] <= getattr(config, name)[1] <= 2.0)
            for name in ("load_scale", "short_load_scale")
        ),
        *((name, "0 to 1", 0.0 <= getattr(config, name) <= 1.0) for name in SHARES),
    )
    for field, allowed, good in ranges:
        if not good:
            raise BadInput(f"{where}: data.{field}", getattr(config, field), allowed)
    try:
        load_scenario(config.scenario)
    except BadInput as error:
        raise BadInput(f"{where}: data.scenario", error.value, error.allowed) from None
    return config


def generate(config: DataConfig, folder: Path, on_progress: Callable[[int, int], None]) -> list[Path]:
    """Run the twin and label what it recorded; returns one folder per run.

    Runs that an earlier, interrupted call finished are kept. on_progress(done, all) after each run.
    Raises BadInput where the scenario or the folder cannot be used.
    """
    base = load_scenario(config.scenario)
    plans = [_plan(config, base, number, folder) for number in range(config.runs)]
    shorts = [_short(config, config.runs + number, folder) for number in range(config.short_runs)]
    whole = [plan.folder for plan in plans] + [run.folder for run in shorts]
    unfinished = [plan for plan in plans if not _finished(plan.folder)]
    done = sum(map(_finished, whole))
    on_progress(done, len(whole))
    for start in range(0, len(unfinished), usable_cores()):
        batch = unfinished[start : start + usable_cores()]
        run_arms(batch, f"training-{start}", usable_cores(), lambda arm, k: None, lambda result: None)
        for plan in batch:
            run_folder.write_text(
                plan.folder / run_folder.PLANT_MODEL, _published(plan.scenario).encode().decode()
            )
            label(plan.folder)
            done += 1
            on_progress(done, len(whole))
    for _ in in_all_cores(write_short_run, [run for run in shorts if not _finished(run.folder)]):
        done += 1
        on_progress(done, len(whole))
    return whole


def _finished(folder: Path) -> bool:
    return (folder / "labels.parquet").is_file()


def _short(config: DataConfig, number: int, folder: Path) -> ShortRun:
    order = Order(
        config.scenario, config.first_seed, number, config.short_duration_s, config.short_load_scale,
        config.outage_share,
    )  # fmt: skip
    return ShortRun(order, folder / f"run-{number:04d}", config.eps)


def _plan(config: DataConfig, base: Scenario, number: int, folder: Path) -> ArmPlan:
    seed = config.first_seed + number
    luck = np.random.Generator(np.random.Philox(key=seed))
    general = msgspec.structs.replace(
        base.scenario,
        name=f"training-{number}",
        seed=seed,
        duration_s=config.duration_s,
        start=training_start(config.first_seed, number).isoformat(),
    )
    grid = msgspec.structs.replace(base.grid, load_scale=float(luck.uniform(*config.load_scale)))
    plain = msgspec.structs.replace(base, scenario=general, grid=grid, attack=())
    model = _published(plain)
    out = outage(model, config.first_seed, number, config.outage_share)
    if out:
        grid = msgspec.structs.replace(grid, out_of_service=(out,))
    attacks = _attacks(model, config, luck) if luck.random() < config.tampered_share else ()
    scenario = msgspec.structs.replace(plain, grid=grid, attack=attacks)
    return ArmPlan(scenario, ARM, None, folder / f"run-{number:04d}")


def _published(scenario: Scenario) -> PlantModel:
    plant = Plant(scenario.plant_settings(attacked=False))
    plant.close()
    return plant.model


def _attacks(model: PlantModel, config: DataConfig, luck: np.random.Generator) -> tuple[Attack, ...]:
    own = int(luck.integers(2**31))
    stations = tuple(link.id for link in model.links if link.id.startswith("S") and link.dst == "SCADA")
    levels = {entry.link for entry in model.link_tags for tank in model.tanks if entry.tag == tank.level_tag}
    levels |= {tag.link for tag in model.tags for tank in model.tanks if tag.name == tank.level_tag}
    end = config.duration_s + 1.0
    shift = Attack(
        attacker="random_shift",
        start_s=60.0,
        end_s=end,
        links=stations,
        eps=config.eps,
        options={"seed": own, "period_s": 120.0},
    )
    level = Attack(
        attacker="random_level",
        start_s=float(luck.uniform(0.05, 0.3) * config.duration_s),
        end_s=end,
        links=tuple(sorted(levels)),
        eps=config.eps,
        options={"seed": own, "period_s": float(luck.choice([1800.0, 3600.0, 5400.0]))},
    )
    # Each domain must also be seen clean while the other is tampered with.
    return ((shift,), (level,), (shift, level))[int(luck.integers(3))]


def label(folder: Path) -> None:
    """Write labels.parquet: tampered where received differs from measured, harmful where a true line is
    loaded above HARMFUL_LOADING of its rating. Raises BadInput where the folder is not a recorded arm."""
    model = PlantModel.decode((folder / run_folder.PLANT_MODEL).read_bytes())
    try:
        measured, received = (pq.read_table(folder / f"{name}.parquet") for name in ("measured", "telemetry"))
        loading = pq.read_table(folder / "loading.parquet")
    except (OSError, pa.ArrowException) as error:
        raise BadInput("data", str(folder), f"a folder recorded by the twin ({error})") from None
    tanks = {tank.level_tag for tank in model.tanks}
    grid = _differs(measured, received, [t.name for t in model.tags if t.name not in tanks])
    water = _differs(measured, received, sorted(tanks))
    lines = [name for name in loading.column_names if name != "t_s"]
    harmful = np.max([loading.column(name).to_numpy() for name in lines], axis=0) > HARMFUL_LOADING
    columns = {
        "t_s": received.column("t_s").to_numpy(),
        "tampered": grid | water,
        "tampered_grid": grid,
        "tampered_water": water,
        "harmful": harmful,
    }
    run_folder.write_labels(folder, pa.table(columns))


def _differs(measured: pa.Table, received: pa.Table, names: list[str]) -> np.ndarray:
    result = np.zeros(measured.num_rows, dtype=np.bool_)
    for name in names:
        a, b = measured.column(name).to_numpy(), received.column(name).to_numpy()
        result |= (a != b) & ~(np.isnan(a) & np.isnan(b))
    return result
