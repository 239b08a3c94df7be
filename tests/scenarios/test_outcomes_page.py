"""docs/outcomes.md defines every field of summary.json, and each has exactly one case worked by hand."""

import re
from pathlib import Path

import msgspec
import pytest

from scenarios.arm_run import Latency
from scenarios.detection import Detection
from scenarios.score import OUTCOMES, HarmAverted
from scenarios.summary import ArmSummary, Summary
from tests.scenarios import test_outcome_fields
from tests.simulator import test_outcomes

PAGE = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text()


def names(kind):
    return {field.name for field in msgspec.structs.fields(kind)}


BLOCKS = {
    "Document": ("summary", names(Summary) - {"arms", "harm_averted"}),
    "Outcome": ("outcome", set(OUTCOMES)),
    "Detection": ("detection", names(Detection)),
    "Latency": ("latency", names(Latency)),
    "Harm averted": ("harm_averted", names(HarmAverted)),
}


def rows(title):
    """Cells of a section's table: figures, unit, definition, source."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found, title
    lines = re.findall(r"^\| (`.+) \|$", found[1], flags=re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def test_no_block_of_the_document_is_left_out():
    blocks = {block for block, _ in BLOCKS.values()}
    assert names(ArmSummary) | (names(Summary) & {"harm_averted"}) == blocks - {"summary"}


@pytest.mark.parametrize("title", BLOCKS)
def test_every_field_is_defined(title):
    defined = [name for row in rows(title) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(defined) == sorted(BLOCKS[title][1])


@pytest.mark.parametrize("title", BLOCKS)
def test_every_definition_has_its_unit_and_its_source(title):
    for row in rows(title):
        assert len(row) == 4, row
        assert all(row), row
        assert len(row[2]) > 20, row


def test_every_field_has_one_case_worked_by_hand():
    cases = [*test_outcomes.HAND_WORKED, *test_outcome_fields.HAND_WORKED, *test_outcome_fields.SUMMARY]
    assert len(set(cases)) == len(cases)
    assert set(cases) == {f"{block}.{name}" for block, fields in BLOCKS.values() for name in fields}
