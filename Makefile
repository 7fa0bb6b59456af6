# The two commands that matter: `make demo` and `make test`. Each makes .venv first.

BIN = .venv/bin

.PHONY: demo demo-check test check fmt compiled bench soak models lock setup clean

demo:            ## Start cloudlet with the sample microservice, deployed and running
	@scripts/setup runtime
	@$(BIN)/cloudlet demo

demo-check:      ## The same on free ports, walked through once; exit status 0 if every step holds
	@scripts/setup runtime
	@$(BIN)/cloudlet demo --check

test: check      ## Lint, types and all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup     ## Lint, formatting, types, and whether generated files are fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python scripts/models.py --check
	$(BIN)/python scripts/operations.py --check
	$(BIN)/python scripts/sqlpp.py --check
	$(BIN)/python scripts/java_bootstrap.py --check

fmt: setup       ## Format and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

compiled: setup  ## Compile the way of a call, which `test` and `bench` do too: it answers faster

bench: setup     ## Measure, side by side, and print the figures
	@scripts/setup bench
	$(BIN)/python bench/run.py

soak: setup      ## The tests that take longer
	$(BIN)/python -m pytest -m soak

models: setup    ## Write AWS's models and their structs anew
	$(BIN)/python scripts/models.py
	$(BIN)/python scripts/operations.py
	$(BIN)/ruff format --quiet src/cloudlet/aws/models

lock: setup      ## Pin the requirements anew
	scripts/lock

setup:
	@scripts/setup dev

clean:
	rm -rf .venv .venv-sam dist .mypy_cache .ruff_cache .pytest_cache
