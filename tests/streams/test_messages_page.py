"""docs/messages.md names every message, field and topic, and nothing else."""

import re
import typing
from pathlib import Path

import msgspec
import pytest

from streams import messages, topics
from streams.bus import topics_of

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text()
COMMON = [field.name for field in msgspec.structs.fields(messages.Message)]
KINDS = {kind.__struct_config__.tag: kind for kind in typing.get_args(messages.AnyMessage)}


def first_column(text):
    table = re.findall(r"^\| `([^`]+)`", text.split("\n\n| operation")[0], flags=re.MULTILINE)
    return [name for name in table if name]


def section(title):
    found = re.search(rf"^##+ {title}\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def test_the_fields_of_every_message_are_described():
    assert first_column(section("Encoding")) == COMMON


def test_every_kind_has_its_section():
    start, end = PAGE.index("## Messages"), PAGE.index("## What a recorder keeps")
    assert sorted(re.findall(r"^### (\w+)$", PAGE[start:end], flags=re.MULTILINE)) == sorted(KINDS)


@pytest.mark.parametrize("tag", KINDS)
def test_its_own_fields_are_described(tag):
    own = [f.name for f in msgspec.structs.fields(KINDS[tag]) if f.name not in COMMON]
    assert first_column(section(tag)) == own


def test_the_operations_of_a_tap_are_described():
    table = section("tap").split("| operation |")[1]
    assert first_column(table) == list(typing.get_args(messages.TapOperation))


def test_topics_and_their_partitions_are_described():
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \|", section("Topics"), flags=re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(topics.ALL)
    assert {topics.full_name("r.a", name): int(count) for name, count in rows} == topics_of("r.a")
