# `make demo` and `make test` are all there is to know; the first of them builds .venv.
PYTHON ?= python3
BIN := .venv/bin
# Processes that the tests are dealt to. Each has one thread: two that share a core with others spend their time waiting.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## build .venv with gequnet in it: no compiler, no system package

$(STAMP): pyproject.toml constraints.txt $(wildcard third_party/*/pyproject.toml)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt \
		./third_party/py3nj ./third_party/lie_learn -e '.[dev]'
	touch $@

demo: install  ## train a rotation-equivariant U-Net on drawn vessels (under 4 minutes) and show where the results are
	OMP_NUM_THREADS=1 $(BIN)/python run.py experiment=demo

test: install  ## run the tests (under 10 minutes on two cores)
	$(PYTEST)

test-slow: install  ## run the exhaustive tests: every group, size and format
	$(PYTEST) -m slow

lint: install  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove .venv and the caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build third_party/*/build third_party/*/*.egg-info
