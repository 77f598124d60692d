# Everything a newcomer needs: `make up` and `make test`. Needs Python ≥ 3.11 with venv, and make.

PYTHON ?= python3
VENV ?= .venv
# More than cores: many tests wait for servers of their own.
TEST_PROCESSES ?= 5
# In memory, where 4 GB of it are free: tests commit many thousand times, to disks that are thrown away.
TEST_TMPDIR ?= $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'END { if ($$1 > 4000000) print "/dev/shm" }')
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOCKED := --require-hashes --only-binary :all:

# Without compiled modules each of the hundreds of processes that the tests start would compile all of it anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help up test test-long check bench bench-record bench-export lock clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

up: $(VENV)/.run ## Install, start sandbox, web and worker, play a scenario (Ctrl-C stops all of it)
	@$(BIN)/copydesk up

test: $(VENV)/.dev ## Install what tests need and run them
	@$(if $(TEST_TMPDIR),TMPDIR=$(TEST_TMPDIR)) $(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile

test-long: $(VENV)/.dev ## The tests that take minutes: kill anything at random, two workers, a long recovery
	@$(BIN)/python -m pytest -q -m long

check: $(VENV)/.dev ## Lint, formatting, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.dev ## Measure; docs/performance.md says what the figures mean
	@$(BIN)/python -m benchmarks.intake
	@$(BIN)/python -m benchmarks.followups
	@$(BIN)/python -m benchmarks.sweep

bench-record: $(VENV)/.dev ## Measure the record at a million events; takes ten minutes and 3 GB of temporary files
	@$(BIN)/python -m benchmarks.record --lists

bench-export: $(VENV)/.dev ## Measure exports and backups at a million events; takes half an hour and 15 GB of temporary files
	@$(BIN)/python -m benchmarks.export --everything --postgresql

lock: $(VENV)/.dev ## Resolve the dependencies anew, with hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
	  --group build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
	  --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean: ## Remove the virtual environment
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Copydesk needs Python 3.11 or newer; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot make virtual environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked requirements …"
	@$(PIP) $(LOCKED) -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked requirements, with those of the tests …"
	@$(PIP) $(LOCKED) -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run
