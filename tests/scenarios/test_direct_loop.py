"""The loop on vectors does what the roles do by messages."""

import numpy as np

from scenarios.direct_loop import DirectLoop
from simulator.control.role import ControlRole
from simulator.plant_role import PlantRole
from streams import topics
from streams.messages import Truth
from tests.simulator.small_plant import settings

EXCHANGES = 90


def test_vectors_and_messages_lead_to_the_same_truth():
    plant, control = PlantRole(settings()), ControlRole(settings().control)
    direct = DirectLoop(settings())
    commands, truths, seen = [], [], []
    for k in range(EXCHANGES):
        inbox = {}
        for out in plant.step(k, 4.0 * k, {topics.COMMANDS: commands}):
            inbox.setdefault(out.topic, []).append(out.message)
        commands = [out.message for out in control.step(k, 4.0 * k, inbox)]
        truths.append(next(m for m in inbox[topics.TRUTH] if isinstance(m, Truth)))
    own = direct.plant
    direct.run(
        EXCHANGES,
        lambda: seen.append(
            (own.sampling.true.copy(), own.sampling.received.copy(), own._link_values.copy())
        ),
    )
    for truth, vectors in zip(truths, seen, strict=True):
        for payload, vector in zip((truth.true, truth.received, truth.links), vectors, strict=True):
            np.testing.assert_array_equal(np.frombuffer(payload), vector)
    plant.close()
    direct.close()
