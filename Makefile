# The whole developer interface. Every target works on a fresh clone: .venv is made first, and again when it must be.
#
#   make run                      real Kafka, PostgreSQL and the five services; stays up till Ctrl-C
#   make run ONCE=1               the same, one request from letter to confirmation, then stop
#   make run FRESH=1              start with no data      make run CLOCK_SHIFT="-3 days"   on another day
#   make run PORTS=18000          on fixed ports, from this one on
#   make test ARGS="-k deadline"  options for pytest
#   make chaos SEED=7 MINUTES=4   faults of this seed for four minutes, then the checker; SEEDS=10: of ten seeds
#   make chaos PROOF=certificate  the joint table of all seeds of four minutes in var/chaos/outcomes.jsonl, ten at least
#   make chaos PROOF=kill-points  the process dies at every named point, in every service that passes it
#   make chaos PROOF=rolling      services stop under load, ROUNDS=50 times; nobody sees more than 503 with Retry-After
#   make chaos PROOF=replicas     three relays of one service killed and frozen for MINUTES=5
#   make chaos PROOF=scenarios    what shows each scenario, run; SCENARIOS="S24 S26" runs those alone
#   make clean test PYTHON=python3.12   with another Python

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --no-deps

# What services decide and reckon with, to be covered to the last branch by tests that need no server.
PURE := services/*/commands.py,services/*/events.py,services/*/state.py,services/*/decisions.py,services/*/reactions.py,services/*/publication.py,services/*/schedule.py,services/*/reservations.py,shared/working_time/*,shared/contracts/*
UNIT := tests/unit tests/contracts

.PHONY: help run test test-all check bench chaos clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: $(INSTALLED) ## start everything on this machine; ONCE=1, FRESH=1, PORTS, CLOCK_SHIFT: see the top of this file
	@$(BIN)/python -m deploy.local

test: $(INSTALLED) ## all tests of ten minutes and less, on real Kafka and PostgreSQL
	$(BIN)/pytest -m "not browser and not chaos and not slow" $(ARGS)

test-all: $(INSTALLED) ## every test there is, and the coverage of the pure files
	mkdir -p var/coverage
	$(BIN)/pytest --cov --cov-report= $(UNIT)
	$(BIN)/coverage report --include='$(PURE)' --show-missing --skip-covered --fail-under=100
	$(BIN)/pytest $(UNIT:%=--ignore=%)

check: $(INSTALLED) ## form, types, imports and the shape of the services, in less than a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/architecture

bench: $(INSTALLED) ## speed, as ratios against floors measured in the same run
	$(BIN)/python -m tests.benchmarks

chaos: $(INSTALLED) ## kill, cut, freeze and fill everything; SEED, MINUTES, SEEDS, PROOF: see the top of this file
	@$(BIN)/python -m tests.chaos

clean: ## remove everything that is not in the repository: data, caches, .venv
	rm -rf var .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON); name one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "make: Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1 | head -n 1); name one with PYTHON=..." >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv || { \
	  rm -rf .venv; echo "make: $(PYTHON) cannot make .venv (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "make: installing what requirements/dev.txt names into .venv (once; some minutes)"
	@{ $(PIP) --require-hashes -r requirements/dev.txt && $(PIP) --quiet --no-build-isolation -e .; } || { \
	  echo "make: could not install what requirements/dev.txt names; is there a network? run make again" >&2; exit 1; }
	@touch $@
