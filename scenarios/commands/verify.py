"""``breakwater certify NET.onnx SPEC.vnnlib``."""

from __future__ import annotations

import math
from pathlib import Path

from detectors.exchange.verify import DEFAULT_TIMEOUT_S, Answer, verify_files
from scenarios.commands.printing import print_json
from scenarios.waiting import Waiting
from streams.errors import BadInput

SHOWN = 20
"""Most inputs of a counter-example that people are shown."""


def verify_command(net: Path, spec: Path, timeout_s: float | None, as_json: bool) -> None:
    """The verdict as JSON, or as sentences. Raises BadInput."""
    for name, path, suffix in (("NET", net, ".onnx"), ("SPEC", spec, ".vnnlib")):
        if path.suffix.lower() != suffix:
            raise BadInput(name, str(path), f"a file whose name ends in {suffix}")
    limit_s = DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s
    if not (math.isfinite(limit_s) and limit_s > 0.0):
        raise BadInput("--timeout", limit_s, "a number of seconds above 0")
    with Waiting(f"{net.name}, {spec.name}", limit_s) as waiting:
        answer = verify_files(
            net, spec, limit_s, lambda done, boxes: waiting.at(f"input box {done + 1} of {boxes}")
        )
    if as_json:
        print_json(answer)
    else:
        print("\n".join(_sentences(answer)))


def _sentences(answer: Answer) -> list[str]:
    how = f"by {answer.method} in {answer.seconds:.2f} s"
    if answer.counterexample is not None:
        shown = [f"  X_{i} = {x!r}" for i, x in enumerate(answer.counterexample[:SHOWN])]
        more = len(answer.counterexample) - SHOWN
        rest = [f"  and {more} more; --json prints all"] if more > 0 else []
        return [f"falsified {how}; onnxruntime confirms this counter-example:", *shown, *rest]
    bound = "no bound" if answer.bound is None else f"margin at least {answer.bound:.6g}"
    meaning = (
        "no input of the set violates" if answer.verdict == "certified" else "neither proven nor refuted"
    )
    return [f"{answer.verdict} {how}: {meaning}, {bound}"]
