# From a fresh clone: `make demo` makes a swapped clip, `make test` runs every check and test.
# Both set up what they need the first time, in the folder .venv, and nothing the second time.
#
# Options of the demonstration:  make demo ARGS="--minutes 5"
# In a browser:                 make studio
# Some benchmarks only:          make bench ARGS="floor train"
# Another Python than python3:   make demo PYTHON=python3.12

VENV := .venv
READY := $(VENV)/ready.stamp
READY_DEV := $(VENV)/ready-dev.stamp
READY_DOCS := $(VENV)/ready-docs.stamp
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

PYTHON ?=
ARGS ?=

.PHONY: demo studio test test-fast check tables docs bench gpu-bundle clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/facedouble demo $(ARGS)

# The demonstration's project in a browser.
studio: $(READY)
	@test -e demo/project.yaml || $(MAKE) demo
	$(BIN)/facedouble studio demo $(ARGS)

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --max-worker-restart=0

# Without training, processes and whatever else is slow: 136 seconds on two cores.
test-fast: $(READY_DEV)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --max-worker-restart=0 -m "not (training or subprocess or slow)"

# Measures this machine and writes benchmarks/results/ and the tables of benchmarks/README.md.
bench: $(READY)
	$(BIN)/python -m benchmarks.run $(ARGS)

# What a bare machine with a GPU lacks, in build/gpu/; docs/gpu.md says what to do with it there.
gpu-bundle: $(READY)
	$(BIN)/python scripts/gpu_bundle.py

# Writes the tables into the documents and the JSON Schemas of the settings; `make test` fails where they differ.
tables: $(READY)
	$(BIN)/python -m benchmarks.documents
	$(BIN)/python scripts/write_schemas.py

# The documentation as a site in build/site; fails on a broken link.
docs: $(READY_DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

check: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests benchmarks examples scripts
	$(BIN)/python -m benchmarks.documents --check

# The demonstration's results stay: they can be many minutes of training.
clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(READY): pyproject.toml scripts/install_torch.py
	@set -e; found=; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "facedouble needs Python 3.11 or later; install it, or name it: make demo PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "This Python cannot make environments. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv $(VENV)
	$(BIN)/python scripts/install_torch.py
	$(PIP) install -e '.[studio]'
	@touch $@

$(READY_DEV): $(READY)
	$(PIP) install -e '.[dev]'
	@touch $@

$(READY_DOCS): $(READY)
	$(PIP) install -e '.[docs]'
	@touch $@
