# Everything starts here; `make` alone lists the targets.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
HOME_FOLDER := $(or $(YICI_HOME),.yici)
# Where it is set, each of the many processes that a target starts compiles all of our sources again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-certificates serve dev test check drills soak faults bench bench-catalog bench-certificates bench-identity bench-portal bench-service bench-suites clean lock

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/installed ## Make .venv and install the lock (only when it changed)

.venv/installed: requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON=$(PYTHON) scripts/setup.sh
	@touch $@

demo: setup ## Reference campus to answered query: build, run, serve, ask
	@$(BIN)/yici demo run

demo-certificates: setup ## A certificate issued, judged by poppler, tampered with, revoked, and its page; made-up people
	@$(BIN)/python -m demo.certificates

serve: setup ## The HTTP service and the portal on the last published release
	@$(BIN)/yici serve --portal

dev: setup ## Dagster's pages and the service, for working on Yici
	@$(BIN)/yici dev

test: setup ## All tests, in three workers, which wait much (WORKERS=2); names the slowest; sets up what they need
	@tests/setup.sh
	@$(BIN)/python -m pytest -n $(or $(WORKERS),3) --dist loadfile --no-loadscope-reorder -q --durations=25 --durations-min=5

drills: setup ## Failure drills: kill, restart, fill, cut, jump; every one has to leave the undisturbed state (docs/drills.md)
	@$(BIN)/python -m benchmarks.drills $(DRILLS)

soak: setup ## kill -9 at 200 random points and in 10 whole runs, 100 random tables and calls, every byte of a paper; make test has a few
	@YICI_KILLS=200 YICI_RUN_KILLS=10 $(BIN)/python -m pytest -n 2 -q -rP tests/warehouse/test_kill.py tests/yici/test_run_killed.py
	@YICI_EXAMPLES=100 $(BIN)/python -m pytest -n 2 -q tests/warehouse/test_conservation.py tests/warehouse/test_looking_again.py
	@YICI_FUZZ=100 $(BIN)/python -m pytest -q tests/service/test_openapi.py
	@YICI_FLIPS=1000000 YICI_SLOW_FLIPS=500 $(BIN)/python -m pytest -q tests/certificates/test_sealing.py -k flipped

faults: setup ## Every kind of fault put into a small campus: what is caught, where, and what leaks (docs/faults.md)
	@$(BIN)/python -m benchmarks.faults --verbose

check: setup ## Linter, types, import order, the catalog; once a day known vulnerabilities, where the network allows
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_rooms.py
	@$(BIN)/yici catalog check
	@$(BIN)/python scripts/audit.py

bench: setup ## Extract, admission and store against bare COPY, dlt and connectorx (ROWS="300000 3000000 12000000")
	@$(BIN)/python -m benchmarks.run --rows $(ROWS)

bench-identity: setup ## How well it is found out who is who, on known truth; into docs/identity.md (SIZE=campus)
	@$(BIN)/python -m benchmarks.identity --size $(or $(SIZE),campus) --write

bench-catalog: setup ## Check, lists and publication of a made-up catalog (SIZE="1000 40 2000": resources, items, services)
	@$(BIN)/python -m benchmarks.catalog_run $(SIZE)

bench-service: setup ## Answers a second beside the floor of this server, also during a run (SERVICE="--people 100000 --soak 600")
	@$(BIN)/python -m benchmarks.service $(SERVICE)
	@$(BIN)/python -m benchmarks.certificates

bench-certificates: setup ## 5,000 papers asked for at once, the service killed twice meanwhile: none lost (CERTIFICATES="--people 500")
	@$(BIN)/python -m benchmarks.certificates_queue $(CERTIFICATES)

bench-portal: setup ## How long every page of the portal takes, for somebody of each role (PORTAL="--size small")
	@$(BIN)/python -m benchmarks.portal $(PORTAL)

bench-suites: setup ## Whole-resource suites against one hand-written query over the same rules (ROWS="300000 3000000")
	@$(BIN)/python -m benchmarks.suites $(ROWS)

clean: ## Stop what runs and delete the state folder, warehouse included (.venv stays)
	@if [ -x $(BIN)/yici ]; then \
		if [ -d $(HOME_FOLDER)/demo ]; then $(BIN)/yici demo stop || true; fi; \
		$(BIN)/yici db remove --yes; fi
	@rm -rf $(HOME_FOLDER)

lock: setup ## Resolve requirements*.in again, keeping pins (UPGRADE=--upgrade lets all move)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --no-header $(UPGRADE) \
		--output-file requirements.lock requirements.in requirements-dev.in
	@! grep -nE '://|file:' requirements.lock
