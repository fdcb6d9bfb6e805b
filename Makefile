# `make app` and `make test` do everything: environment, install, run. A second call starts at once.
PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
# Shells export a HOST of their own: only `make app HOST=...` counts.
HOST   := 127.0.0.1
PORT   ?= 8501
# Processes that share the tests out; 0 for none: make test PROCESSES=0 ARGS=tests/core
PROCESSES ?= 2
# A small PyTorch without GPU support: make app TORCH=cpu. Empty: the platform's own.
TORCH  ?=
# The versions that were tested. The newest that pyproject.toml allows: make app LOCK=
LOCK   ?= requirements.lock
EXTRAS := $(VENV)-extras
INSTALL = $(PY) -m uv pip install --quiet --python
LOCKED  = $(if $(TORCH),--torch-backend $(TORCH)) $(if $(LOCK),--constraint $(LOCK))

.PHONY: app test slow extras docs space lint format lock clean help

help:            ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/  -/'

app: $(VENV)/.app ## install if needed, then open the dashboard
	@PROXPROP_PORT_HINT='make app PORT=' $(VENV)/bin/proxprop serve --host $(HOST) --port $(PORT)

test: lint ## install if needed, then run every check and test that is not marked slow
	$(PY) -m pytest -m "not slow and not extras" -n $(PROCESSES) --dist worksteal $(ARGS)

slow: $(VENV)/.test ## run the tests marked slow: kills, full disks, real images
	$(PY) -m pytest -m slow $(ARGS)

extras: $(EXTRAS)/.all ## install every extra beside, and test what needs one
	PROXPROP_REQUIRE_EXTRAS=1 $(EXTRAS)/bin/python -m pytest -m "not slow and not browser" \
		tests/integrations tests/optimizers tests/spec tests/runs/test_trackers.py \
		tests/test_code_blocks.py tests/test_site.py tests/test_notebook.py $(ARGS)

docs: $(EXTRAS)/.all ## build the documentation into site/, strictly, and check its links
	$(EXTRAS)/bin/zensical build --clean --strict

lint: $(VENV)/.test ## style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/vulture
	$(VENV)/bin/oxlint app/web tests/web

format: $(VENV)/.test ## rewrite the code in the project's style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

space: $(VENV)/.test ## put a folder for a Hugging Face Space into build/space
	rm -rf build/space && mkdir -p build/space
	cp hosting/space/* requirements.lock build/space
	$(PY) -m hatchling build -t wheel -d build/space

lock: $(VENV)/.venv ## renew the versions that are installed
	sed -n '/^#/p' requirements.lock > requirements.lock.new
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url requirements.txt >> requirements.lock.new
	mv requirements.lock.new requirements.lock

clean: ## remove the environments and caches
	rm -rf $(VENV) $(EXTRAS) build site .pytest_cache .mypy_cache .ruff_cache *.egg-info

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "ProxProp needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is missing:" \
		"install it (Debian, Ubuntu: apt install python3-venv), then make again"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip uv
	@touch $@

$(VENV)/.app: $(VENV)/.venv pyproject.toml requirements.txt $(LOCK)
	@echo "Installing PyTorch and the dashboard: up to 3 GB, once (make TORCH=cpu ... : 0.5 GB)"
	$(INSTALL) $(PY) $(LOCKED) -r requirements.txt
	$(INSTALL) $(PY) --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.app
	$(INSTALL) $(PY) $(LOCKED) --editable '.[test]'
	@touch $@

# The same PyTorch; the rest is the newest that all extras agree on.
$(EXTRAS)/.all: $(VENV)/.test
	$(PY) -m uv venv --quiet --allow-existing --seed --python $(PY) $(EXTRAS)
	$(PY) -m uv pip freeze --quiet --python $(PY) | grep '^torch' > $(EXTRAS)/torch.txt
	$(INSTALL) $(EXTRAS)/bin/python $(if $(TORCH),--torch-backend $(TORCH)) \
		--constraint $(EXTRAS)/torch.txt --editable '.[test,all,docs]'
	@touch $@
