# Needs python 3.11 or newer, git and make; everything else goes into .venv.
#   make venv    create .venv and install, versions pinned in constraints.txt
#   make test    all tests           make test-fast   without those that train or need real time
#   make check   ruff and mypy       make format      let ruff rewrite
#   make demo    the whole path on the mock device, into runs/demo
#   make clean   remove .venv and caches; runs/ stays
# Another interpreter: make venv PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
DEMO_ARGS ?=
# each half of the tests stays in order on its core, so that the fixtures of a file are made once
PYTEST_ON_TWO_CORES := $(BIN)/python -m pytest -n 2 --dist worksteal

# one thread for small networks: see launch/main.py
export OMP_NUM_THREADS ?= 1

.PHONY: venv test test-fast check format demo clean

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
	  -c constraints.txt -e '.[train,dev,bench]'
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --prefer-binary \
	  -c constraints.txt -e '.[bullet]' \
	  || { echo "PyBullet cannot be installed here (it has no wheels from Python 3.12 on, and building it" \
	       "needs a compiler). All else works without: worlds are MuJoCo's. To have both engines:" \
	       "make clean venv PYTHON=python3.11"; }
	@touch $(STAMP)

# first all that other work cannot disturb, on two cores; then, alone, what is measured against the clock
test: $(STAMP)
	$(PYTEST_ON_TWO_CORES) -m "not realtime"
	$(BIN)/python -m pytest -m realtime

test-fast: $(STAMP)
	$(PYTEST_ON_TWO_CORES) -m "not slow and not realtime"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(STAMP)
	$(BIN)/robot-mbrl demo --out runs/demo $(DEMO_ARGS)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
