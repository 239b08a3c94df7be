"""What can be checked of docker-compose.yml without Docker: that it is valid and fits the command line."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
ROLES = ["plant", "attacker", "detector", "hub", "responder", "control", "recorder"]


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]


def test_one_service_for_the_broker_and_one_for_each_role(services):
    assert sorted(services) == sorted(["kafka", *ROLES])


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_started_by_its_command(services, role):
    command = re.sub(r"\$\{RUN:-(\w+)\}", r"\1", services[role]["command"])
    words = shlex.split(command)
    assert words[:2] == ["serve", role]
    options = dict(zip(words[2::2], words[3::2], strict=True))
    out = options.pop("--out", None)
    assert options == {
        "--bus": "kafka",
        "--bootstrap": "kafka:9092",
        "--scenario": "flagship",
        "--run": "demo",
        "--arm": "defended",
    }
    assert services[role]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services[role]["build"] == "."
    assert (out is not None) == (role == "recorder")


def test_what_the_recorder_writes_stays(services):
    assert services["recorder"]["volumes"] == ["./runs:/runs"]
    assert "--out /runs/" in services["recorder"]["command"]


def test_the_broker_runs_in_kraft_mode_at_the_address_the_roles_use(services):
    kafka = services["kafka"]
    environment = kafka["environment"]
    assert kafka["image"].startswith("apache/kafka:")
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{environment['KAFKA_NODE_ID']}@kafka:9093"
    assert "KAFKA_ZOOKEEPER_CONNECT" not in environment
    assert "healthcheck" in kafka


def test_the_image_holds_the_four_packages_and_the_command():
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    for package in ("streams", "simulator", "detectors", "scenarios"):
        assert f"COPY {package} {package}" in lines
    assert lines[-1] == 'ENTRYPOINT ["breakwater"]'
