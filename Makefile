# Stampede Lab. Bare `make` prints this file's targets; each does its own set-up.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
LAB    := $(VENV)/bin/lab
BENCHMARKS := $(VENV)/bin/python -m benchmarks

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup bench docs docs-live report up down logs ps load dev break warm list new try sim sweep tipping advise drill mistakes steps pages league verify calibrate simspeed compare gate replay claims readme hitpath loadlimit test test-stack check format dashboards lock clean

# What each target takes. Any other variable of the command line is a slip of the pen, and refused.
LOAD_VARIABLES := SCENARIO RATE USERS STRATEGIES WRONG CONTENDERS LOCUSTFILE LOAD_WORKERS APP_REPLICAS LOCUST_PORT LOCUST_MASTER_PORT \
  LOCUST_MASTER_BIND_ADDRESS LAB_TTL_S LAB_ORIGIN_LATENCY LAB_ORIGIN_CONNECTIONS LAB_ORIGIN_CONNECTIONS_SHARED \
  LAB_ORIGIN_SLOWDOWN LAB_ORIGIN_TIMEOUT_MS LAB_ITEMS LAB_KEY_SPACE LAB_PAYLOAD_BYTES LAB_TUNER_EVERY_S \
  LAB_PARAMS LAB_NETS LAB_SEED BREAK
UP_VARIABLES := $(LOAD_VARIABLES) PYTHON_IMAGE REDIS_IMAGE VICTORIAMETRICS_IMAGE VMALERT_IMAGE GRAFANA_IMAGE FRONT_PORT \
  GRAFANA_PORT VICTORIAMETRICS_PORT VMALERT_PORT
takes.bench     := SCENARIO STRATEGIES DURATION PODS SEED REPEATS WORLD LIVE
takes.report    := RUN A B
takes.up        := $(UP_VARIABLES)
takes.load      := $(LOAD_VARIABLES)
takes.dev       := $(UP_VARIABLES) DEV_CHECK_S
takes.break     := KIND FOR MS SHARE TIMES POD POLICY
takes.warm      := STRATEGIES RATE BATCH PAUSE TTL SPREAD KEYS
takes.new       := S CONTENDER
takes.try       := S SCENARIO DURATION SEED
takes.sim       := SCENARIO STRATEGIES DURATION PODS SEED REPEATS WORKERS RAW WIRE
takes.advise    := SCENARIO KEYS ZIPF RATE TTL ORIGIN POOL PODS MAX_AGE MAX_WAIT ACCESS_LOG MONITOR TRACE KEY_PATTERN KEY_FIELD CHECK CHECK_RATE CHECK_FOR SEED WORKERS MARKDOWN
takes.tipping   := SCENARIO STRATEGIES RATES TRIGGER NATIVE SEED WORKERS
takes.drill     := DRILLS WORLD STRATEGIES BOTH SEED WORKERS JUNIT MARKDOWN
takes.mistakes  := SEED WORKERS
takes.steps     := ONLY NATIVE PAGE REPEATS SEED WORKERS
takes.pages     := RENDER AGAIN WORKERS
takes.league    := WORKLOADS WORLD STRATEGIES REPEATS SEEDS SEED AT_ONCE WORKERS RESUME RENDER PAGE
takes.sweep     := SET SCENARIO STRATEGIES DURATION PODS SEED REPEATS WORKERS CLUSTER RESUME
takes.verify    := SEEDS FROM STRATEGIES WORKERS WIRE
takes.calibrate := SCENARIOS STRATEGIES DURATION SEED
takes.simspeed  := SCENARIO STRATEGIES SEED
takes.compare   := A B MARKDOWN
takes.gate      := RUN MAX MIN RATIO JUNIT MARKDOWN
takes.replay    := SEED S SCENARIO WIRE HTML
takes.claims    := SEED REPEATS
takes.readme    := ONLY
takes.hitpath   := SEED
takes.loadlimit := SEED
needs.new       := S
needs.try       := S
needs.compare   := A B
needs.replay    := SEED S

goals := $(or $(MAKECMDGOALS),help)
taken := $(sort $(foreach goal,$(goals),$(takes.$(goal))))
given := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
slips := $(sort $(filter-out $(taken) PYTHON SHELL,$(given)))
$(if $(slips),$(error make $(goals): there is no $(slips); it takes $(or $(taken),no variable)))
$(foreach goal,$(goals),$(foreach name,$(needs.$(goal)),$(if $(strip $(value $(name))),,\
  $(error make $(goal): $(name) is missing. Write: make $(goal)$(foreach needed,$(needs.$(goal)), $(needed)=…)))))

# A variable's text is taken as it is, and reaches a recipe through the environment: never expanded by make, never read
# as a command by the shell. In recipes: "$$S".
$(foreach name,PYTHON $(taken),$(if $(filter-out undefined,$(origin $(name))),\
  $(eval override $(name) := $$(value $(name)))$(eval export $(name))))
# an option is passed on only where its variable has a value
option = $${$(1):+"--$(2)=$$$(1)"}

# What is set for another Python project than this one.
unexport PYTHONHOME PYTHONPATH PYTHONUSERBASE PYTHONSTARTUP PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONWARNINGS \
  PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONNOUSERSITE VIRTUAL_ENV __PYVENV_LAUNCHER__

help: ## What there is
	@echo 'Stampede Lab: what a cache does when its entries expire, and what each remedy buys.'
	@echo
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 18
	@echo
	@echo 'Every command of the lab and its options: $(LAB) --help'

setup: $(READY) ## Only the set-up: a venv in .venv, with uv where it is installed, else with pip

$(READY): requirements/dev.txt pyproject.toml bin/setup
	@bin/setup $(VENV)
	@touch $@

bench_options = $(call option,SCENARIO,scenario) $(call option,STRATEGIES,strategies) \
  $(call option,DURATION,duration) $(call option,PODS,pods) $(call option,SEED,seed) $(call option,REPEATS,repeats)

ifeq ($(WORLD),stack)
bench: ## Run strategies through a scenario: SCENARIO= STRATEGIES=a,b (or all) DURATION=s PODS=n SEED=n REPEATS=n WORLD=stack LIVE=1
	@$(if $(LIVE),echo 'error: LIVE: the stack is watched in Grafana; make up tells where' >&2; exit 2)
	@bin/bench-in-stack $(bench_options)
else
bench: $(READY)
	@$(LAB) bench $(bench_options) $(call option,WORLD,world) $(if $(LIVE),--live)
endif

report: $(READY) ## Figures and reports of a run again, from its raw records: RUN=results/latest; two in one page: A= B=
	@$(LAB) report -- $${RUN:+"$$RUN"} $${A:+"$$A"} $${B:+"$$B"}

list: $(READY) ## The strategies and scenarios that there are
	@$(LAB) list

new: $(READY) ## Start a strategy of your own: S=mine; a caching library: S=mylib CONTENDER=1
	@$(LAB) new $(if $(CONTENDER),--contender) -- "$$S"

try: $(READY) ## Contract tests (of a library: its behaviour) and a 20 s comparison for one strategy: S=mine
	@$(LAB) try $(call option,SCENARIO,scenario) $(call option,DURATION,duration) $(call option,SEED,seed) -- "$$S"

up: ## The whole stack, live in Grafana: SCENARIO= RATE= STRATEGIES= LAB_TTL_S= …; all variables are in .env (needs Docker)
	@bin/up

down: ## Stop the stack, and forget the variables that it was given
	@bin/compose --profile bench down --remove-orphans
	@bin/prune

logs: ## What the stack says
	@bin/compose logs --tail 50 --follow

ps: ## How the stack is
	@bin/ps

load: ## Change what runs: SCENARIO= RATE= (requests/s of all strategies) STRATEGIES=a,b WRONG=1 CONTENDERS=1 LOCUSTFILE=mine.py
	@bin/load

dev: ## Like up, and what is saved in app/ is in the pods a few seconds later; a broken edit is told, and stays out
	@bin/dev

break: $(READY) ## Break something in the stack that runs, for some seconds: KIND=redis-killed FOR=s MS= SHARE= POD=n …; without, what there is
	@$(LAB) break $(call option,FOR,for) $(call option,MS,ms) $(call option,SHARE,share) $(call option,TIMES,times) \
	  $(call option,POD,pod) $(call option,POLICY,policy) -- $${KIND:+"$$KIND"}

warm: $(READY) ## Fill the cache of the stack that runs, inside a rate: STRATEGIES= RATE=loads/s BATCH= PAUSE=s TTL=same|spread|anchored SPREAD= KEYS=
	@$(LAB) warm $(call option,STRATEGIES,strategies) $(call option,RATE,rate-per-s) $(call option,BATCH,batch) \
	  $(call option,PAUSE,pause-s) $(call option,TTL,ttl) $(call option,SPREAD,spread) $(call option,KEYS,keys)

sim: $(READY) ## The same in virtual time, the same bytes every time: SCENARIO= STRATEGIES= DURATION= PODS= SEED= REPEATS= RAW=1 WIRE=1
	@$(LAB) sim $(bench_options) $(call option,WORKERS,workers) $(if $(RAW),--raw) $(if $(WIRE),--wire)

sweep: $(READY) ## A grid of settings in virtual time: SET='ttl_s=2,5,10 xfetch.beta=0.5,1,2' SCENARIO= CLUSTER=address
	@$(LAB) sweep $(call option,SET,set) $(call option,SCENARIO,scenario) $(call option,PODS,pods) \
	  $(call option,STRATEGIES,strategies) $(call option,DURATION,duration) $(call option,SEED,seed) \
	  $(call option,REPEATS,repeats) $(call option,WORKERS,workers) $(call option,CLUSTER,cluster) \
	  $(call option,RESUME,resume)

advise: $(READY) ## Which strategy a service of yours needs: KEYS=500 ZIPF=1 RATE=3000 TTL=60s ORIGIN=350ms POOL=20 PODS=8 MAX_AGE=90s; or ACCESS_LOG=file, MONITOR=, TRACE=; CHECK=1
	@$(LAB) advise $(call option,KEYS,keys) $(call option,ZIPF,zipf) $(call option,RATE,rate) $(call option,TTL,ttl) \
	  $(call option,ORIGIN,origin) $(call option,POOL,pool) $(call option,PODS,pods) \
	  $(call option,MAX_AGE,max-age) $(call option,MAX_WAIT,max-wait) $(call option,ACCESS_LOG,access-log) \
	  $(call option,MONITOR,monitor) $(call option,TRACE,trace) $(call option,KEY_PATTERN,key-pattern) \
	  $(call option,KEY_FIELD,key-field) $(if $(CHECK),--check) $(call option,CHECK_RATE,check-rate) \
	  $(call option,CHECK_FOR,check-for) $(call option,SEED,seed) \
	  $(call option,WORKERS,workers) $(call option,MARKDOWN,markdown) $${SCENARIO:+-- "$$SCENARIO"}

tipping: $(READY) ## Who comes back, as a map of load against trigger: SCENARIO= STRATEGIES= RATES=100,200 TRIGGER=1,2,4 NATIVE=3
	@$(LAB) tipping $(call option,STRATEGIES,strategies) $(call option,RATES,load) $(call option,TRIGGER,trigger) \
	  $(call option,NATIVE,native) $(call option,SEED,seed) $(call option,WORKERS,workers) $${SCENARIO:+-- "$$SCENARIO"}

drill: $(READY) ## Every fault against every strategy, and what must hold: DRILLS=flushed,redis-slow WORLD=native STRATEGIES= BOTH=1
	@$(LAB) drill $(call option,WORLD,world) $(call option,STRATEGIES,strategies) $(if $(BOTH),--both) \
	  $(call option,SEED,seed) $(call option,WORKERS,workers) $(call option,JUNIT,junit) \
	  $(call option,MARKDOWN,markdown) -- $${DRILLS:+"$$DRILLS"}

mistakes: $(READY) ## What is wrong on purpose beside its right twin, in virtual time: SEED=; of seed 1 it writes docs/mistakes.md
	@$(LAB) mistakes $(call option,SEED,seed) $(call option,WORKERS,workers)

steps: $(READY) ## One number through remedies added one at a time, each beside what it was before: NATIVE=3 PAGE=docs/steps.md ONLY=lock
	@$(LAB) steps $(call option,ONLY,only) $(call option,NATIVE,native) $(call option,PAGE,page) \
	  $(call option,REPEATS,repeats) $(call option,SEED,seed) $(call option,WORKERS,workers)

pages: $(READY) ## Pictures, tables and numbers of the docs again, from the runs that docs/pages.toml states: RENDER=1 runs nothing, AGAIN=1 everything
	@$(LAB) pages $(if $(RENDER),--render) $(if $(AGAIN),--again) $(call option,WORKERS,workers)

league: $(READY) ## Libraries under the same loads and faults: WORKLOADS=hot-key,redis-restart WORLD=virtual STRATEGIES= RESUME= RENDER=1 PAGE=docs/league.md
	@$(LAB) league $(call option,WORLD,world) $(call option,STRATEGIES,strategies) $(call option,REPEATS,repeats) \
	  $(call option,SEEDS,seeds) $(call option,SEED,seed) $(call option,AT_ONCE,at-once) \
	  $(call option,WORKERS,workers) $(call option,RESUME,resume) \
	  $(if $(RENDER),--render) $(call option,PAGE,page) -- $${WORKLOADS:+"$$WORKLOADS"}

verify: $(READY) ## Every invariant at every event, over random scenarios with random faults: SEEDS= STRATEGIES= WIRE=1
	@$(LAB) verify $(call option,SEEDS,seeds) $(call option,FROM,from) $(call option,STRATEGIES,strategies) $(call option,WORKERS,workers) $(if $(WIRE),--wire)

calibrate: $(READY) ## Measured, simulated and predicted, side by side: SCENARIOS= DURATION= STRATEGIES=
	@$(LAB) calibrate $(call option,SCENARIOS,scenarios) $(call option,STRATEGIES,strategies) \
	  $(call option,DURATION,duration) $(call option,SEED,seed)

simspeed: $(READY) ## Simulated requests per CPU second, here
	@$(BENCHMARKS) simspeed $(call option,SCENARIO,scenario) $(call option,STRATEGIES,strategies) $(call option,SEED,seed)

compare: $(READY) ## Two runs, commits or strategies: A=results/… B=results/…[:strategy]
	@$(LAB) compare $(call option,MARKDOWN,markdown) -- "$$A" "$$B"

gate: $(READY) ## Hold a run to bounds: MAX='mine.origin_peak_1s <= 10' MIN= RATIO='mine.p99_ms / static.p99_ms <= 0.3' RUN= JUNIT=file MARKDOWN=file
	@$(LAB) gate $(call option,MAX,max) $(call option,MIN,min) $(call option,RATIO,ratio) $(call option,JUNIT,junit) \
	  $(call option,MARKDOWN,markdown) -- $${RUN:+"$$RUN"}

replay: $(READY) ## A run of make verify, event by event: SEED= S=strategy WIRE=1 HTML=file
	@$(LAB) replay $(call option,S,strategy) $(call option,SCENARIO,scenario) $(if $(WIRE),--wire) $(call option,HTML,html) -- "$$SEED"

claims: $(READY) ## Re-run what is published, and judge it: writes CLAIMS.md (about a quarter of an hour)
	@$(LAB) claims $(call option,SEED,seed) $(call option,REPEATS,repeats)

readme: $(READY) ## Measure what README.md and docs/ quote and write it there: ONLY=bench,hitpath (about a quarter of an hour)
	@$(BENCHMARKS) readme $(call option,ONLY,only)

hitpath: $(READY) ## What a cache hit costs here, against a bare app that does one GET
	@$(BENCHMARKS) hitpath $(call option,SEED,seed)

loadlimit: $(READY) ## The highest rate that this machine sends honestly
	@$(BENCHMARKS) loadlimit $(call option,SEED,seed)

# Slipcover and not coverage.py, whose tracer makes virtual time 2.5 times as slow on Python 3.11: this one costs 6 %.
COVER = $(VENV)/bin/python -m slipcover --source app,loadtest,benchmarks,grafana --json --out .coverage.json
MKDOCS := NO_MKDOCS_2_WARNING=true $(VENV)/bin/mkdocs
docs: $(READY) ## The site of docs/ into site/, with every link checked
	@$(MKDOCS) build --strict --clean
	@echo 'The site: site/index.html'

docs-live: $(READY) ## The same on 127.0.0.1:8001, anew whenever a page is saved
	@$(MKDOCS) serve --dev-addr 127.0.0.1:8001

test: check ## All tests, after style and types; then the share of lines that they ran, child processes apart
	@$(COVER) -m pytest --numprocesses auto --dist loadfile
	@$(VENV)/bin/python -c 'import json; print("Coverage: {percent_covered:.1f} % of lines".format(**json.load(open(".coverage.json"))["summary"]))'

test-stack: $(READY) ## The stack, brought up for real, driven, asserted on and taken down (needs Docker)
	@$(VENV)/bin/pytest tests/stack

check: $(READY) ## Style, types, and what may import what
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo --no-cache

format: $(READY) ## Put the code into the house's style
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

dashboards: $(READY) ## Write grafana/dashboards/*.json from grafana/boards/
	@$(VENV)/bin/python -m grafana.boards

COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml
lock: ## Pin the newest versions again (needs uv)
	@for extra in service load bench dev; do $(COMPILE) --upgrade --extra $$extra -o requirements/$$extra.txt || exit 1; done
	@$(COMPILE) --extra contenders --constraints requirements/dev.txt -o requirements/contenders.txt

clean: ## Stop the stack, remove its images and volumes, the venv and the caches; results stay
	@if docker info >/dev/null 2>&1; then bin/compose --profile bench down --volumes --remove-orphans && bin/prune --all; \
	  else echo 'note: no Docker engine answers, so containers, images and volumes stay, if there are any' >&2; fi
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage.json .hypothesis *.egg-info
