"""The command ``breakwater``: arguments in, library calls, results on stdout, errors as one sentence.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.kernel_cache import kernel_cache
from streams.errors import BadInput, BreakwaterError

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

app = typer.Typer(
    name="breakwater",
    help="Attack-and-defence range for coupled power and water systems, with certified detectors.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ScenarioName = Annotated[str, typer.Argument(help="Catalogue name or TOML file.")]
Seed = Annotated[int | None, typer.Option(help="0 to 999999; overrides the scenario's.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, e.g. grid.load_scale=0.9.")
]
Bootstrap = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address of the Kafka broker.")]


@app.command()
def run(
    scenario: ScenarioName,
    arms: Annotated[
        str | None, typer.Option(help="Of baseline,undefended,defended,nuisance; all by default.")
    ] = None,
    seed: Seed = None,
    bus: Annotated[str, typer.Option(help="memory or kafka.")] = "memory",
    bootstrap: Bootstrap = None,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/SCENARIO-SEED by default.")] = None,
    as_json: Json = False,
) -> None:
    """Run a scenario: every arm under one nature, scored, into a run folder."""
    from scenarios.commands.run import run_command

    run_command(scenario, arms, seed, bus, bootstrap, tuple(overrides or ()), out, as_json)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="networks, scenarios, attackers, detectors or safe-modes.")],
    as_json: Json = False,
) -> None:
    """List what a name can mean."""
    from scenarios.commands.listing import list_command

    list_command(kind, as_json)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="TOML file of a training.")],
    out: Annotated[Path, typer.Option(help="Folder of the model; a stopped training goes on there.")],
    as_json: Json = False,
) -> None:
    """Train a detector on data of the twin."""
    from scenarios.commands.train import train_command

    train_command(config, out, as_json)


@app.command()
def certify(
    model: Annotated[
        str | None, typer.Argument(help="Catalogue name or folder of a model, or an ONNX file.")
    ] = None,
    data: Annotated[
        Path | None, typer.Argument(help="Folder of one arm of a run, or a VNN-LIB file.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the file of certificates.")] = None,
    any_station: Annotated[
        bool, typer.Option("--any-station", help="With the tags of any one station free.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prove a file of certificates again.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds for an ONNX file; 60 by default.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Certificates for recorded windows, a check of those in a file, or the verdict on an ONNX network."""
    onnx = check is None and _is_onnx(model, data)
    if timeout is not None and not onnx:
        raise BadInput("--timeout", timeout, "with an ONNX file only")
    if check is not None:
        from scenarios.commands.check_certificates import check_command

        return check_command(check, model, data, out, any_station, as_json)
    if model is None or data is None:
        raise BadInput("MODEL DATA", model, "a model and the folder of an arm, or --check FILE")
    if onnx:
        if out is not None or any_station:
            raise BadInput("--out, --any-station", model, "with a model and recorded data only")
        from scenarios.commands.verify import verify_command

        verify_command(Path(model), data, timeout, as_json)
        return 0
    from scenarios.commands.certify import certify_command

    certify_command(model, data, as_json, out, any_station)
    return 0


def _is_onnx(model: str | None, data: Path | None) -> bool:
    return Path(model or "").suffix.lower() == ".onnx" or (data or Path()).suffix.lower() == ".vnnlib"


@app.command()
def impact(
    scenario: ScenarioName,
    tau: Annotated[float, typer.Option(help="Largest shift of a received load, share of its value.")] = 0.3,
    place: Annotated[int, typer.Option(help="Further protected meters to place.")] = 0,
    sigma: Annotated[
        float, typer.Option(help="How far a shift may move a residual row, in its scatter; 0: not at all.")
    ] = 0.0,
    outflow: Annotated[
        float | None, typer.Option(help="Net outflow of tanks, m3/h; else the largest of its meter's range.")
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Bound what an attacker whom no residual sees can do to the plant."""
    from scenarios.commands.impact import impact_command

    impact_command(scenario, tau, place, sigma, outflow, tuple(overrides or ()), as_json)


@app.command()
def report(run_dir: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Build the HTML report of a run folder again."""
    from scenarios.report.build import build_report

    print(build_report(run_dir), file=sys.stderr)


@app.command()
def serve(
    role: Annotated[
        str,
        typer.Argument(help="plant, attacker, detector, hub, responder, control or recorder."),
    ],
    scenario: Annotated[str, typer.Option(help="Catalogue name or TOML file.")],
    bootstrap: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address of the Kafka broker.")],
    run_id: Annotated[str, typer.Option("--run", metavar="ID", help="Run id, the same for every role.")],
    arm: Annotated[str, typer.Option(help="baseline, undefended, defended or nuisance.")],
    bus: Annotated[str, typer.Option(help="kafka.")] = "kafka",
    seed: Seed = None,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; the recorder's only.")] = None,
) -> None:
    """Play one role of one arm in this process, over Kafka."""
    from scenarios.commands.serve import serve_command

    serve_command(role, scenario, arm, run_id, bus, bootstrap, seed, tuple(overrides or ()), out)


@app.command()
def bench(
    what: Annotated[str, typer.Argument(help="twin, bounds, streams or detection.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the figures and their plots.")] = None,
    as_json: Json = False,
) -> None:
    """Measure this machine."""
    from scenarios.commands.bench import bench_command

    bench_command(what, as_json, out)


def main() -> None:
    """Entry point: what went wrong as one sentence on stderr, and the exit status that goes with it."""
    _prepare_environment()
    sys.exit(_status(sys.argv[1:]))


def _status(arguments: list[str]) -> int:
    try:
        result: Any = typer.main.get_command(app)(arguments, prog_name="breakwater", standalone_mode=False)
    except BadInput as error:
        return _complain(str(error), EXIT_BAD_INPUT)
    except BreakwaterError as error:
        return _complain(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of stdout went away; point it at nothing so that the interpreter's last flush is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except (typer.TyperException, typer.Abort) as error:
        return _complain(_usage(error), getattr(error, "exit_code", EXIT_FAILED))
    if result == EXIT_INTERRUPTED:
        return _complain("interrupted", EXIT_INTERRUPTED)
    return result if isinstance(result, int) else 0


def _usage(error: BaseException) -> str:
    """Typer's own complaint and where to look."""
    text = error.format_message() if isinstance(error, typer.TyperException) else "aborted"
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "breakwater"
    return f"{' '.join(text.split())} (see {where} --help)"


def _complain(sentence: str, status: int) -> int:
    print(f"breakwater: {' '.join(sentence.split())}", file=sys.stderr)
    return status


def _prepare_environment() -> None:
    """One thread for linear algebra, whatever was set: results must not depend on it; a place for kernels."""
    for name in _THREADS:
        os.environ[name] = "1"
    if "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = str(kernel_cache())


if __name__ == "__main__":
    main()
