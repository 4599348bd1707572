# All that `make demo` and `make test` need is Python 3.11 or later.
# Another Python: make demo PYTHON=python3.12

PYTHON = python3
VENV = .venv
IN_VENV = $(VENV)/bin/python -m

.PHONY: demo test fast lint bench clean

demo: $(VENV)/demo.stamp
	$(IN_VENV) evolife train demo
	@echo "to look at it: $(VENV)/bin/tensorboard --logdir runs"

test: $(VENV)/dev.stamp
	$(IN_VENV) pytest -n 2 --dist loadfile --quick-compiles

fast: $(VENV)/dev.stamp
	$(IN_VENV) pytest -n 2 --dist loadfile -m fast

lint: $(VENV)/dev.stamp
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) mypy

bench: $(VENV)/bench.stamp
	$(VENV)/bin/python benchmarks/speed.py

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/demo.stamp: setup.cfg pyproject.toml $(VENV)/bin/pip
	$(IN_VENV) pip install --quiet --editable '.[mpi,envs]' tensorboard
	touch $@

$(VENV)/dev.stamp: setup.cfg pyproject.toml $(VENV)/bin/pip
	$(IN_VENV) pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/bench.stamp: setup.cfg pyproject.toml $(VENV)/bin/pip
	$(IN_VENV) pip install --quiet --editable '.[bench]'
	touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "evolife needs Python 3.11 or later; name one: make PYTHON=python3.12"; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu install"; \
	  echo "the package python3-venv, or name another: make PYTHON=python3.12"; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
