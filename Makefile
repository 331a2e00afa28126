# Stampede Lab. Bare `make` prints this file's targets; each does its own set-up.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
LAB    := $(VENV)/bin/lab

.DEFAULT_GOAL := help
.PHONY: help setup bench list new try hitpath test check format lock clean

help: ## What there is
	@echo 'Stampede Lab: what a cache does when its entries expire, and what each remedy buys.'
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 18
	@echo
	@echo 'Every command of the lab and its options: $(LAB) --help'

setup: $(READY) ## Only the set-up: a venv in .venv, with uv where it is installed, else with pip

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed; PYTHON=python3.12 make … names another one' >&2; exit 2; }
	@echo 'Setting up $(VENV) (once) …'
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --clear --python $(PYTHON) $(VENV) && \
	  VIRTUAL_ENV=$(VENV) uv pip install --quiet --require-hashes -r requirements/dev.txt && \
	  VIRTUAL_ENV=$(VENV) uv pip install --quiet --no-deps --no-build-isolation -e .; \
	else \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt && \
	  $(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

# An option is passed on only when its variable is set.
option = $(if $($(1)),--$(2) '$($(1))')

bench: $(READY) ## Run strategies through a scenario: SCENARIO= STRATEGIES=a,b DURATION=s PODS=n SEED=n
	@$(LAB) bench $(call option,SCENARIO,scenario) $(call option,STRATEGIES,strategies) \
	  $(call option,DURATION,duration) $(call option,PODS,pods) $(call option,SEED,seed)

list: $(READY) ## The strategies and scenarios that there are
	@$(LAB) list

new: $(READY) ## Start a strategy of your own: S=mine
	@$(LAB) new '$(S)'

try: $(READY) ## Contract tests and a 20 s comparison for one strategy: S=mine
	@$(LAB) try '$(S)' $(call option,SCENARIO,scenario) $(call option,DURATION,duration) $(call option,SEED,seed)

hitpath: $(READY) ## What a cache hit costs here, against a bare app that does one GET
	@$(LAB) hitpath

test: check ## All tests, after style and types
	@$(VENV)/bin/pytest

check: $(READY) ## Style and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy

format: $(READY) ## Put the code into the house's style
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml
lock: ## Pin the newest versions again (needs uv)
	@$(COMPILE) --upgrade -o requirements/service.txt
	@$(COMPILE) --upgrade --extra lab -o requirements/load.txt
	@$(COMPILE) --upgrade --extra lab --extra dev -o requirements/dev.txt

clean: ## Remove the venv and the caches; results stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
