# Every command that a person types. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export NO_MKDOCS_2_WARNING := 1
PACKAGE := ansible_collections.aurore.infra.plugins
# The lab, and what roles bring to hosts as packages of their own.
PROGRAMS := lab rt_office restore_drill postgresql_adoption postgresql_upgrade patroni_fence
LAB := PYTHONPATH=molecule/default python -m lab
# The tests of faults kill what root runs: they run as root, too.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo env PATH="$$PATH" PYTHONDONTWRITEBYTECODE=1)
LIMIT = $(if $(HOSTS),--limit "$(HOSTS)")
# Ansible notes the hosts on which it failed: `$(LAB) explain site` shows their journals, says what to do, and fails.
SITE := ANSIBLE_RETRY_FILES_ENABLED=1 ANSIBLE_RETRY_FILES_SAVE_PATH=.lab \
  ansible-playbook --inventory inventory/lab.yml playbooks/site.yml
NEEDS_LAB := test -e .lab/ssh/config || { echo "There is no lab here yet: make lab first." >&2; exit 1; }

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1mmake %-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The control machine

setup: ## Prepare this machine: uv, the virtual environment, the collection's link
	@.ci/setup

setup-lab: ## The same, and what the lab needs (as root, or by sudo)
	@.ci/setup lab

lock: setup ## Renew requirements.lock from pyproject.toml
	@.ci/uv pip compile --quiet --upgrade pyproject.toml --group dev --group bench --universal \
	  --python-version 3.12 --generate-hashes --no-annotate --no-header --no-emit-index-url --output-file requirements.lock

# --- The lab

lab: setup-lab ## Bring up the whole fleet here, or a part (HOSTS=git,log), from nothing (ANEW=1)
	@$(LAB) up $(LIMIT) $(if $(ANEW),--anew)
	@$(SITE) $(LIMIT) || $(LAB) explain site
	@$(LAB) report

unlab: setup ## Remove every trace of the lab
	@$(LAB) down

report: ## Show the lab's hosts, and how to log in
	@$(NEEDS_LAB)
	@$(LAB) report

ssh: ## Log in to a lab host as root: make ssh HOST=git
	@$(NEEDS_LAB)
	@ssh -F .lab/ssh/config $(or $(HOST),$(error say which one, such as: make ssh HOST=git))

# --- Checks

# What needs no lab is done two at a time, and each shows what it says when it is done.
test: unattended ## Everything that a merge request must pass
	@$(MAKE) --jobs 2 --output-sync=target lint check-model unit policy docs
	@$(MAKE) scenarios faults

lint: setup ## Formatting and static checks
	@echo "==> Formatting and static checks"
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy --no-error-summary $(addprefix --package ,$(PACKAGE) $(PROGRAMS))
	@mypy --no-error-summary roles/metrics/files docs/generate tests/testinfra tests/faults
	@yamllint --strict .
	@ansible-lint -q --offline

check-model: setup ## Validate inventory/model, and the register in it
	@PYTHONPATH=plugins/module_utils python -m model inventory/model
	@PYTHONPATH=.ansible/collections python -m $(PACKAGE).module_utils.register inventory/model

unit: setup-lab ## Unit tests, with branch coverage of the plugins
	@echo "==> Unit tests"
	@pytest tests/unit --numprocesses 2 --quiet --cov plugins --cov roles/rt_office/files --cov roles/pgbackrest/files --cov roles/postgresql_adoption/files --cov roles/postgresql_upgrade/files --cov roles/patroni/files --cov roles/metrics/files --cov docs/generate --cov-fail-under 98

policy: setup ## The rules of the house
	@echo "==> Policy tests"
	@pytest tests/policy --quiet

docs: setup ## Build the documentation strictly into site/
	@echo "==> Documentation"
	@mkdocs build --strict

scenarios: unattended setup-lab ## Molecule: every scenario, on the lab
	@echo "==> Scenarios"
	@rm -f .lab/failed-tests
	@molecule test --all --destroy never --no-command-borders || $(LAB) explain converge

faults: unattended setup-lab ## What breaks: a lab that is interrupted. Removes a lab that is up
	@echo "==> Faults"
	@$(AS_ROOT) pytest tests/faults/lab --quiet -p no:cacheprovider

unattended:
	@((EUID == 0)) || setsid --wait sudo --non-interactive true 2>/dev/null || { \
	  echo "The tests run as root, or where sudo asks for no password: nobody can answer while they run." >&2; exit 1; }

bench: lab ## Measure: the inventory, a role's steady state, the whole site, outages of the database
	@python tests/bench/bench_inventory.py
	@python tests/bench/bench_steady_state.py
	@python tests/bench/bench_site.py
	@python -m tests.bench.bench_failover

.PHONY: help setup setup-lab lock lab unlab report ssh test lint check-model unit policy docs scenarios faults \
  unattended bench
