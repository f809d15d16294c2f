# make demo   sets everything up, fits the default model on the bundled digits and says where the report is
# make test   sets everything up and runs the tests
# make check  format, lint, types and architecture
# make quality  measures the models and their rivals on held-out digits, about three hours → benchmarks/QUALITY.md
# make bench  times enfold beside its rivals, in environments of their own, about an hour → benchmarks/RESULTS.md
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check quality bench format clean

demo: .venv/.installed
	$(BIN)/enfold fit

test: .venv/.installed-dev
	$(BIN)/python -m pytest -n 2 tests

check: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/python -m pytest tests/test_architecture.py

quality: .venv/.installed-dev
	$(BIN)/python benchmarks/comparison.py
	$(BIN)/python benchmarks/quality.py

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/bench.py

format: .venv/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-* .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
