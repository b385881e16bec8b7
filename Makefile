# The commands of a day with this project. `make` alone lists them.

python ?= python3
port ?= 3000
# Without a redis-server some tests are skipped, and what they reach is not reached.
least := $(if $(OTP_REQUIRE_REDIS),99,0)
venv := .venv
ready := $(venv)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

run: $(ready)  ## serve on http://127.0.0.1:3000, codes on the console; or port=N
	@$(venv)/bin/otp-engine serve --dev --port $(port)

test: check  ## run the checks, then every test
	$(venv)/bin/coverage erase
	$(venv)/bin/coverage run -m pytest
	$(venv)/bin/coverage combine --quiet
	$(venv)/bin/coverage report --fail-under=$(least)

check: $(ready)  ## run the linters and the type checker
	$(venv)/bin/ruff format --check --quiet
	$(venv)/bin/ruff check --quiet
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports --no-logo --no-cache

trials: $(ready)  ## try the promises in full, and write docs/reliability.md; or only=NAME
	$(venv)/bin/pytest tests/trials --whole --report docs/reliability.md $(if $(only),-k "$(only)")

release-check: $(ready)  ## fail if a row of docs/reliability.md is of other code
	$(venv)/bin/python -m tests.trials.evidence

measure: $(ready)  ## print what a send and a check cost on this machine
	$(venv)/bin/python -m tests.measure

walk: $(ready)  ## print how many calls and files each request goes through
	$(venv)/bin/python -m tests.walk

lock:  ## pin what setup.cfg asks for
	$(venv)/bin/pip install --quiet uv
	$(venv)/bin/uv pip compile $(lock_options) setup.cfg -o requirements.txt
	$(venv)/bin/uv pip compile $(lock_options) --extra test setup.cfg -o requirements-dev.txt

lock_options := --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --custom-compile-command 'make lock'

$(ready): requirements-dev.txt setup.cfg pyproject.toml
	@echo "Installing what requirements-dev.txt pins into $(venv), once; some 40 seconds."
	@$(python) -m venv $(venv)
	@$(venv)/bin/pip install --quiet --no-compile --require-hashes -r requirements-dev.txt
	@$(venv)/bin/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(ready)

clean:  ## remove what these commands made
	rm -rf $(venv) build *.egg-info .coverage* .hypothesis .*_cache

.PHONY: help run test trials check release-check measure walk lock clean
