# The two commands that matter are `make demo` and `make test`; each does all of its own set-up.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BESIDE := $(VENV)/on-spark.log
export DAGSTER_HOME ?= $(CURDIR)/.data/dagster

# Suites on the JVM engine: the comparison of the engines, the reading of text, and every read and write.
ON_SPARK := tests/parity tests/spark tests/ledger/delta/test_log.py tests/ledger/delta/test_lakehouse.py \
	tests/ledger/delta/test_lakehouse_writes.py tests/ledger/test_json_text.py tests/ledger/test_text.py \
	tests/ledger/test_money.py

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-databricks browser nginx test test-spark on-spark lint format ui bench docs lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: $(READY) ## Create .venv with every pinned package

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@# on all cores, which pip does not; some packages carry files that are no Python 3
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib assets configs ledger mock_data operations orchestration resources tests || true
	@touch $@

demo: $(READY) ## Three generated days, the last with planted faults: does the money add up?
	@$(BIN)/python -m orchestration.demo

demo-databricks: $(READY) ## The same controls on the Databricks path: launcher, emulated workspace, Spark on a JVM
	@$(BIN)/python -m tests.databricks_emulator.demo

ui: $(READY) ## Open the Dagster UI on the demo's (or your own) instance, http://127.0.0.1:3000
	@$(BIN)/python -m orchestration.ui

browser: ## Install Debian's Chromium for the browser tests (as root)
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }

nginx: ## Install Debian's nginx for the test of docs/deployment.md (as root)
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx; }

test: $(READY) $(if $(filter true,$(CI)),browser nginx) ## Run the test suite, two processes side by side and the core of the part on the JVM beside them
	@$(MAKE) --no-print-directory on-spark CHOSEN="not exhaustive" >$(BESIDE) 2>&1 & beside=$$!; \
	trap 'kill $$beside; exit 130' INT TERM; \
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not jvm"; result=$$?; \
	wait $$beside || result=1; cat $(BESIDE); exit $$result

test-spark: $(READY) ## Everything on Spark's own engine: all scenarios, parity, a cluster, a launched day (JDK 17+, an hour)
	@$(MAKE) --no-print-directory on-spark CHOSEN="jvm or not jvm"

# First one process, and so one JVM, with the embedded engine that it is compared with in a child; then the clusters of
# the emulated workspace. Skipped without a JDK 17, which under CI=true is installed where that is possible, and else
# a failure.
on-spark:
	@.ci/java
	PIPELINE_CFG__SPARK__ENGINE=spark $(BIN)/python -m pytest $(ON_SPARK) -m "$(CHOSEN)"
	$(BIN)/python -m pytest tests/resources/databricks -m "jvm and ($(CHOSEN))"

lint: $(READY) ## Format check, lint, one way down, strict types, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python -m docs.generate --check

format: $(READY) ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Compare a large day with the same day hand-written in DuckDB
	$(BIN)/python -m benchmarks.run

docs: $(READY) ## Regenerate docs/tables.md from the contracts
	$(BIN)/python -m docs.generate

lock: ## Refresh requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra dev --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove the demo's data and the virtual environment
	rm -rf $(VENV) .data
