"""Reading and comparing recorded arms, and the plant fed from a journal alone."""

import numpy as np
import pyarrow.parquet as pq

from simulator.plant_role import PlantRole
from streams.journal import read_inputs
from streams.messages import Truth


def columns(path):
    """Name -> values of a table of numbers."""
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def same_bits(one, other):
    """Whether two such tables have the same columns and every value in the same bits, NaN included."""
    return list(one) == list(other) and all(one[name].tobytes() == other[name].tobytes() for name in one)


def replayed_truth(scenario, folder):
    """Columns of ``truth.parquet`` as the plant makes them from the journal in ``folder``, alone."""
    inputs = read_inputs(folder / "journal.parquet")
    plant = PlantRole(scenario.plant_settings(attacked=True))
    exchange_s = scenario.scenario.exchange_s
    rows = []
    try:
        for k in range(scenario.exchanges + 1):
            outgoing = plant.step(k, k * exchange_s, inputs.get(k, {}))
            rows += [
                (out.message.t_s, out.message.true) for out in outgoing if isinstance(out.message, Truth)
            ]
    finally:
        plant.close()
    values = np.stack([np.frombuffer(true, dtype="<f8") for _, true in rows])
    names = [tag.name for tag in plant.plant.model.tags]
    replayed = {"t_s": np.array([t_s for t_s, _ in rows])}
    return replayed | {name: values[:, i] for i, name in enumerate(names)}
