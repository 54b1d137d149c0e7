# The words of this project; `make help` lists them. PORT, SANDBOX_PORT and INSTANCE_DIR may be set with any of them.

PYTHON ?= python3
PY := .venv/bin/python
HYPOTHESIS_PROFILE ?= short
PYTEST_ARGS ?=
BENCH_ARGS ?=

# A stamp per content of the requirements: the second time there is nothing to do.
RUNTIME := .venv/.runtime-$(firstword $(shell cksum < requirements.txt))
DEV := .venv/.dev-$(firstword $(shell cat requirements.txt requirements-dev.txt | cksum))

PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes
PIP_COMPILE := $(PY) -m piptools compile --quiet --strip-extras --generate-hashes --no-header --no-emit-options \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

SEED ?=
BOOKINGS ?= 300

.PHONY: help run demo test test-full torture shots bench chromium lint lock reset
.DEFAULT_GOAL := help

help: ## List these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME) ## Run the whole clinic here; Ctrl-C stops it
	@$(PY) -m portal.local run

demo: $(RUNTIME) ## Book, pay, and show the trail of one booking through every system
	@$(PY) -m portal.demo

test: $(DEV) chromium ## Run all tests; PYTEST_ARGS="-k hold" passes through
	@HYPOTHESIS_PROFILE=$(HYPOTHESIS_PROFILE) $(PY) -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

test-full: HYPOTHESIS_PROFILE := full
test-full: test ## Run all tests, with many more invented cases

shots: $(DEV) chromium ## Picture every page and state into INSTANCE_DIR/shots; SCENES="times funnel" for some
	@$(PY) -m tests.shots $(SCENES)

bench: $(DEV) ## Measure the budgets, next to a bare Flask app; BENCH_ARGS="--only rates" for a part, "--help" tells more
	@$(PY) -m tests.bench $(BENCH_ARGS)

torture: $(DEV) ## Let patients, faults and dying processes loose on a clinic; SEED= repeats a run, BOOKINGS=300
	@$(PY) -m tests.torture $(if $(SEED),--seed $(SEED)) --bookings $(BOOKINGS)

lint: $(DEV) ## Check style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

lock: $(DEV) ## Pin the requirements anew after a change of an .in file
	@$(PIP_COMPILE) -o requirements.txt requirements.in
	@$(PIP_COMPILE) --allow-unsafe -o requirements-dev.txt requirements-dev.in

reset: $(RUNTIME) ## Forget the local clinic: database, sandbox, logs and secrets
	@$(PY) -m portal.local reset

# Where it cannot be installed, the browser tests fail and say so.
chromium: $(DEV)
	@$(PY) -m tests.support.browser || { \
		test "$$(id -u)" = 0 && command -v apt-get > /dev/null && echo "Installing Chromium ..." && \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium > /dev/null; } || true

$(RUNTIME):
	@command -v $(PYTHON) > /dev/null || { echo "Python 3.11 or newer is needed; set PYTHON to it." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON to it." if sys.version_info < (3, 11) else 0)'
	@$(PY) -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing what the portal runs on ..."
	@$(PIP_INSTALL) -r requirements.txt
	@rm -f .venv/.runtime-* && touch $@

$(DEV): $(RUNTIME)
	@echo "Installing what the tests need ..."
	@$(PIP_INSTALL) -r requirements-dev.txt
	@rm -f .venv/.dev-* && touch $@
