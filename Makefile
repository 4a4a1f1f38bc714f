# `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ARGS ?=
BIN := .venv/bin
TOOLS := .venv/audit/bin
COMPILE := $(TOOLS)/uv pip compile
HASHED := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
LOCK := $(COMPILE) pyproject.toml $(HASHED) --no-emit-package ondol-localcloud

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run:  ## set up what is missing and run everything; pass options by ARGS="--speed 60"
	@scripts/setup run
	@exec $(BIN)/ondol up $(ARGS)

check:  ## format, lint, types, imports, templates, migrations, translations: under a minute
	@scripts/setup dev
	@scripts/check

test:  ## every test, browser and SSH included; pass options by ARGS="-k alice"
	@scripts/setup test
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz:  ## hostile requests by everybody, for minutes; ARGS="--fuzz-minutes 60 --fuzz-seed 7"
	@scripts/setup test
	@$(BIN)/pytest tests/web/fuzz tests/api/test_described.py --show-capture=no --fuzz-minutes 10 $(ARGS)

looks:  ## every page with nobody, three people and 200, in each language, theme and width: pictures in dist/looks
	@scripts/setup test
	@mkdir -p dist/looks
	@$(BIN)/pytest tests/web/test_looks.py --looks dist/looks $(ARGS)

sweep-test:  ## kill workers everywhere, for minutes; ARGS="--pairs 500" for hours, see docs/reliability.md
	@scripts/setup test
	@$(BIN)/python -m tests.crashes $(ARGS)

upgrade-test:  ## upgrade a running site from a version of the past; ARGS="--from v0.2.0"
	@scripts/setup test
	@$(BIN)/python -m tests.upgrades $(ARGS)

bench:  ## repeat the measurements in bench/
	@scripts/setup bench
	@$(BIN)/python -m bench $(ARGS)

wheel:  ## wheels of ondol and of its trial cloud in dist/, with templates, styles and translations
	@scripts/setup dev
	@$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . ./localcloud

translations:  ## bring ondol/locale up to date with the texts in the code
	@scripts/setup test
	@$(BIN)/python scripts/translations --write

migrations:  ## write the migrations that changed models need
	@scripts/setup dev
	@scripts/migrations $(ARGS)

screenshots:  ## replace docs/images by pictures of a running trial
	@scripts/setup test
	@$(BIN)/python scripts/screenshots.py

lock:  ## write the lock files from pyproject.toml
	@scripts/setup audit
	@$(COMPILE) --group audit $(HASHED) --output-file requirements-audit.lock
	@$(COMPILE) --group bench $(HASHED) --output-file requirements-bench.lock
	@$(COMPILE) bench/custodian.in $(HASHED) --output-file bench/custodian.lock
	@$(LOCK) --output-file requirements-production.lock
	@$(LOCK) --extra embedded --output-file requirements-embedded.lock
	@$(LOCK) --extra trial --output-file requirements.lock
	@$(LOCK) --extra trial --group dev --output-file requirements-dev.lock
	@scripts/setup audit
	@$(TOOLS)/cyclonedx-py environment .venv | $(BIN)/python scripts/licences --write

audit:  ## known vulnerabilities of all packages, and how many were really audited; ARGS="--service osv"
	@scripts/setup audit
	@$(BIN)/python scripts/audit $(ARGS) $(TOOLS)/pip-audit requirements*.lock

sbom:  ## the bill of materials of a production install in dist/, in CycloneDX's JSON
	@scripts/setup audit
	@scripts/sbom

clean:  ## remove what was set up here; your data in ~/.ondol stays
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help run check test fuzz looks sweep-test upgrade-test bench wheel translations migrations screenshots lock audit sbom clean
