# Every command that a person types. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)
PACKAGE := ansible_collections.aurore.infra.plugins

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1mmake %-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The control machine

setup: ## Prepare this machine: uv, the virtual environment, the collection's link
	@.ci/setup

lock: setup ## Renew requirements.lock from pyproject.toml
	@.tools/uv/bin/uv pip compile --quiet --upgrade pyproject.toml --group dev --group bench --universal \
	  --python-version 3.12 --generate-hashes --no-annotate --no-header --no-emit-index-url --output-file requirements.lock

# --- The lab

lab: ## Bring up the whole fleet here, or a part: make lab HOSTS=postgresql
	@.ci/setup lab
	@lab up $(if $(HOSTS),--limit $(HOSTS))

unlab: ## Remove every trace of the lab
	@lab down

ssh: ## Log in to a lab host as root: make ssh HOST=git
	@ssh -F .lab/ssh/config $(HOST)

# --- Checks

test: lint unit policy docs scenarios faults ## Everything that a merge request must pass

lint: setup ## Formatting and static checks
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy --no-error-summary --package $(PACKAGE)
	@yamllint --strict .
	@ansible-lint --quiet --offline

unit: setup ## Unit tests of the plugins, with branch coverage
	@pytest tests/unit --numprocesses 2 --quiet --cov plugins --cov-fail-under 98

policy: setup ## The rules of the house
	@pytest tests/policy --quiet

check-model: setup ## Validate inventory/model

docs: setup ## Build the documentation strictly into site/
	@mkdocs build --strict --quiet

scenarios: ## Molecule: every scenario on the lab
	@.ci/setup lab

faults: ## The lab survives being interrupted

bench: ## Measure: the inventory, a role's steady state
	@.ci/setup lab

.PHONY: help setup lock lab unlab ssh test lint unit policy check-model docs scenarios faults bench
