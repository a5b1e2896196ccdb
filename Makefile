# Each verb sets up what it needs first. ARGS passes arguments on: make demo ARGS=--no-serve

PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready
EVENTS ?= 1000000

# Python keeps what it compiled: compiling all that a start imports again takes longer than the start itself.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test e2e chaos lint format bench lock clean

help: ## list the verbs
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

setup: $(READY) ## put everything into .venv; leaves the command at .venv/bin/interestream

# The lock file is complete, so nothing is resolved again (--no-deps), and what it leaves out stays out.
# uv installs it in seconds where pip takes a minute and a half.
$(READY): setup.py pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --requirement requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pipelines.warm_up
	touch $(READY)

demo: $(READY) ## replay a simulated evening into an embedded Redis and show the results
	$(BIN)/interestream demo $(ARGS)

test: $(READY) ## run all tests, two at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

e2e: $(READY) ## drive the live wall in a real browser (Chromium); with npm, also check the page's types, build and accessibility
	if command -v npm >/dev/null; then cd serving/wall/web && npm ci --no-audit --no-fund && npm run build; fi
	$(BIN)/python -m pytest -m "e2e or not e2e" tests/browser $(ARGS)

chaos: $(READY) ## kill, freeze and cut off a real Flink, Kafka and Redis under a live job, and all that takes long; above an hour
	$(BIN)/python -m pytest -m "chaos or long" tests/chaos tests/integration $(ARGS)

lint: $(READY) ## check format, style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## bring all files to the format that lint asks for
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(READY) ## measure a replay of EVENTS events beside a hand-written loop, the catalogue's cost, and live latency
	$(BIN)/python benchmarks/replay_throughput.py --events $(EVENTS) --cache build/bench
	$(BIN)/python benchmarks/catalogue_cost.py --events $(EVENTS) --cache build/bench
	$(BIN)/python benchmarks/live_latency.py --cache build/bench $(ARGS)

lock: ## resolve requirements.txt anew from setup.py (needs uv)
	uv pip compile setup.py --extra test --universal --python-version 3.11 --upgrade \
	    --override requirements-overrides.txt --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    --output-file requirements.txt

clean: ## remove what the other verbs made
	rm -rf .venv build dist .interestream *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
