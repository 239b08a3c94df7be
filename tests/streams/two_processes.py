"""One side of a toy run that is shared between processes; started by the tests over Kafka."""

import sys
from pathlib import Path

from streams.kafka_bus import KafkaBus
from streams.lockstep import run_lockstep
from tests.streams.toys import join, toy_roles


def main(bootstrap: str, run: str, folder: str, names: str, n_exchanges: str) -> None:
    roles = toy_roles(Path(folder))
    here = [role for role in roles if role.name in names.split(",")]
    bus = KafkaBus(bootstrap)
    run_lockstep(join(bus, run, here, expected=roles), int(n_exchanges))
    bus.close()
    for role in here:
        if role.name == "recorder":
            print(role.digest())


if __name__ == "__main__":
    main(*sys.argv[1:])
