# One set of commands for people and for CI. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin

# Compose with the overlays that WITH names (monitoring, oidc, receive, viewers), then what a site adds in a file of its own, and digests in
# place of versions where those are written down: `make up WITH="monitoring oidc"`.
WITH ?=
SITE ?= deployment/compose.site.yaml
COMPOSE = docker compose --project-directory deployment $(addprefix --file ,deployment/compose.yaml \
	$(WITH:%=deployment/compose.%.yaml) $(wildcard $(SITE) deployment/compose.digests.yaml))

.PHONY: help demo dev app test test-whole test-monitoring test-spark test-release test-deployment check fix dashboards docs \
	release bench bench-quick lock image up down restart sample-input backups restore digests compose-command clean
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

test: .venv/installed ## Run the everyday tests, in three processes: a third of the time each waits
	@$(BIN)/pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder --durations=25

test-whole: .venv/installed ## Run the tests that take long: the commands of README and CONTRIBUTING, killed daemons, browsers, large files
	@$(BIN)/pytest --numprocesses=2 --dist=worksteal --durations=0 -m whole

test-release: release ## Install the wheel into an empty environment and run it from an empty folder
	@WHEEL=$$(ls dist/*.whl) $(BIN)/pytest meter_platform_tests/release

# Spark's own packages and those of its client overwrite each other.
.venv-spark/installed: Makefile
	@echo "Installing Spark into .venv-spark (500 MB, once) ..."
	@$(PYTHON) -m venv .venv-spark
	@.venv-spark/bin/pip install --quiet --disable-pip-version-check 'pyspark[connect]==4.3.0'
	@touch $@

test-spark: .venv/installed .venv-spark/installed ## Run the rules on a Spark cluster: a master, two workers, Spark Connect (needs Java 17)
	@SPARK_ENVIRONMENT=$(CURDIR)/.venv-spark $(BIN)/pytest --durations=5 meter_platform_tests/spark

test-monitoring: .venv/installed ## Real Prometheus and Alertmanager on the metrics of a loaded platform
	@MONITORING=1 $(BIN)/pytest meter_platform_tests/monitoring/test_live.py

test-deployment: .venv/installed ## Build the image, run the stack of deployment/, hurt it and restore it (10 minutes)
	@$(BIN)/pytest --exitfirst --capture=no --verbose --durations=0 --durations-min=5 -m deployment meter_platform_tests/deployment

image: ## Build the image of all the platform's containers
	@VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) \
	  $(COMPOSE) build --quiet

up: image ## Start the platform in containers, for good: https://localhost (WITH=monitoring adds Prometheus and Grafana)
	@deployment/make-secrets.sh $(WITH)
	@$(COMPOSE) up --detach --wait --remove-orphans

down: ## Stop the containers once runs have ended; what is stored stays
	@$(COMPOSE) down

restart: ## Start the containers anew: they see changed secrets
	@$(COMPOSE) restart

sample-input: ## Put a generated sample where the containers expect deliveries
	@$(COMPOSE) run --rm sample

backups: ## List the backups of the containers' database server
	@$(COMPOSE) run --rm restore

restore: ## Bring the containers' database server back: FROM=newest, or a backup; UNTIL=2026-01-31T12:00:00+00:00
	@deployment/restore.sh "$(COMPOSE)" "$(or $(FROM),newest)" "$(UNTIL)"

digests: ## Write down the digest of every image that the containers use, in deployment/compose.digests.yaml
	@deployment/write-digests.sh "$(COMPOSE)"

compose-command:
	@echo $(COMPOSE)

check: .venv/installed ## Lint, formatting, strict types, the order of the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@deployment/check.sh

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

bench-quick: .venv/installed ## Tell whether the platform has become slower than benchmarks/quick/baseline.json (3 minutes)
	@$(BIN)/python -m benchmarks.quick

# dagster-dbt asks for both, and works without: sqlglotrs is out of care and warns at each import, and with sqlglotc what Ibis
# compiles for Spark is refused (a Func is expected, and a Bracket given).
UV_COMPILE = uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	--no-emit-package sqlglotrs --no-emit-package sqlglotc --python-version 3.11
lock: .venv/installed ## Resolve requirements.lock anew, and what of it the image needs (needs uv)
	@$(UV_COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	@$(UV_COMPILE) pyproject.toml --extra app --extra receive --constraint requirements.lock --output-file deployment/requirements.lock
	@echo 'hatchling' | $(UV_COMPILE) - --constraint requirements.lock --output-file deployment/build-requirements.lock

clean: ## Remove the environment and all local state (stops the embedded Postgres first)
	@test ! -x $(BIN)/meter-platform || $(BIN)/meter-platform stop
	@rm -rf .venv .venv-spark .meter_platform .tmp_dagster_home_* dist docs/_build
