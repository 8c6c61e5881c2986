# Two commands do all set-up: `make demo` and `make test`. Everything is installed into .venv; nothing outside is touched
# but the model store (~/.cache/codeact, or CODEACT_HOME).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

TASK := "Load ice_cream.csv. Fit a scikit-learn LinearRegression that predicts sales_usd from temperature_c. Save a scatter \
plot with the fitted line as fit.png. Report the slope and the RMSE (square root of sklearn.metrics.mean_squared_error)."

.PHONY: demo test test-containers test-ray fuzz check format bench leaks time-outs clean
.DELETE_ON_ERROR:

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codeact needs Python 3.11 or later, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev --constraint constraints.txt
	touch $@

demo: $(VENV)/.ready
	$(BIN)/codeact run --model local:qwen2.5-coder-1.5b --file examples/data/ice_cream.csv --expect fit.png $(OUT) $(TASK)

# Two workers, a file on one of them; then, with the machine to itself, what runs a real language model: llama.cpp all
# but stands still where it has to share its cores. Plain `pytest` runs everything in one process.
WORKERS ?= 2
LEFT_OUT := not slow and not containers and not ray

test: $(VENV)/.ready
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m '$(LEFT_OUT) and not model'
	$(BIN)/python -m pytest -m '$(LEFT_OUT) and model'

# The same tests with a hundred times the examples, for minutes or hours: what hostile peers may send.
fuzz: $(VENV)/.ready
	$(BIN)/python -m pytest tests/sandbox/test_fuzz.py --hypothesis-profile=fuzz --timeout=0
# Real containers, and the contract suite in them: needs root, Podman and runc (scripts/install_podman.sh); minutes.
test-containers: $(VENV)/.ready
	$(BIN)/python -m pytest -m containers tests/sandbox

# Jobs over a real Ray cluster of this machine, one with a worker that is killed. Ray gives its own processes 15 seconds to
# start, whatever the load, so this is no part of `make test`.
test-ray: $(VENV)/.ready
	$(BIN)/python -m pytest -m ray tests/cli

check: $(VENV)/.ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks $(BENCH)

# What 1,000 sessions, and a host that is killed, leave behind: nothing. Shows the counts.
leaks: $(VENV)/.ready
	$(BIN)/python -m pytest tests/sandbox/test_leaks.py -m '' -rP --durations=5

# That `run` is back within three seconds of its time limit, whatever the code does. Wants a machine to itself.
time-outs: $(VENV)/.ready
	$(BIN)/python -m pytest tests/sandbox/test_time_outs.py -m slow -rP

format: $(VENV)/.ready
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache .import_linter_cache
