# make demo   sets everything up, fits the default model on the bundled digits and says where the report is
# make test   sets everything up and runs the tests
# make check  format, lint, types, architecture, the documentation without running its tutorial; with Node also the
#             explorer's page: its tests, and that web/ builds it
# make docs   builds the documentation, running its tutorial → build/docs/docs/index.html
# make web    builds the explorer's page from web/, with Node, into the Python package
# make quality  measures the models on held-out digits, about five hours → benchmarks/QUALITY.md
# make bench  times enfold beside its rivals, in environments of their own, about an hour → benchmarks/RESULTS.md
MAKEFLAGS += -j2
unexport PYTHONDONTWRITEBYTECODE # pip leaves modules uncompiled, and what is imported is compiled once
PYTHON ?= python3
BIN := .venv/bin
PAGE := src/enfold/explorer/static
RUN := force
PIP := .venv/bin/python -m pip install --quiet --no-compile --constraint constraints.txt
BUILD := cd web && npm ci && npm run build

.PHONY: demo test check lint types architecture docs quality bench web page browser format clean

demo: .venv/.installed
	$(BIN)/enfold fit

test: .venv/.installed-dev browser
	$(BIN)/python -m pytest -n 2 -rs tests

check: RUN = off
check: lint types architecture docs page

lint: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.installed-dev
	$(BIN)/pyright

architecture: .venv/.installed-dev
	$(BIN)/python -m pytest tests/test_architecture.py

docs: .venv/.installed-dev
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -D nb_execution_mode=$(RUN) -c docs . build/docs

quality: .venv/.installed-bench
	$(BIN)/python benchmarks/quality.py

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/bench.py

web:
	$(BUILD)

page:
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

format: .venv/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-* .pytest_cache .ruff_cache .hypothesis build web/node_modules

.venv/bin/python:
	$(PYTHON) -m venv .venv
	-$(PIP) --upgrade pip

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[explore]'
	touch $@

.venv/.installed-bench: .venv/.installed
	$(PIP) --editable '.[bench]'
	touch $@

.venv/.installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch .venv/.installed $@
