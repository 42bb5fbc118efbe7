# Everything here works on a fresh machine with Python (3.11 or newer) and make.
# The first run makes .venv; later runs use it again.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)
# A Python that was named is tried at once, also where .venv is there already.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
$(error autodiff-viz needs Python 3.11 or newer, and PYTHON=$(PYTHON) is none; name another, or leave it out)
endif
endif
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Every page is read anew: some are made from the code, and a warning must not pass the second time.
SPHINX := $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --fresh-env \
	--doctree-dir build/doctrees

.PHONY: help demo lab test browser-test devices-test thorough peers lint format hooks notebooks docs linkcheck build bench \
	gallery clean

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1|\2/' | \
		while IFS='|' read -r name text; do printf '  %-22s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.with-pictures,native ## the worked examples, then a network that learns to read digits
	$(BIN)/python -m autodiff demo --output demo

lab: $(VENV)/.with-notebooks ## open the notebooks in JupyterLab; OPTIONS=--no-browser only serves them
	@$(BIN)/jupyter trust notebooks/*.ipynb >/dev/null # or their pictures stay hidden until they are run
	exec $(BIN)/jupyter lab $$(test "$$(id -u)" != 0 || echo --allow-root) $(OPTIONS) notebooks

test: $(VENV)/.with-test ## run every test
	$(BIN)/python -m pytest -n auto --dist loadgroup -rs

browser-test: $(VENV)/.with-test,browser ## test pages and JupyterLab in Chromium (root on Debian: installs it)
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && \
		apt-get -qq install -y --no-install-recommends chromium; then :; \
	else echo "make: there is no Chromium, and the tests will be skipped;" \
		"install it: apt install chromium" >&2; fi
	$(BIN)/python -m pytest -m browser -rs

devices-test: $(VENV)/.with-test,jax ## test what runs by JAX, on eight virtual devices (350 MB)
	XLA_FLAGS=--xla_force_host_platform_device_count=8 JAX_ENABLE_X64=1 \
		$(BIN)/python -m pytest -m devices -n auto -rs

thorough: $(VENV)/.with-test ## the random tests with many more and larger examples (half an hour)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n auto --dist loadgroup -rs -m 'not peers'

peers: $(VENV)/.with-peers ## compare with PyTorch, JAX and autograd (installs them, about 3 GB)
	$(BIN)/python -m pytest -m peers -rs

lint: $(VENV)/.with-test ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.with-test ## bring the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks: $(VENV)/.with-test ## check style and types before every commit in this clone
	$(BIN)/pre-commit install

notebooks: $(VENV)/.with-test ## run the notebooks and keep what they show
	$(BIN)/python -m notebooks

docs: $(VENV)/.with-docs ## build the site, site/index.html; a warning is an error
	rm -rf site # pages of code that did not change would be left as they are
	$(SPHINX) -b html docs site
	@echo "built site/index.html"

linkcheck: $(VENV)/.with-docs ## ask every address that the site links to (needs a network)
	$(SPHINX) -b linkcheck docs build/linkcheck

build: $(VENV)/.with-test ## make the wheel and the source archive in dist/
	$(BIN)/python -m build

bench: $(VENV)/.with-bench ## measure speed beside micrograd, CasADi and what else is installed
	$(BIN)/python -m benchmarks eager
	$(BIN)/python -m benchmarks compiled
	$(BIN)/python -m benchmarks pictures

gallery: $(VENV)/.with-pictures ## draw docs/gallery/ again, with the pictures of the README
	$(BIN)/python -m docs.make_gallery

clean: ## remove what the commands above made
	rm -rf $(VENV) demo site build dist docs/notebooks *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One stamp per set of extras: it is made again when pyproject.toml changes.
$(VENV)/.with-%: pyproject.toml | $(VENV)/.made
	@echo "installing into $(VENV), with what '$*' needs (once)"
	@$(INSTALL) --editable '.[$*]'
	@touch $@

$(VENV)/.made:
	@if [ -z "$(PYTHON)" ]; then \
		echo "make: autodiff-viz needs Python 3.11 or newer, and found none;" \
			"install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "make: could not make $(VENV); on Debian: apt install python3-venv" >&2; exit 1; }
	@touch $@
