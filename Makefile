# Two commands are all that a user needs: `make demo` and `make test`. Both set up .venv themselves.
PYTHON ?= python3
VENV := .venv
CORE := .venv-core
BIN := $(VENV)/bin
CHALLENGE := $(BIN)/challenge
TASKS := fodors-zagats icon-tag

.PHONY: demo test test-full test-core test-numeric docs picture bench fuzz torture clean

demo: $(VENV)/.baseline
	@echo "== 1 of 4: raw packages to tasks"
	$(CHALLENGE) convert $(TASKS) || [ $$? -eq 3 ]
	@echo "== 2 of 4: two simple methods"
	$(CHALLENGE) run majority --all --submit
	$(CHALLENGE) run linear --all --submit --threads 1
	@echo "== 3 of 4: the reference entry, AutoGluon, with the preset fast; 'challenge baseline --all' runs it in full"
	$(CHALLENGE) baseline --all --preset fast
	@echo "== 4 of 4: the leaderboard"
	$(CHALLENGE) leaderboard

test: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow" -n 2 --dist loadgroup

test-full: $(VENV)/.full test-core test-numeric
	$(BIN)/pytest -m slow -n 2 --dist loadfile

# The product without the baseline extra: newest pandas and pyarrow, no AutoGluon; the server needs
# an extra of its own. What does not depend on these versions is not tested again.
NOT_AGAIN := $(addprefix --ignore tests/,server ledger attack test_arrows.py test_prose.py test_docs.py \
  test_contributing.py test_other_systems.py methods/test_attacks.py prepare/test_bombs.py)
test-core: $(CORE)/.test
	$(CORE)/bin/pytest -m "not slow and not baseline" $(NOT_AGAIN) -n 2 --dist loadgroup

# No test may depend on the last digit of a sum: numpy's plain kernels, and one thread of BLAS.
NUMERIC := $(addprefix tests/,kinds scoring features methods/search \
  $(addprefix methods/test_,builtins.py choices.py inputs.py chosen_regression.py numbers.py) \
  $(addprefix prepare/test_,audit_tree.py ranks.py splits.py statistics.py) \
  $(addprefix board/test_,matrix.py standings_ledger.py standings_progress.py standings_task.py \
    standings_track.py ties.py)) $(addprefix challenge/,kinds scoring features methods board)
test-numeric: $(VENV)/.test
	features=$$($(BIN)/python -c 'from numpy._core import _multiarray_umath as m; print(*(f for f in m.__cpu_dispatch__ if m.__cpu_features__[f]))') \
	&& echo "without $$features" && NPY_DISABLE_CPU_FEATURES="$$features" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
	  $(BIN)/pytest -m "not slow" -n 2 --dist loadgroup $(NUMERIC)

# The pages of docs/ with a search, in docs/site/VERSION/; they open from the disk. Other versions stay.
docs: $(VENV)/.test
	$(BIN)/pip install --disable-pip-version-check -e ".[docs]"
	version=$$($(BIN)/python -c 'import challenge; print(challenge.__version__)') && \
	$(BIN)/sphinx-build -q -W --keep-going -c docs . docs/site/$$version
	$(BIN)/python -m docs.versions docs/site

# docs/board.png, from the entries of the ledger that is here; after `make demo`, for one.
picture: $(VENV)/.test
	$(CHALLENGE) leaderboard
	$(BIN)/python docs/screenshot.py

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.full
	$(BIN)/python -m tests.fuzz 600

torture: $(VENV)/.test
	$(BIN)/python -m tests.ledger.torture 1000
	$(BIN)/python -m tests.scoring.exits 1000
	$(BIN)/python -m tests.server.torture 500

clean:
	rm -rf $(VENV) $(CORE) .cache docs/site datasets/*/public datasets/*/private datasets/*/cache
	find leaderboard submissions -mindepth 1 -maxdepth 1 ! -name README.md ! -name .gitignore -exec rm -rf {} +

$(VENV)/.baseline: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v < (3, 14) else f"python {v[0]}.{v[1]} found; expected 3.10 to 3.13; fix: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --no-compile -e ".[baseline,excel]"
	@touch $@

$(VENV)/.test: $(VENV)/.baseline
	$(BIN)/pip install --disable-pip-version-check -e ".[baseline,excel,test]"
	@touch $@

$(VENV)/.full: $(VENV)/.test
	$(BIN)/pip install --disable-pip-version-check -e ".[full]"
	@touch $@

$(CORE)/.test: pyproject.toml
	$(PYTHON) -m venv $(CORE)
	$(CORE)/bin/pip install --disable-pip-version-check -e ".[excel,test]"
	@touch $@
