"""A changed kernel gets a new cache folder; nothing else does."""

import shutil
from pathlib import Path

import pytest

from scenarios import kernel_cache


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(__file__).parents[2]
    for package in ("streams", "simulator", "detectors"):
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("models", "data"))
    monkeypatch.setattr(kernel_cache, "__file__", str(tmp_path / "scenarios" / "kernel_cache.py"))
    return tmp_path


def test_a_changed_kernel_has_another_folder(copy: Path) -> None:
    before = kernel_cache.kernel_cache()
    assert before == kernel_cache.kernel_cache()
    assert copy not in before.parents
    kernels = copy / "detectors" / "bounds" / "sum_kernels.py"
    kernels.write_text(kernels.read_text() + "\n# another line\n")
    assert kernel_cache.kernel_cache() != before


def test_other_code_keeps_the_folder(copy: Path) -> None:
    before = kernel_cache.kernel_cache()
    other = copy / "streams" / "errors.py"
    other.write_text(other.read_text() + "\n# another line\n")
    assert kernel_cache.kernel_cache() == before
