# One set of commands for people and for CI. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo dev app test test-monitoring test-release check fix dashboards docs release bench lock clean
help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 15) else f"Python 3.11 to 3.14 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@echo "Creating .venv and installing the locked packages (a minute or two, once) ..."
	@$(PYTHON) -m venv .venv
	@# The lock is complete, so nothing is resolved here; every download is checked against its hash.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/installed ## Generate sample input, materialise every asset, show what was stored
	@$(BIN)/meter-platform demo

dev: .venv/installed ## The Dagster UI at http://localhost:3000
	@$(BIN)/meter-platform dev

app: .venv/installed ## The analytics app at http://localhost:8501
	@$(BIN)/meter-platform app

test: .venv/installed ## Run every test, in two processes
	@$(BIN)/pytest --numprocesses=2 --dist=loadfile --durations=25

test-release: release ## Install the wheel into an empty environment and run it from an empty folder
	@WHEEL=$$(ls dist/*.whl) $(BIN)/pytest meter_platform_tests/release

test-monitoring: .venv/installed ## Real Prometheus and Alertmanager, and the metrics of a year
	@MONITORING=1 $(BIN)/pytest meter_platform_tests/monitoring/test_live.py meter_platform_tests/monitoring/test_year.py

check: .venv/installed ## Lint, formatting, strict types, the order of the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@if command -v promtool >/dev/null; then \
	  promtool check config deployment/monitoring/prometheus.yml >/dev/null && \
	  promtool test rules deployment/monitoring/rules_test.yml >/dev/null; \
	else echo "promtool is not installed (Debian: prometheus): rules are not checked"; fi
	@if command -v amtool >/dev/null; then amtool check-config deployment/monitoring/alertmanager.yml >/dev/null; \
	else echo "amtool is not installed (Debian: prometheus-alertmanager): routes are not checked"; fi

fix: .venv/installed ## Mend what the linter and the formatter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

dashboards: .venv/installed ## Write the JSON of Grafana's dashboards from their code
	@$(BIN)/python -m dashboards

docs: .venv/installed ## Build the documentation site in docs/_build; a warning or a broken link fails
	@# Anew each time: a page that has not changed would not warn again.
	@$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going -b html docs docs/_build

release: .venv/installed ## Make wheel and sdist in dist/; a tag of the commit must be the version's
	@version=$$($(BIN)/python -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])'); \
	tag=$$(git tag --points-at HEAD 2>/dev/null | grep '^v' | tail -1); \
	if [ -n "$$tag" ] && [ "$$tag" != "v$$version" ]; then \
	  echo "This commit is tagged $$tag, and pyproject.toml has version $$version: one of them is wrong." >&2; exit 1; fi
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist > /dev/null
	@ls dist

bench: .venv/installed ## Run the benchmark and write benchmarks/results.md
	@$(BIN)/python -m benchmarks

lock: .venv/installed ## Resolve requirements.lock anew (needs uv)
	@uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --output-file requirements.lock

clean: ## Remove the environment and all local state (stops the embedded Postgres first)
	@test ! -x $(BIN)/meter-platform || $(BIN)/meter-platform stop
	@rm -rf .venv .meter_platform .tmp_dagster_home_* dist docs/_build
