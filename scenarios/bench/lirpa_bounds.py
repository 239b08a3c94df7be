"""Run by the interpreter of another environment: auto_LiRPA's bounds per second on one thread.

    python lirpa_bounds.py NETWORK.npz    (w0, b0, w1, ...; x: (windows, inputs); eps)

It needs torch and auto_LiRPA only. Bounds are those of the library's own entry, in float32, its default.
"""

import json
import statistics
import sys
import time
import warnings

METHODS = {"interval": "IBP", "crown_ibp": "CROWN-IBP", "crown": "CROWN"}
SPEND_S = 1.0


def main() -> None:
    """Print one JSON line: {"lirpa": {method: {windows: seconds of CPU time per call}}}."""
    warnings.simplefilter("ignore")
    import numpy as np
    import torch
    from auto_LiRPA import BoundedModule, BoundedTensor
    from auto_LiRPA.perturbations import PerturbationLpNorm

    torch.set_num_threads(1)
    data = np.load(sys.argv[1])
    layers = []
    depth = sum(name.startswith("w") for name in data)
    for i in range(depth):
        weight = torch.tensor(data[f"w{i}"], dtype=torch.float32)
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight, torch.tensor(data[f"b{i}"], dtype=torch.float32)
        layers += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    windows = torch.tensor(data["x"], dtype=torch.float32)
    box = PerturbationLpNorm(norm=np.inf, eps=float(data["eps"]))
    told: dict[str, dict[int, float]] = {name: {} for name in METHODS}
    for count in (1, len(windows)):
        inside = BoundedTensor(windows[:count], box)
        model = BoundedModule(network, windows[:count])
        for name, method in METHODS.items():
            with torch.no_grad():
                model.compute_bounds(x=(inside,), method=method)
                times: list[float] = []
                while sum(times) < SPEND_S or len(times) < 3:
                    started = time.process_time()
                    model.compute_bounds(x=(inside,), method=method)
                    times.append(time.process_time() - started)
            told[name][count] = statistics.median(times)
    print(json.dumps({"lirpa": told}))


if __name__ == "__main__":
    main()
