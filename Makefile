# Every command builds what it needs; the second time it starts at once.
# PYTHON says which interpreter .venv is made with: make PYTHON=python3.13 test

PYTHON ?= python3
VENV ?= .venv
GROUP ?= dev
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := $(VENV)/.bench
# What `make bench` found, for `python -m benchmarks plot` and `report`.
LATEST := benchmarks/latest.json
# It would ask the package index for a newer version each time.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: help demo test check soak bench bench-check format format-check lint types contracts matrix venv clean

help:
	@echo "make demo     run the demo: both vendors, against the sandbox"
	@echo "make test     run every test"
	@echo "make check    everything a change has to pass: format, lint, types, import contracts,"
	@echo "              tests on every supported Python found, coverage"
	@echo "make soak     100,000 adjustments under faults, and what became of each; 200 visitors of a"
	@echo "              web app for a minute while its vendor misbehaves; exports and backfills of"
	@echo "              20,000 rows, each killed many times; takes long"
	@echo "make bench    what our client costs, against what people would use instead; takes an hour"
	@echo "make bench-check"
	@echo "              fail when a ratio is worse than the recorded one"
	@echo "make format   format the code and mend what ruff can mend"
	@echo "make lint     look for mistakes and for lines that are not formatted"
	@echo "make types    mypy and pyright"
	@echo "make clean    remove everything the other commands made"

demo: $(READY)
	@$(BIN)/loyalty demo

test: $(READY)
	@$(BIN)/python -m pytest

check: format-check lint
	@.ci/matrix types contracts

soak: $(READY)
	@$(BIN)/python -m tests.settle.soak
	@$(BIN)/python -m tests.examples.soak
	@$(BIN)/python -m tests.backfill.soak
	@$(BIN)/python -m tests.export.soak

bench: $(BENCH)
	@$(BIN)/python -m benchmarks run --json $(LATEST)

bench-check: $(BENCH)
	@$(BIN)/python -m benchmarks check

format: $(READY)
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

format-check: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy
	$(BIN)/pyright

contracts: $(READY)
	$(BIN)/lint-imports --no-logo

matrix: $(READY)
	@.ci/matrix

venv: $(READY)

# The first pip is the machine's and may be too old for dependency groups: it installs ours.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed and $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Building $(VENV); this takes a minute, once"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --constraint constraints.txt pip
	@$(PIP) install --constraint constraints.txt --build-constraint constraints.txt --group $(GROUP) --editable '.[cli]'
	@touch $@

$(BENCH): $(READY)
	@echo "Installing what our client is compared with"
	@$(PIP) install --constraint constraints.txt --build-constraint constraints.txt --editable '.[bench]'
	@touch $@

clean:
	rm -rf .venv .venv-* .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
