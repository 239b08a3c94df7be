"""Run by the interpreter of another environment: steps per second of Grid2Op's 118 bus environment.

No action, lines stay in service, so that every step is one power flow, as in our own calm scans.
"""

import json
import time
import warnings

ENVIRONMENT = "rte_case118_example"
STEPS = 2000


def main() -> None:
    """Print one JSON line."""
    warnings.simplefilter("ignore")
    import grid2op
    from grid2op.Parameters import Parameters
    from lightsim2grid import LightSimBackend

    parameters = Parameters()
    parameters.NO_OVERFLOW_DISCONNECTION = True
    environment = grid2op.make(ENVIRONMENT, test=True, backend=LightSimBackend(), param=parameters)
    buses = int(environment.reset().n_sub)
    nothing = environment.action_space()
    for _ in range(20):
        environment.step(nothing)
    spent, steps = 0.0, 0
    while steps < STEPS:
        started = time.process_time()
        over = environment.step(nothing)[2]
        spent += time.process_time() - started
        steps += 1
        if over:
            environment.reset()
    print(json.dumps({"environment": ENVIRONMENT, "buses": buses, "steps_per_s": steps / spent}))


if __name__ == "__main__":
    main()
