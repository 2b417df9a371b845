# make demo   code a recording there and back, with figures, into ./demo
# make test   linters, types, layers and tests
# make quick  the same without the slow tests
# make fuzz   attack the readers for MINUTES (30), with atheris; findings are left in FUZZ
# make man    write docs/swc.1, the man page, and docs/cli.md from the command line's own help
# make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
FUZZ ?= .fuzz
MINUTES ?= 30
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PACKAGE := pyproject.toml constraints.txt $(shell find swc models -type f -not -path '*/__pycache__/*')

.PHONY: demo check test pytest quick fuzz man clean

demo: $(VENV)/.demo
	$(BIN)/swc demo --out $(DEMO)

check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check pytest

pytest: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal

quick: check
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

# Two thirds of the time for streams, a sixth for WAV on pipes, a sixth for compressed audio, whose libraries are talkative.
fuzz: $(VENV)/.fuzz
	$(BIN)/python fuzz/seeds.py $(FUZZ)
	$(BIN)/python fuzz/fuzz_stream.py $(FUZZ)/stream -artifact_prefix=$(FUZZ)/ -max_len=2000 -timeout=10 \
		-max_total_time=$$(($(MINUTES) * 40))
	$(BIN)/python fuzz/fuzz_wav.py $(FUZZ)/wav -artifact_prefix=$(FUZZ)/ -max_len=2000 -timeout=10 \
		-max_total_time=$$(($(MINUTES) * 10))
	$(BIN)/python fuzz/fuzz_compressed.py $(FUZZ)/compressed -artifact_prefix=$(FUZZ)/ -max_len=8000 -timeout=20 \
		-rss_limit_mb=1500 -max_total_time=$$(($(MINUTES) * 10))

man: $(VENV)/.test
	PYTHONPATH=. $(BIN)/python docs/man_page.py > docs/swc.1.new
	mv docs/swc.1.new docs/swc.1
	PYTHONPATH=. $(BIN)/python docs/cli_page.py > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md

clean:
	rm -rf $(VENV) $(DEMO) $(FUZZ) .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "swc needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.python $(PACKAGE)
	$(INSTALL) '.[eval]'
	touch $@

$(VENV)/.fuzz: $(VENV)/.test
	$(INSTALL) '.[fuzz,av]'
	touch $@

# The tests run on the checkout, so that code may change without a new install.
$(VENV)/.test: $(VENV)/.python pyproject.toml constraints.txt $(wildcard swc/native/*.[ch])
	$(INSTALL) '.[dev]'
	touch $@
