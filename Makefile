# make demo   code a recording there and back, with figures, into ./demo
# make test   linters, types and tests
# make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PACKAGE := pyproject.toml constraints.txt $(shell find swc models -type f -not -path '*/__pycache__/*')

.PHONY: demo test clean

demo: $(VENV)/.demo
	$(BIN)/swc demo --out $(DEMO)

test: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) $(DEMO) .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "swc needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.python $(PACKAGE)
	$(INSTALL) '.[eval]'
	touch $@

# The tests run on the checkout, so that code may change without a new install.
$(VENV)/.test: $(VENV)/.python pyproject.toml constraints.txt
	$(INSTALL) '.[dev]'
	touch $@
