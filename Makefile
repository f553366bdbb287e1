# Each target makes (or refreshes) .venv by itself; the stamp follows pyproject.toml and constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test soak lint docs bench setup clean

demo: setup ## audit the three demo backbones
	$(BIN)/uwm demo

# Two processes at a time, most of which wait; threads of both would wait for each other's cores.
test: setup ## run the tests
	# Three on two cores: several tests wait for servers and processes most of the time.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder
	OMP_NUM_THREADS=1 $(BIN)/pytest --doctest-modules uwm

soak: setup ## kill, fill, cut and flip what lies under a store, by the thousand (45 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.soak

lint: setup docs ## format, lint, types, layers, and that the site builds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy examples
	$(BIN)/lint-imports

docs: setup ## the site of docs/ and docstrings, in .uwm/site; needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: setup ## what capture costs beside the plain forward pass
	$(BIN)/python -m tests.benchmarks.capture

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf .venv .uwm
