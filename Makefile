# Every task of this project, for people and for CI alike. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
SHARED ?= ../shared
CONFIG ?= model_training/recipes/configs/ptbxl_cpu.yaml
LEAVE_OUT_CONFIG ?= model_training/recipes/configs/ptbxl_leave_out.yaml
# Another command that takes the arguments of `docker compose`, such as podman-compose.
COMPOSE ?= docker compose
# cpu or gpu: which onnxruntime the image has.
ONNXRUNTIME ?= cpu
# Not empty: `make compose-test` also builds the training image and trains a small model in it.
TRAINING ?=
# Recordings that `make demo` diagnoses besides its synthetic one.
FILES ?=
# Which public release `make prepare` reads, from where, and where to; see docs/data.md.
RELEASE ?=
SOURCE ?=
STORE ?= stores/$(RELEASE)
# How long `make fuzz` takes for each target, and `make soak` with how many workers.
SECONDS ?= 60
MINUTES ?= 20
WORKERS ?= 1
# Not empty: `make soak` starts a Redis for the server.
REDIS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
# Each with pins of its own that would clash with the service's.
PEERS := litserve bentoml mlserver
RECIPE_ARGUMENTS := --config $(CONFIG) --shared $(SHARED)/data

.PHONY: help setup run demo test check format prepare train evaluate leave-out ablate export bench bench-peers fuzz soak dashboards check-deploy image secrets up compose-test sbom lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .make/everything ## Install all that developing, training and testing need into .venv

run: .make/serving ## Serve on 127.0.0.1:8000; installs only what serving needs (no torch)
	$(BIN)/cardioquery serve

demo: .make/serving ## Start a server, diagnose a synthetic recording, ask for an unseen condition
	$(BIN)/python -m cardioquery.demo $(FILES)

test: .make/everything ## Run all tests; those on real recordings only if $(SHARED) is there
	CARDIOQUERY_SHARED="$(abspath $(SHARED))" $(BIN)/python -m pytest

check: .make/everything ## Formatting, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .make/everything ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

prepare: .make/everything ## Check the RELEASE in SOURCE and prepare it into STORE (docs/data.md)
	$(BIN)/python -m model_training.recipes.prepare --release "$(RELEASE)" --source "$(SOURCE)" \
	  --store "$(STORE)"

train: .make/everything ## Train and calibrate the model on $(SHARED)/data
	$(BIN)/python -m model_training.recipes.pretrain $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.calibrate $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.reference $(RECIPE_ARGUMENTS)

evaluate: .make/everything ## Evaluate what was trained, and the quality check; writes docs/results
	$(BIN)/python -m model_training.recipes.measure_bundle $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.evaluate $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.evaluate_quality --shared $(SHARED)

leave-out: .make/everything ## Train without groups of conditions, ours and its peers; two hours
	$(BIN)/python -m model_training.recipes.leave_out --config $(LEAVE_OUT_CONFIG) --shared $(SHARED)/data

ablate: .make/everything ## Train variants of a configuration and on fewer recordings; an hour
	$(BIN)/python -m model_training.recipes.ablate --config $(LEAVE_OUT_CONFIG) --shared $(SHARED)/data

export: .make/everything ## Export what was trained as the bundle that the service loads
	$(BIN)/python -m model_training.recipes.export $(RECIPE_ARGUMENTS)

bench: .make/everything .make/bench-peers ## Measure beside other servers, ten minutes; writes docs/benchmarks.*
	$(BIN)/python -m tests.load.bench

bench-peers: .make/bench-peers ## Install the servers that `make bench` compares with, each by itself

fuzz: .make/everything ## Fuzz the readers and the API, SECONDS for each target
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)
	FUZZ_EXAMPLES=$$((10 * $(SECONDS))) $(BIN)/python -m pytest -q tests/robustness/test_openapi.py

soak: .make/everything ## Good, bad, cancelled and slow requests for MINUTES; writes docs/soak.json
	$(BIN)/python -m tests.load.soak --minutes $(MINUTES) --workers $(WORKERS) $(if $(REDIS),--redis)

image: ## Build the service's container image; ONNXRUNTIME=gpu for CUDA
	@$(COMPOSE) version >/dev/null 2>&1 || { echo "$(COMPOSE) does not work:" \
	  "install Docker's compose, or name another in COMPOSE" >&2; exit 1; }
	REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" ONNXRUNTIME=$(ONNXRUNTIME) \
	  $(COMPOSE) build service

secrets: image ## Fill secrets/ with random passwords and API keys; keeps what is there
	COMPOSE="$(COMPOSE)" bash docker/make-secrets

up: secrets ## Start the service and its Redis in containers, on 127.0.0.1:8000
	@$(COMPOSE) up -d service redis || { echo "not started; if its port is in use, choose another:" \
	  "CARDIOQUERY_PUBLISH=127.0.0.1:8001 make up" >&2; exit 1; }

compose-test: .make/everything ## Start the containers from nothing, test them, leave nothing
	CARDIOQUERY_COMPOSE="$(COMPOSE)" CARDIOQUERY_SHARED="$(abspath $(SHARED))" \
	  CARDIOQUERY_TEST_TRAINING="$(TRAINING)" $(BIN)/python -m pytest tests/deploy/containers

sbom: ## List what is in the image and under which licences; writes build/sbom/
	PYTHON="$(PYTHON)" bash docker/sbom

dashboards: .make/everything ## Draw the dashboard from a live Prometheus's data into docs/dashboards
	$(BIN)/python -m tests.deploy.render_dashboards

check-deploy: .make/everything ## Check rules, dashboard and Kubernetes manifests; says what it skips
	$(BIN)/python -m pytest tests/deploy/test_rules.py tests/deploy/test_dashboards.py tests/deploy/test_manifests.py

lock: ## Resolve all dependencies anew and pin them in constraints.txt
	PYTHON="$(PYTHON)" bash .ci/lock

clean: ## Remove what make has made, but for runs/ (trained weights)
	rm -rf $(VENV) .venv-peers .make build dist *.egg-info .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "python -m venv failed; on Debian, its package python3-venv is needed" >&2; exit 1; }

.make/serving: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@mkdir -p .make
	@echo "Installing what serving needs (about a minute) ..."
	@$(INSTALL) -e '.[cpu]'
	@touch $@

.make/everything: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@mkdir -p .make
	@echo "Installing what developing, training and testing need (some minutes) ..."
	@$(INSTALL) -e '.[cpu,otel,train,bench,dev]'
	@touch $@ .make/serving

.make/bench-peers: $(PEERS:%=tests/load/peers/%.txt)
	@mkdir -p .make
	@echo "Installing $(PEERS) into .venv-peers (some minutes) ..."
	@for peer in $(PEERS); do \
	  $(PYTHON) -m venv .venv-peers/$$peer; \
	  .venv-peers/$$peer/bin/python -m pip install -q --disable-pip-version-check \
	    -r tests/load/peers/$$peer.txt; \
	done
	@touch $@
