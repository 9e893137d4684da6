# Two commands: `make run` (the sample shop, or PROJECT=/path/to/shop) and `make test`.
PYTHON ?= python3
# A Python that is named, as in make test PYTHON=python3.13, has environments of its own beside the usual ones.
SUFFIX := $(if $(filter-out file,$(origin PYTHON)),-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'))
VENV := .venv$(SUFFIX)
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Django projects of other people, in an environment of their own as real shops are.
PROJECTS := .venv-projects$(SUFFIX)
# Tests wait more than they compute.
WORKERS ?= $(shell $(PYTHON) -c 'import os; cores = os.cpu_count() or 2; print(2 * cores)')

# Bytecode is kept: the tests start hundreds of interpreters, which would all compile the same.
unexport PYTHONDONTWRITEBYTECODE
# uv installs in seconds what takes pip a minute; pip where there is no uv, or where uv cannot.
INDEX = $$($(BIN)/python -m pip config get global.index-url 2>/dev/null || echo "$${PIP_INDEX_URL:-https://pypi.org/simple}")
QUIET_PIP := -m pip install --quiet --disable-pip-version-check
# The checkout in sys.path, instead of a finder that costs each interpreter as much again as its start.
IN_PLACE := -C editable_mode=compat --editable

.PHONY: run test test-fresh thorough mutants fuzz lint bench dashboards docs clean

run: $(READY) tools
	@$(BIN)/storekeeper up $(if $(PROJECT),--project $(abspath $(PROJECT)),--demo) $(ARGS)

test:
	@$(MAKE) --no-print-directory --jobs=3 ready-to-test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

.PHONY: ready-to-test
ready-to-test: $(READY) $(PROJECTS)/.ready test-tools lint

# Both commands in a Debian that has nothing yet, which debootstrap makes and which is gone afterwards. Needs root.
test-fresh:
	@tests/fresh_machine/run

# The attacks with random moments (kills, storms, races, fuzzing) for as long as trust asks for: an hour or more.
thorough: $(READY) $(PROJECTS)/.ready test-tools
	@$(BIN)/python -m pytest --thorough -m "" --timeout=0 -rA $(ARGS)
	@$(BIN)/python tests/mutants/run.py

# Each check that deletes, cuts, prunes, decides or restores has a test that notices when it is taken out.
mutants: $(READY) test-tools
	@$(BIN)/python tests/mutants/run.py $(ARGS)

# Inputs that break something, searched for with coverage as the guide: each target for FUZZ_SECONDS.
FUZZ_SECONDS ?= 600
fuzz: $(READY)
	@$(BIN)/python $(QUIET_PIP) $(IN_PLACE) '.[fuzz]'
	@for target in payload web_config application http; do \
	  $(BIN)/python tests/fuzz/run.py $$target --seconds $(FUZZ_SECONDS) || exit 1; done

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) test-tools
	@$(BIN)/python -m benchmarks $(ARGS)

dashboards: $(READY)
	@$(BIN)/python grafana/build.py

docs: $(READY)
	@$(BIN)/python docs/build.py

.PHONY: tools test-tools
# The real parts: installed where that needs no question, named with the line to type elsewhere.
tools:
	@./deploy/install-tools

test-tools:
	@./deploy/install-tools --for-tests

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'storekeeper needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo 'Python has no venv module here. Type: apt-get install python3-venv' >&2; exit 2; }
	@$(BIN)/python $(QUIET_PIP) --upgrade pip
	@$(BIN)/python $(QUIET_PIP) --only-binary=uv uv 2>/dev/null || true
	@UV_DEFAULT_INDEX="$(INDEX)" $(BIN)/uv pip install --quiet --python $(BIN)/python $(IN_PLACE) '.[dev]' 2>/dev/null || \
	  PYTHONWARNINGS=ignore $(BIN)/python $(QUIET_PIP) $(IN_PLACE) '.[dev]'
	@touch $(READY)

OTHERS := 'wagtail>=7' 'django-oscar>=4' django-ckeditor-5 django-filebrowser-no-grappelli django-imagekit \
  django-picklefield django-simple-history django-stdimage django-taggit easy-thumbnails sorl-thumbnail
$(PROJECTS)/.ready: Makefile | $(READY)
	@$(PYTHON) -m venv $(PROJECTS)
	@UV_DEFAULT_INDEX="$(INDEX)" $(BIN)/uv pip install --quiet --python $(PROJECTS)/bin/python $(OTHERS) 2>/dev/null || \
	  $(PROJECTS)/bin/python $(QUIET_PIP) $(OTHERS)
	@touch $@

clean:
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .fuzz
