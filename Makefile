# Every command that a person types. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export NO_MKDOCS_2_WARNING := 1
PACKAGE := ansible_collections.aurore.infra.plugins
LAB := PYTHONPATH=molecule/default python -m lab
SITE := ansible-playbook --inventory inventory/lab.yml playbooks/site.yml

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1mmake %-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The control machine

setup: ## Prepare this machine: uv, the virtual environment, the collection's link
	@.ci/setup

setup-lab: ## The same, and what the lab needs (as root, or by sudo)
	@.ci/setup lab

lock: setup ## Renew requirements.lock from pyproject.toml
	@.tools/uv/bin/uv pip compile --quiet --upgrade pyproject.toml --group dev --group bench --universal \
	  --python-version 3.12 --generate-hashes --no-annotate --no-header --no-emit-index-url --output-file requirements.lock

# --- The lab

lab: setup-lab ## Bring up the whole fleet here, or a part: make lab HOSTS=postgresql
	@$(LAB) up $(if $(HOSTS),--limit "$(HOSTS)")
	@$(SITE) $(if $(HOSTS),--limit "$(HOSTS)")
	@$(LAB) report

unlab: setup ## Remove every trace of the lab
	@$(LAB) down

report: ## Show the lab's hosts, and how to log in
	@$(LAB) report

ssh: ## Log in to a lab host as root: make ssh HOST=git
	@ssh -F .lab/ssh/config $(or $(HOST),$(error say which one, such as: make ssh HOST=git))

# --- Checks

test: lint check-model unit policy docs scenarios faults ## Everything that a merge request must pass

lint: setup ## Formatting and static checks
	@echo "==> Formatting and static checks"
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy --no-error-summary --package $(PACKAGE)
	@mypy --no-error-summary --package lab
	@mypy --no-error-summary docs/generate
	@yamllint --strict .
	@ansible-lint -q --offline

check-model: setup ## Validate inventory/model
	@PYTHONPATH=plugins/module_utils python -m model inventory/model

unit: setup-lab ## Unit tests, with branch coverage of the plugins
	@echo "==> Unit tests"
	@pytest tests/unit --numprocesses 2 --quiet --cov plugins --cov docs/generate --cov-fail-under 98

policy: setup ## The rules of the house
	@echo "==> Policy tests"
	@pytest tests/policy --quiet

docs: setup ## Build the documentation strictly into site/
	@echo "==> Documentation"
	@mkdocs build --strict

scenarios: setup-lab ## Molecule: every scenario, on the lab
	@echo "==> Scenarios"
	@molecule test --all --destroy never

faults: setup-lab ## What breaks: a lab that is interrupted, half-way and again
	@echo "==> Faults"
	@pytest tests/faults --quiet

bench: lab ## Measure: the inventory, and a role's steady state
	@python tests/bench/bench_inventory.py
	@python tests/bench/bench_steady_state.py

.PHONY: help setup setup-lab lock lab unlab report ssh test lint check-model unit policy docs scenarios faults bench
