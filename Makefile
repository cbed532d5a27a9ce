# make demo    the whole store on this machine, without hardware: watch shoppers buy; Ctrl-C ends it
# make test    everything that has to hold; on a small machine that takes a good while, tens of minutes
# make setup   what a developer needs, without running anything
# make lint    the part of `make test` that runs no test; make format mends what can be mended
# make soak    the long campaigns; make bench the benchmarks; make schema writes docs/schema; make lock renews the tested versions
#
# All of them set themselves up, in .venv. PYTHON=... names the Python (3.11 to 3.13), WORKERS=... how many processes test at once,
# FUZZ_SECONDS=... how long `make soak` fuzzes each target; what it finds is in fuzz/.

.PHONY: help setup demo test lint format soak bench schema lock broker browser clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?=
WORKERS ?= 3
FUZZ_SECONDS ?= 60
BIN := .venv/bin
PIP := env PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip --quiet --no-input
# a file says what has been installed, and is older than what says what should be
WANTED := pyproject.toml .ci/requirements.lock
DEMO := .venv/.installed-demo
DEV := .venv/.installed-dev
FUZZ := .venv/.installed-fuzz

help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

setup: broker browser $(DEV)

demo: $(DEMO)
	@$(BIN)/smartstore demo

test: broker browser $(DEV)
	@WORKERS=$(WORKERS) .ci/checks test

lint: $(DEV)
	@.ci/checks lint

format: $(DEV)
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

soak: broker $(FUZZ)
	@$(BIN)/python -m pytest -m soak --timeout 0 --fuzz-seconds $(FUZZ_SECONDS)
	@$(BIN)/python -m pytest --hypothesis-profile explore --timeout 0 tests/wire tests/domain tests/sensing tests/config tests/journal tests/store
	@$(BIN)/python -c 'import atheris' 2>/dev/null || echo "make soak: NOT FUZZED: there is no atheris for this Python or this machine (see the extra fuzz in pyproject.toml)"

bench: broker $(DEV)
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python -m tests.bench.$$(basename $$bench .py) || exit 1; done

schema: $(DEV)
	@$(BIN)/python -m device.config.schema docs/schema

lock: $(DEV)
	@$(PIP) install --upgrade --upgrade-strategy eager -e '.[dev]'
	@head -2 .ci/requirements.lock >.ci/requirements.new
	@$(BIN)/python -m pip freeze --exclude-editable >>.ci/requirements.new
	@mv .ci/requirements.new .ci/requirements.lock
	@touch $(DEMO) $(DEV)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- what it takes ----------------------------------------------------------------------------------------------------------

$(DEMO): $(WANTED)
	@.ci/venv .venv $(PYTHON)
	@.ci/patiently "make: installing what the demo needs into .venv" $(PIP) install -c .ci/requirements.lock -e '.[demo]'
	@touch $@

$(DEV): $(WANTED)
	@.ci/venv .venv $(PYTHON)
	@.ci/patiently "make: installing what development needs into .venv" $(PIP) install -c .ci/requirements.lock -e '.[dev]'
	@touch $@ $(DEMO)

# The fuzzer has wheels for some Pythons and machines only; without it the rest of the campaigns still runs, and says so.
$(FUZZ): $(DEV)
	@.ci/patiently "make: installing the fuzzer into .venv" $(PIP) install -c .ci/requirements.lock -e '.[fuzz]' || echo "make: no fuzzer could be installed"
	@touch $@

# The tests talk to a real broker, and read the page in a real browser.
broker:
	@command -v mosquitto >/dev/null 2>&1 || test -x /usr/sbin/mosquitto || .ci/debian mosquitto

browser:
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || .ci/debian chromium
