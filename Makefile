# Every task of this project, for people and for CI alike. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
SHARED ?= ../shared
CONFIG ?= model_training/recipes/configs/ptbxl_tokens.yaml
LEAVE_OUT_CONFIG ?= model_training/recipes/configs/ptbxl_tokens_leave_out.yaml
# Another command that takes the arguments of `docker compose`, such as podman-compose.
COMPOSE ?= docker compose
# cpu or gpu: which onnxruntime the image has.
ONNXRUNTIME ?= cpu
# Not empty: `make compose-test` also builds the training image and trains a small model in it.
TRAINING ?=
# Recordings that `make demo` diagnoses besides its synthetic one.
FILES ?=
# Which public release `make prepare` reads, from where, and where to; see docs/train/data.md.
RELEASE ?=
SOURCE ?=
STORE ?= stores/$(RELEASE)
# How long `make fuzz` takes for each target, and `make soak` with how many workers.
SECONDS ?= 60
MINUTES ?= 20
WORKERS ?= 1
# Not empty: `make soak` starts a Redis for the server.
REDIS ?=
# Not empty: `make soak` limits the server's memory to so many MiB and sends the largest uploads; root only.
MEMORY_MIB ?=
# Not empty: `make lock` takes the newest versions, also where the old ones still fit.
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check
# The project itself, built by the setuptools that was installed with a hash.
INSTALL_PROJECT := $(INSTALL) --no-deps --no-build-isolation -e .
# Each with pins of its own that would clash with the service's.
PEERS := litserve bentoml mlserver
# Made once, of installed packages, whatever the configuration names: two minutes.
TEXT_ENCODER := runs/text/multilingual-e5-small/model.safetensors
PYTEST = CARDIOQUERY_SHARED="$(abspath $(SHARED))" OMP_NUM_THREADS=1 $(BIN)/python -m pytest
RECIPE_ARGUMENTS := --config $(CONFIG) --shared $(SHARED)/data

.PHONY: help setup run demo test test-quick check format prepare text-encoder train evaluate leave-out ablate export gpu-carry gpu-check bench bench-peers fuzz soak attack configuration dashboards linearity check-deploy image secrets up compose-test sbom pin-images lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .make/everything ## Install all that developing, training and testing need into .venv

run: .make/serving ## Serve on 127.0.0.1:8000; installs only what serving needs (no torch)
	$(BIN)/cardioquery serve

demo: .make/serving ## Start a server, diagnose a synthetic recording, ask for an unseen condition
	$(BIN)/python -m cardioquery.demo $(FILES)

# What needs no server runs in as many processes as there are cores, each with one thread.
test: .make/everything ## Run all tests; those on real recordings only if $(SHARED) is there
	$(PYTEST) -n auto tests/unit tests/contract tests/repository tests/fuzz
	$(PYTEST) tests/e2e tests/robustness tests/deploy

test-quick: .make/everything ## Run the tests of a few minutes: units and the API, without training
	$(PYTEST) -n auto -m "not slow and not redis" tests/unit tests/contract tests/repository

check: .make/everything ## Formatting, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .make/everything ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

prepare: .make/everything ## Check the RELEASE in SOURCE and prepare it into STORE (docs/train/data.md)
	$(BIN)/python -m model_training.recipes.prepare --release "$(RELEASE)" --source "$(SOURCE)" \
	  --store "$(STORE)" --config $(CONFIG)

text-encoder: $(TEXT_ENCODER) ## Make the multilingual text encoder that configurations may name

train: .make/everything $(TEXT_ENCODER) ## Train and calibrate the model on $(SHARED)/data; prepares it first
	$(BIN)/python -m model_training.recipes.pretrain $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.calibrate $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.reference $(RECIPE_ARGUMENTS)

evaluate: .make/everything ## Evaluate what was trained, the quality check and measuring; writes docs/measured/results
	$(BIN)/python -m model_training.recipes.measure_bundle $(RECIPE_ARGUMENTS)
	$(BIN)/python -m model_training.recipes.evaluate $(RECIPE_ARGUMENTS) --publish docs/measured/results
	$(BIN)/python -m model_training.recipes.evaluate_quality --shared $(SHARED)
	$(BIN)/python -m model_training.recipes.evaluate_intervals --shared $(SHARED)
	$(BIN)/python -m tests.benchmarks.words --shared $(SHARED)/data

leave-out: .make/everything $(TEXT_ENCODER) ## Train without groups of conditions, ours and its peers; two hours
	$(BIN)/python -m model_training.recipes.leave_out --config $(LEAVE_OUT_CONFIG) --shared $(SHARED)/data

ablate: .make/everything $(TEXT_ENCODER) ## Train variants of a configuration and on fewer recordings; an hour
	$(BIN)/python -m model_training.recipes.ablate --config $(LEAVE_OUT_CONFIG) --shared $(SHARED)/data

export: .make/everything ## Export what was trained as the bundle that the service loads
	$(BIN)/python -m model_training.recipes.export $(RECIPE_ARGUMENTS)

gpu-carry: .make/everything ## Write build/gpu, to be carried to a machine with a GPU and torch (docs/train/gpu.md)
	$(BIN)/python -m model_training.recipes.gpu_carry --folder build/gpu

gpu-check: gpu-carry ## Measure graphs, training and reading within 8 minutes; writes build/gpu/gpu.json
	cd build/gpu && $(abspath $(BIN))/python -m gpu_check --out gpu.json

bench: .make/everything .make/bench-peers ## Measure beside other servers, ten minutes; writes docs/measured/benchmarks.*
	$(BIN)/python -m tests.benchmarks.bench

bench-peers: .make/bench-peers ## Install the servers that `make bench` compares with, each by itself

linearity: .make/everything ## Time the readers and the query parser over doubling sizes of hostile inputs
	$(BIN)/python -m tests.benchmarks.linearity

fuzz: .make/everything ## Fuzz the readers and the API, SECONDS for each target
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)
	FUZZ_EXAMPLES=$$((10 * $(SECONDS))) $(BIN)/python -m pytest -q tests/robustness/test_openapi.py

soak: .make/everything ## Good, bad, cancelled and slow requests for MINUTES; writes docs/measured/soak.json
	$(BIN)/python -m tests.benchmarks.soak --minutes $(MINUTES) --workers $(WORKERS) $(if $(REDIS),--redis) \
	  $(if $(MEMORY_MIB),--memory-mib $(MEMORY_MIB))

attack: .make/everything ## What others notice of each kind of attack; writes docs/measured/attack.*
	$(BIN)/python -m tests.benchmarks.attack

# By digest where images come from their registries; what stands in for Docker may have none.
ifeq ($(COMPOSE),docker compose)
image: .env
endif

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

pin-images: ## Write the digests of the images that compose uses into docker/pinned.env; asks their registries
	bash docker/pin-images

# What stands there already comes last, so it wins.
.env: docker/pinned.env
	@touch $@ && { cat $<; sed '/^# pinned:/,/^# end of pinned/d' $@; } > $@.new && mv $@.new $@

configuration: .make/everything ## Write the page of settings from their docstrings (docs/use/configuration.md)
	$(BIN)/python -m tests.support.configuration_page

dashboards: .make/everything ## Draw the dashboard from a live Prometheus's data into docs/operate/dashboards
	$(BIN)/python -m tests.deploy.render_dashboards

check-deploy: .make/everything ## Check rules, dashboard and Kubernetes manifests; says what it skips
	$(BIN)/python -m pytest tests/deploy/test_rules.py tests/deploy/test_dashboards.py tests/deploy/test_manifests.py

lock: ## Pin all dependencies, with hashes, in requirements/; UPGRADE=1 for the newest versions
	PYTHON="$(PYTHON)" bash .ci/lock $(if $(UPGRADE),--upgrade)

clean: ## Remove what make has made, but for runs/ (trained weights)
	rm -rf $(VENV) .venv-peers .make build dist *.egg-info .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(TEXT_ENCODER): | .make/everything
	$(BIN)/python -m model_training.recipes.make_text_encoder --folder $(@D)

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "python -m venv failed; on Debian, its package python3-venv is needed" >&2; exit 1; }

.make/serving: $(VENV)/pyvenv.cfg pyproject.toml requirements/cpu.txt
	@mkdir -p .make
	@echo "Installing what serving needs (about a minute) ..."
	@$(INSTALL) --require-hashes -r requirements/cpu.txt
	@$(INSTALL_PROJECT)
	@touch $@

# Without dependencies: those of torch are in the list, torch itself is not.
.make/everything: $(VENV)/pyvenv.cfg pyproject.toml requirements/everything.txt requirements/torch.txt
	@mkdir -p .make
	@echo "Installing what developing, training and testing need (some minutes) ..."
	@$(INSTALL) --no-deps --require-hashes -r requirements/everything.txt
	@$(INSTALL) -r requirements/torch.txt
	@$(INSTALL_PROJECT)
	@touch $@ .make/serving

.make/bench-peers: $(PEERS:%=tests/benchmarks/peers/%.txt)
	@mkdir -p .make
	@echo "Installing $(PEERS) into .venv-peers (some minutes) ..."
	@for peer in $(PEERS); do \
	  $(PYTHON) -m venv .venv-peers/$$peer; \
	  .venv-peers/$$peer/bin/python -m pip install -q --disable-pip-version-check \
	    -r tests/benchmarks/peers/$$peer.txt; \
	done
	@touch $@
