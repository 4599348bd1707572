# All that `make demo` and `make test` need is Python 3.11 or later.
# Another Python: make demo PYTHON=python3.12

PYTHON = python3
VENV = .venv
IN_VENV = $(VENV)/bin/python -m
PYTEST = $(IN_VENV) pytest -n 2 --dist loadfile

.PHONY: demo test test-all fast lint bench clean

demo: $(VENV)/demo.stamp
	$(IN_VENV) evolife train demo
	@echo "to look at it: $(VENV)/bin/tensorboard --logdir runs"

test: $(VENV)/dev.stamp
	$(PYTEST) --quick-compiles -m 'not slow'

# The fast ones as users compile them, all others once.
test-all: $(VENV)/dev.stamp fast
	$(PYTEST) --quick-compiles -m 'not fast'

# Other files may need what is not installed here.
fast: $(VENV)/fast.stamp
	$(PYTEST) -m fast $$(grep -rl --include='test_*.py' 'mark\.fast' tests)

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

$(VENV)/%.stamp: setup.cfg pyproject.toml $(VENV)/bin/pip
	$(IN_VENV) pip install --quiet --editable '.[$*]'
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
