# `make help` lists what there is to do. On Windows run it from Git Bash, with GNU make.
MAKEFLAGS += -j2
unexport PYTHONDONTWRITEBYTECODE # pip leaves modules uncompiled, and what is imported is compiled once
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
PYTHON ?= python
else
BIN := .venv/bin
PYTHON ?= python3
endif
PAGE := src/enfold/explorer/static
RUN := force
PIP := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
TESTS := $(BIN)/python -m pytest -n 2 -rs tests
BUILD := cd web && npm ci && npm run build
NOTHING := $$(git hash-object -t tree /dev/null)# compared with it, every line is new

.PHONY: help demo test check lint types architecture docs coverage quality bench web page browser format hooks clean
.DELETE_ON_ERROR:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.installed ## install enfold, fit the default model to the bundled digits, and say where the report is
	$(BIN)/enfold fit

test: .venv/.installed-dev browser ## install what is missing, and run the tests and the examples in docstrings
	$(TESTS)

check: RUN = off
check: lint types architecture docs page ## check format, types, architecture, docs and the explorer's page

lint: .venv/.installed-dev ## check the format and the style of the code, and the line ends of every file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git --no-pager diff --check $(NOTHING)

types: .venv/.installed-dev ## check the types
	$(BIN)/pyright

architecture: .venv/.installed-dev ## check which module imports which, the sizes and the public names
	$(BIN)/python -m pytest tests/test_architecture.py

docs: .venv/.installed-dev ## build the documentation and run its tutorial: build/docs/docs/index.html
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -D nb_execution_mode=$(RUN) -c docs . build/docs

coverage: .venv/.installed-dev browser ## run the tests, and show which lines they reach: build/coverage/index.html
	$(TESTS) --cov --cov-report=term --cov-report=html

quality: .venv/.installed-bench ## measure the models on held-out digits, about five hours: benchmarks/QUALITY.md
	$(BIN)/python benchmarks/quality.py

bench: .venv/.installed-dev ## time enfold and its rivals side by side, about an hour: benchmarks/RESULTS.md
	$(BIN)/python benchmarks/bench.py

web: ## build the explorer's page from web/ into the Python package; needs Node
	$(BUILD)

page: ## test the explorer's page, and check that web/ builds it; needs Node
	@if ! command -v npm > /dev/null; then \
	  echo "npm is not installed: the explorer's page is not tested, nor compared with what web/ builds."; \
	else \
	  rm -rf build/page && mkdir -p build && cp -r $(PAGE) build/page && ($(BUILD)) && \
	  { diff -r build/page $(PAGE) || { echo "The explorer's page was not the one that web/ builds; it is now."; exit 1; }; } && \
	  cd web && npm test; \
	fi

browser:
	@if ! command -v chromium > /dev/null && ! command -v chromium-browser > /dev/null && \
	    ! command -v google-chrome > /dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq && \
	      DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium > /dev/null; then \
	    echo "Installed Chromium for the tests in a browser."; \
	  else \
	    echo "There is no Chromium, and it cannot be installed from here: the tests in a browser are skipped."; \
	  fi; \
	fi

format: .venv/.installed-dev ## fix format and style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hooks: .venv/.installed-dev ## have git check format, style and types before each commit
	$(BIN)/pre-commit install

clean: ## remove everything that was installed or built
	rm -rf .venv .venv-* .pytest_cache .ruff_cache .hypothesis build web/node_modules

.venv/pyvenv.cfg:
	$(PYTHON) -m venv .venv
	-$(PIP) --upgrade pip

.venv/.installed: .venv/pyvenv.cfg pyproject.toml constraints.txt
	$(PIP) --editable '.[explore]'
	touch $@

.venv/.installed-bench: .venv/.installed
	$(PIP) --editable '.[bench]'
	touch $@

.venv/.installed-dev: .venv/pyvenv.cfg pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch .venv/.installed $@
