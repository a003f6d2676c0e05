# Each target prepares .venv by itself, from nothing but python3 (≥ 3.11), its venv module and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help book paper plan pdf release site-smoke test faults lowest smoke run diff fresh bench lint record clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
TORCH_FLAGS ?=
PROFILE ?= book
# Chapters side by side: from published rows each is one process, which mostly draws; they share the cores.
JOBS ?= 2
# One thread in each of several workers: small tensors gain nothing from threads, and wait for each other.
export OMP_NUM_THREADS ?= 1
export QUIRE_BACKEND ?= loky
LARGER := $(notdir $(wildcard data/published/paper/*))
CH ?=
SEEDS ?=
DEVICE ?= auto
BUDGET ?= 90m
ARGS ?=
BIN := .venv/bin
QUIRE := $(BIN)/quire
READY := .venv/ready

help:
	@echo 'make book                     set up, execute every chapter at book scale, render the book, print its path'
	@echo 'make book SEEDS=1000          the same claims with another block of seeds: whose verdict lives on its seeds?'
	@echo 'make plan PROFILE=paper        what a run would compute, and what that takes on this machine (CH=… for some chapters)'
	@echo 'make paper BUDGET=90m         the sizes of the literature, as many cells as fit, the cheapest claims first; again to go on'
	@echo '                              (DEVICE=cuda; CH=… for some chapters; then `quire publish CHAPTER --profile paper`)'
	@echo 'make pdf, make release         the rendered book as one PDF; as an archive with its checksum and manifest'
	@echo 'make test                     set up, then lint, tests, and every notebook at smoke scale'
	@echo 'make smoke                    execute every chapter at smoke scale (about a minute)'
	@echo 'make run CH=locality PROFILE=book ARGS="-p seeds=4"     one chapter with other parameters'
	@echo 'make diff                     the book run here against the published one'
	@echo 'make fresh                    recompute everything, ignoring stored and published rows, then compare'
	@echo 'make bench                    benchmarks, each beside its alternative, as ratios'
	@echo 'make faults                   kill runs, damage files, ask for the impossible (minutes)'
	@echo 'make lowest                   the tests with the lowest versions that lib/pyproject.toml allows (once per release)'
	@echo 'make clean                    remove build/ (the environment stays)'
	@echo 'TORCH_FLAGS="--index-url …"   which build of torch to install (CPU or CUDA index); PYTHON=… which python'

$(READY): lib/requirements.lock lib/pyproject.toml
	@test -n "$(PYTHON)" || { echo 'python 3.11, 3.12 or 3.13 is needed: install it, or say PYTHON=/path/to/python'; exit 1; }
	@echo "preparing .venv with $$($(PYTHON) --version) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_FLAGS) torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r lib/requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./lib
	@touch $@

book: $(READY)
ifeq ($(SEEDS),)
	$(QUIRE) run --profile book --jobs $(JOBS) --check 1
	$(if $(LARGER),$(QUIRE) run $(LARGER) --profile paper --served --jobs $(JOBS))
	$(QUIRE) site
else
	$(QUIRE) run --profile book --jobs $(JOBS) --seeds $(SEEDS)
	-$(QUIRE) claims --run book-$(SEEDS)
endif

plan: $(READY)
	$(QUIRE) plan $(CH) --profile $(PROFILE)

# Cells of the book that were published elsewhere are computed again on this device first, to see that both agree.
paper: $(READY)
	$(QUIRE) run $(CH) --profile book --label agreement --check 1 -p device=$(DEVICE)
	$(QUIRE) run $(CH) --profile paper -p device=$(DEVICE) --budget $(BUDGET)

# Best effort: the whole book on paper, by Chromium; and an archive of the rendered site.
pdf: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pypdf
	$(QUIRE) pdf

release: $(READY)
	$(QUIRE) release

smoke: $(READY)
	$(QUIRE) run --profile smoke --jobs $(JOBS)

# The pages of the smoke runs, for what a browser makes of them.
site-smoke: smoke
	$(BIN)/python -c "from quire.tools.site import build; print(build('smoke', strict=False))"

run: $(READY)
	@test -n "$(CH)" || { echo 'say which chapter: make run CH=locality PROFILE=book ARGS="-p seeds=4"'; exit 1; }
	$(QUIRE) run $(CH) --profile $(PROFILE) $(ARGS)

diff: $(READY)
	$(QUIRE) diff published book

fresh: $(READY)
	$(QUIRE) run --profile book --fresh --jobs $(JOBS)
	$(QUIRE) diff published fresh

lint: $(READY)
	$(BIN)/ruff check --config lib/pyproject.toml .
	$(BIN)/ruff format --config lib/pyproject.toml --check .

test: lint
	QUIRE_BACKEND=sequential $(BIN)/python -m pytest --ignore=tests/benchmarks -m "not faults" -n 2 --dist loadfile --no-loadscope-reorder --cov=quire --cov-report=term:skip-covered --cov-fail-under=90
	$(BIN)/python tests/notebooks/check.py

faults: $(READY)
	QUIRE_BACKEND=sequential $(BIN)/python -m pytest tests/faults -m faults -n 2 --dist loadfile $(ARGS)

# The lowest declared versions, in .venv-lowest, of the library, the command line and dask; what these bring along and the tools
# of testing are the newest. The lowest torch is the one of the lock: no older one could be installed where this was tried.
# Left out: oracles that come with jax, the rendered page, and what runs the tools of testing on the tree.
NEWEST := kernels_oracle hierarchical site site_safety ext new environment chapters
LOWEST ?= .venv-lowest
lowest:
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_FLAGS) torch==2.13.0
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check $$($(PYTHON) tests/lowest.py) pytest hypothesis beartype ruff
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e ./lib
	QUIRE_BACKEND=sequential $(LOWEST)/bin/python -m pytest -p no:xdist -m "not faults" --ignore=tests/benchmarks \
	  --ignore=tests/faults $(foreach name,$(NEWEST),--ignore=tests/test_$(name).py) $(ARGS)

# Record what the checked cells print, after looking at the difference that `make test` shows.
record: $(READY)
	$(BIN)/python tests/notebooks/check.py --record

bench: $(READY)
	env -u OMP_NUM_THREADS QUIRE_UNCHECKED=1 $(BIN)/python -m pytest tests/benchmarks -p no:xdist -s --benchmark-columns=min,median,rounds $(ARGS)

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis .benchmarks
