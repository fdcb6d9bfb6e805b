# `make app` and `make test` do everything: environment, install, run. A second call starts at once.
PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
HOST   ?= 127.0.0.1
PORT   ?= 8501

.PHONY: app test lint format clean help

help:            ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/  -/'

app: $(VENV)/.app ## install if needed, then open the dashboard
	$(VENV)/bin/proxprop serve --host $(HOST) --port $(PORT)

test: lint ## install if needed, then run every check and test
	$(PY) -m pytest $(ARGS)

lint: $(VENV)/.test ## style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/vulture
	$(VENV)/bin/oxlint app/web tests/web

format: $(VENV)/.test ## rewrite the code in the project's style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "ProxProp needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.app: $(VENV)/.venv pyproject.toml requirements.txt
	$(PY) -m pip install --quiet -r requirements.txt
	$(PY) -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.app
	$(PY) -m pip install --quiet --editable '.[test]'
	@touch $@
