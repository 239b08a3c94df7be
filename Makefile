# Each target does its own set-up: a virtual environment from the pinned lock.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# Grid2Op pins other versions than ours: the benchmark's peer lives in an environment of its own.
GRID2OP := .venv-grid2op

.PHONY: demo test test-full bench lint

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

$(GRID2OP)/.ready: tests/benchmarks/grid2op.lock
	$(PYTHON) -m venv $(GRID2OP)
	$(GRID2OP)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/benchmarks/grid2op.lock
	touch $@

demo: $(READY)
	$(VENV)/bin/breakwater run flagship --arms baseline,undefended,defended,nuisance --bus memory --out runs/demo

test: $(READY)
	$(VENV)/bin/python -m pytest -m "not slow"

test-full: $(READY)
	$(VENV)/bin/python -m pytest

bench: $(READY) $(GRID2OP)/.ready
	BREAKWATER_GRID2OP_PYTHON=$(GRID2OP)/bin/python $(VENV)/bin/breakwater bench twin --out runs/bench
	$(VENV)/bin/breakwater bench bounds
	$(VENV)/bin/breakwater bench streams

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
