# Each target builds .venv first, with no more in it than the target needs.
PYTHON ?= python3
BIN := .venv/bin
# Processes that share the tests, each with neighbouring ones, which have fixtures in common. Each has one thread: more
# of them would wait for each other.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
# One stamp for each thing that is installed: what a training needs, and that with what the tests need.
TRAIN := .venv/.installed-train
DEV := .venv/.installed-dev
SOURCES := pyproject.toml setup.py constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-hostile lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(DEV)  ## build .venv with gequnet and its test tools: no compiler, no system package

$(DEV): $(SOURCES) $(wildcard third_party/*/pyproject.toml)
	$(PYTHON) -m venv .venv
	$(PIP) ./third_party/py3nj ./third_party/lie_learn -e '.[dev]'
	touch $(TRAIN) $@

$(TRAIN): $(SOURCES)
	$(PYTHON) -m venv .venv
	$(PIP) -e '.[train]'
	touch $@

demo: $(TRAIN)  ## train a rotation-equivariant U-Net on drawn vessels (under 4 minutes) and show where the results are
	OMP_NUM_THREADS=1 $(BIN)/python run.py experiment=demo

test: install  ## run the tests
	$(PYTEST)

test-slow: install  ## run the exhaustive tests: every group, size and format
	$(PYTEST) -m slow

test-hostile: install  ## run 2000 damaged files through training, verify, evaluate and predict
	$(PYTEST) -m '' tests/hostile

lint: install  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove .venv and the caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info third_party/*/build third_party/*/*.egg-info
