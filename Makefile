# `make demo` and `make test` set everything up by themselves, in .venv.
#   PYTHON=python3.12   the Python to build .venv with
#   TORCH_INDEX=URL     an index to take torch from, e.g. PyTorch's CPU-only one (a far smaller download)

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
AUDIT := .venv-audit

.PHONY: demo test soak fuzz audit lint format clean
.DEFAULT_GOAL := demo

demo: $(INSTALLED)
	@$(BIN)/idefics-bot demo

test: lint
	@echo "pytest"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --numprocesses 2

# What takes many minutes: crashes, faults and load. Each test says in a line what it counted.
soak: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet -m soak --capture=no -o faulthandler_timeout=7200 tests

# New inputs each time; what makes a test fail is kept in .hypothesis and tried first from then on.
fuzz: $(INSTALLED)
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),20000) OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet --capture=no \
		--timeout 7200 -o faulthandler_timeout=7200 tests/fuzz

# Whether the pinned packages have known vulnerabilities, where the index or osv.dev can be asked.
audit:
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
		$(AUDIT)/bin/pip install --quiet --disable-pip-version-check "pip-audit>=2.7,<3"; }
	@$(AUDIT)/bin/python tests/audit.py

lint: $(INSTALLED)
	@echo "ruff, mypy, import-linter"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

format: $(INSTALLED)
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

clean:
	@rm -rf $(VENV) $(AUDIT) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	@find bot inference tests -name __pycache__ -type d -prune -exec rm -rf {} +

# torch first and by itself: a CPU build that is already at hand satisfies the exact pin, and what follows
# then leaves it in place.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v[:2] <= (3, 13) or sys.exit("idefics-bot needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d: name another one, for example make PYTHON=python3.12." % v[:2])'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing torch into $(VENV): some minutes the first time."
	@$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	@echo "Installing the other packages into $(VENV)."
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
