# Stampede Lab. Bare `make` prints this file's targets; each does its own set-up.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
LAB    := $(VENV)/bin/lab

.DEFAULT_GOAL := help
.PHONY: help setup bench up down logs ps load dev list new try sim sweep verify calibrate simspeed compare gate replay claims hitpath loadlimit test test-stack check format dashboards lock clean

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

bench_options = $(call option,SCENARIO,scenario) $(call option,STRATEGIES,strategies) \
  $(call option,DURATION,duration) $(call option,PODS,pods) $(call option,SEED,seed) $(call option,REPEATS,repeats)

ifeq ($(WORLD),stack)
bench: ## Run strategies through a scenario: SCENARIO= STRATEGIES=a,b DURATION=s PODS=n SEED=n REPEATS=n WORLD=stack
	@bin/bench-in-stack $(bench_options)
else
bench: $(READY)
	@$(LAB) bench $(bench_options) $(call option,WORLD,world)
endif

list: $(READY) ## The strategies and scenarios that there are
	@$(LAB) list

new: $(READY) ## Start a strategy of your own: S=mine
	@$(LAB) new '$(S)'

try: $(READY) ## Contract tests and a 20 s comparison for one strategy: S=mine
	@$(LAB) try '$(S)' $(call option,SCENARIO,scenario) $(call option,DURATION,duration) $(call option,SEED,seed)

up: ## The whole stack, live in Grafana; knobs are in .env (needs Docker)
	@bin/preflight
	@echo 'Building and starting the stack …'
	@docker compose up --build --detach --wait --quiet-pull || \
	  { echo 'error: the stack is not healthy; make ps and make logs say more' >&2; exit 1; }
	@bin/urls

down: ## Stop the stack
	@docker compose --profile bench down --remove-orphans

logs: ## What the stack says
	@docker compose logs --tail 50 --follow

ps: ## How the stack is
	@docker compose ps

load: ## Change the load: USERS= RATE= (requests/s of all users) SCENARIO=
	@bin/preflight
	@docker compose up --detach --wait --no-deps load load-worker
	@bin/urls

dev: up ## Like up, and a changed strategy is in the pods a few seconds later
	@docker compose watch --no-up app

sim: $(READY) ## The same in virtual time, the same bytes every time: SCENARIO= STRATEGIES= DURATION= PODS= SEED= REPEATS=
	@$(LAB) sim $(bench_options) $(call option,WORKERS,workers)

sweep: $(READY) ## A grid of settings in virtual time: SET='ttl_s=2,5,10 xfetch.beta=0.5,1,2' SCENARIO= CLUSTER=address
	@$(LAB) sweep $(foreach setting,$(SET),--set '$(setting)') $(call option,SCENARIO,scenario) \
	  $(call option,STRATEGIES,strategies) $(call option,DURATION,duration) $(call option,SEED,seed) \
	  $(call option,REPEATS,repeats) $(call option,CLUSTER,cluster) $(call option,RESUME,resume)

verify: $(READY) ## Every invariant at every event, over random worlds with random faults: SEEDS= STRATEGIES=
	@$(LAB) check $(call option,SEEDS,seeds) $(call option,STRATEGIES,strategies)

calibrate: $(READY) ## Measured, simulated and predicted, side by side: SCENARIOS= DURATION= STRATEGIES=
	@$(LAB) calibrate $(call option,SCENARIOS,scenarios) $(call option,STRATEGIES,strategies) \
	  $(call option,DURATION,duration) $(call option,SEED,seed)

simspeed: $(READY) ## Simulated requests per CPU second, here
	@$(LAB) simspeed $(call option,SCENARIO,scenario) $(call option,STRATEGIES,strategies)

compare: $(READY) ## Two runs, commits or strategies: A=results/… B=results/…[:strategy]
	@$(LAB) compare '$(A)' '$(B)'

gate: $(READY) ## Hold a run to bounds: RUN=results/latest MAX='mine.origin_peak_1s<=10' RATIO='mine.p99_ms/static.p99_ms<=0.3'
	@$(LAB) gate $(RUN) $(foreach bound,$(MAX),--max '$(bound)') $(foreach bound,$(RATIO),--ratio '$(bound)')

replay: $(READY) ## A run of make verify, event by event: SEED= S=strategy
	@$(LAB) replay '$(SEED)' --strategy '$(S)'

claims: $(READY) ## Re-run what is published, and judge it: writes CLAIMS.md (about a quarter of an hour)
	@$(LAB) claims

hitpath: $(READY) ## What a cache hit costs here, against a bare app that does one GET
	@$(LAB) hitpath

loadlimit: $(READY) ## The highest rate that this machine sends honestly
	@$(LAB) loadlimit

test: check ## All tests, after style and types
	@$(VENV)/bin/pytest

test-stack: $(READY) ## The stack, brought up for real, driven, asserted on and taken down (needs Docker)
	@$(VENV)/bin/pytest tests/stack

check: $(READY) ## Style and types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy

format: $(READY) ## Put the code into the house's style
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

dashboards: $(READY) ## Write grafana/dashboards/*.json from grafana/boards/
	@$(VENV)/bin/python -m grafana.boards

COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml
lock: ## Pin the newest versions again (needs uv)
	@$(COMPILE) --upgrade -o requirements/service.txt
	@$(COMPILE) --upgrade --extra lab -o requirements/load.txt
	@$(COMPILE) --upgrade --extra lab --extra sweep --extra dev -o requirements/dev.txt

clean: ## Stop the stack, remove its images, the venv and the caches; results stay
	@if docker info >/dev/null 2>&1; then docker compose --profile bench down --volumes --remove-orphans --rmi local; fi
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
