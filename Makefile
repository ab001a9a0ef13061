# Every target makes its own virtual environment in .venv; python3 and make are all it needs.
.DEFAULT_GOAL := help
.PHONY: help install run test regress fuzz lint format docs clean

PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed
# The pinned versions need Python 3.11; an older one takes what the ranges of pyproject.toml allow.
PINS := $(shell $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) and print("-c constraints.txt")')
# Torch comes first and alone, so that nothing else chooses its build. Without a GPU, the smaller
# CPU build: make install TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## Make .venv with the package and its development tools

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet $(PINS) --editable '.[dev]'
	touch $@

run: $(STAMP)  ## Train and evaluate scf_qeq on pt_water with preset=quick (minutes)
	$(BIN)/bench run

test: lint  ## Lint, type-check and run all tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS)

regress: $(STAMP)  ## Compare small trainings and the cost of a step with results/baselines (minutes)
	$(BIN)/bench regress $(GUARD)

fuzz: $(STAMP)  ## Try 10,000 odd words, cards and files: each works or is one sentence (minutes)
	FUZZ_CASES=10000 OMP_NUM_THREADS=1 $(BIN)/pytest tests/fuzz

lint: $(STAMP)  ## Check style, types and which room imports from which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP)  ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMP)  ## Build the documentation in build/site, warnings being errors
	$(BIN)/pip install --quiet $(PINS) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:  ## Remove .venv and caches; results stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find bench tests -name __pycache__ -type d -exec rm -rf {} +
