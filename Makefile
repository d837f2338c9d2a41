# Two commands need nothing but Python >= 3.11, make and a package index:
#   make demo   the whole road on the example application
#   make test   lint, types, all tests; long campaigns as samples
# make test-full runs the campaigns at full size and insists on every part that a test can use.

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
            command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
            && { echo $$p; break; }; done)
JOBS   := $(shell nproc 2>/dev/null || echo 2)
CODE   := codemods src tools tests bench

.PHONY: help setup demo test test-full lint types self generated tests generate format lock clean
help:
	@sed -n '1,5p' Makefile | sed 's/^# \{0,1\}//'

setup: $(VENV)/ready
$(VENV)/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: https://www.python.org/downloads/"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "The venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,demo]'
	@touch $@

demo: setup
	@$(BIN)/python tools/demo.py

test: lint types self generated tests

test-full: export LOGSHIFT_FULL := 1
test-full: test

lint: setup
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: setup
	$(BIN)/mypy

self: setup
	$(BIN)/logshift check codemods src tools bench

generated: setup
	$(BIN)/python tools/generate.py --check

tests: setup
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal -q

generate format: setup
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/python tools/generate.py

lock: setup
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev,demo]'
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
