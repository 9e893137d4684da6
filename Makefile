# Two commands: `make run` (the sample shop, or PROJECT=/path/to/shop) and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test lint bench dashboards clean

run: $(READY) tools
	@$(BIN)/storekeeper up $(if $(PROJECT),--project $(abspath $(PROJECT)),--demo) $(ARGS)

test: $(READY) tools lint
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) tools
	@$(BIN)/python -m benchmarks $(ARGS)

dashboards: $(READY)
	@$(BIN)/python grafana/build.py

.PHONY: tools
# The real parts: installed where that needs no question, named with the line to type elsewhere.
tools:
	@./deploy/install-tools

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'storekeeper needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo 'Python has no venv module here. Type: apt-get install python3-venv' >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
