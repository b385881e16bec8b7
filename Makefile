# The everyday commands of this project. `make` alone lists them.

python ?= python3
port ?= 3000
# Without a redis-server some tests are skipped, so they reach fewer lines.
least := $(if $(OTP_REQUIRE_REDIS),99,0)
venv := .venv
ready := $(venv)/.ready
runnable := $(venv)/.runnable
# Each worker of pytest has its own Redis; `args="-n 0"` runs the tests in one process.
parallel := -n 2 --dist worksteal
# After `make test traced=1`, `make coverage continued=1` runs only the other tests.
pytest := $(venv)/bin/$(if $(traced),coverage run -m pytest,pytest)
covered := $(if $(continued),not (fault or unit or smoke),not fault)
# Without bytecode, each worker of each run compiles every file of the tests again.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

run: $(if $(wildcard $(ready)),$(ready),$(runnable))  ## serve on http://127.0.0.1:3000, codes on the console; or port=N
	@$(venv)/bin/otp-engine serve --dev --port $(port)

test: check  ## run the checks and the quick tests; or args="-k NAME"
	$(pytest) $(parallel) -m "unit or smoke" $(args)

test-all: check  ## run the checks, the quick tests and all end-to-end tests
	$(venv)/bin/pytest $(parallel) -m "not fault" $(args)

coverage: $(ready)  ## run the same tests, and measure which lines they reach
	$(if $(continued),,$(venv)/bin/coverage erase)
	$(venv)/bin/coverage run -m pytest $(parallel) -m "$(covered)" $(args)
	$(venv)/bin/coverage combine --quiet
	$(venv)/bin/coverage report --fail-under=$(least)

fault-tests: $(ready)  ## run the short form of the tests under faults and load
	$(venv)/bin/pytest $(parallel) tests/fault_injection $(args)

check: $(ready)  ## run the linters and the type checker
	$(venv)/bin/ruff format --check --quiet
	$(venv)/bin/ruff check --quiet
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports --no-logo --no-cache

trials: $(ready)  ## run them in full, and write docs/reliability.md; or only=NAME; seeds and compare as for drill
	$(venv)/bin/pytest tests/fault_injection --whole --report docs/reliability.md $(if $(compare),--compare) $(if $(seeds),--seeds "$(seeds)") $(if $(only),-k "$(only)")

drill: $(ready)  ## run a simulated day with each attack; or seeds=1,2,3 compare=1 only=NAME
	$(venv)/bin/pytest tests/fault_injection/test_pumping.py --whole --print $(if $(compare),--compare) $(if $(seeds),--seeds "$(seeds)") $(if $(only),-k "$(only)")

release-check: $(ready)  ## fail if a row of docs/reliability.md is of other code
	$(venv)/bin/python -m tests.fault_injection.evidence

fmt: $(ready)  ## format the code, and fix what the linter can fix
	$(venv)/bin/ruff format
	$(venv)/bin/ruff check --fix

walk: $(ready)  ## print the calls and files that one request goes through
	$(venv)/bin/python -m tests.walk

message-table: $(ready)  ## write the table of languages into docs/messages.md
	$(venv)/bin/python -m tests.message_table

chart: $(ready)  ## write the settings and the table of values into the Helm chart
	$(venv)/bin/python -m tests.chart_files

docs: $(ready)  ## build the documentation site into build/site
	NO_MKDOCS_2_WARNING=1 $(venv)/bin/mkdocs build --strict

docs-serve: $(ready)  ## serve the documentation site while its pages change; or port=N
	NO_MKDOCS_2_WARNING=1 $(venv)/bin/mkdocs serve --dev-addr 127.0.0.1:$(port)

pictures: $(ready)  ## take the pictures of the documents again
	OTP_PICTURES=1 $(venv)/bin/pytest -n 0 -m picture tests/e2e

bench: $(ready)  ## measure the service; or base=COMMIT, scale=1 only=PART, write=1
	$(venv)/bin/python -m tests.bench $(bench_options)

bench_options := $(if $(base),--base "$(base)") $(if $(rounds),--rounds $(rounds)) \
	$(if $(workers),--workers $(workers)) $(if $(scale),--scale) \
	$(if $(only),--only "$(only)") $(if $(write),--write docs/performance.md)

dist: $(ready)  ## build the wheels and source distributions of service and client into build/dist
	@rm -rf $(dist) && mkdir -p $(dist)
	@for source in . client; do SOURCE_DATE_EPOCH=$(epoch) $(venv)/bin/uv build --quiet \
		--offline --no-build-isolation --python $(venv)/bin/python --out-dir $(dist) $$source; done
	@cd $(dist) && rm -f .gitignore && for archive in *.tar.gz; do \
		folder=$${archive%.tar.gz} && tar -xzf $$archive && \
		tar --sort=name --mtime=@$(epoch) --owner=0 --group=0 --numeric-owner \
			--mode=u=rwX,go=rX -c $$folder | gzip -n >$$archive && rm -r $$folder; done
	@ls $(dist)

# Two builds of one commit are equal, byte for byte: setuptools does so for the wheel only.
dist := build/dist
epoch := $(or $(shell git log -1 --format=%ct 2>/dev/null),315532800)

sbom: $(ready)  ## write the components of the container image into build/sbom.cdx.json
	@mkdir -p build
	$(venv)/bin/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements \
		requirements-image.txt --output-reproducible --of JSON -o $(sbom)

sbom := build/sbom.cdx.json

image:  ## build the container image otp-engine
	docker build --tag otp-engine --build-arg REVISION=$(shell git rev-parse HEAD) \
		--build-arg VERSION=$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' otp_engine/__init__.py) .

lock:  ## pin the versions that setup.cfg allows
	$(venv)/bin/pip install --quiet uv
	$(venv)/bin/uv pip compile $(lock_options) setup.cfg -o requirements.txt
	$(venv)/bin/uv pip compile $(lock_options) --extra embedded setup.cfg -o requirements-image.txt
	$(venv)/bin/uv pip compile $(lock_options) --extra test setup.cfg -o requirements-dev.txt

lock_options := --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --custom-compile-command 'make lock'

# Without the packages of developers, the first start takes a third of the time.
$(runnable): requirements-image.txt
	@echo "Installing the pinned requirements-image.txt into $(venv), once; about 15 seconds."
	@$(python) -m venv $(venv)
	@$(venv)/bin/pip install --quiet --no-compile --require-hashes -r requirements-image.txt
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/bin/python" -m otp_engine "$$@"\n' \
		"$(CURDIR)" "$(CURDIR)/$(venv)" >$(venv)/bin/otp-engine
	@chmod +x $(venv)/bin/otp-engine
	@touch $(runnable)

$(ready): requirements-dev.txt setup.cfg pyproject.toml client/pyproject.toml
	@echo "Installing the pinned requirements-dev.txt into $(venv), once; about a minute."
	@$(python) -m venv $(venv)
	@$(venv)/bin/pip install --quiet --no-compile --require-hashes -r requirements-dev.txt
	@$(venv)/bin/pip install --quiet --no-deps --no-build-isolation -e . -e client
	@touch $(ready)

clean:  ## remove the files that these commands create
	rm -rf $(venv) build client/build *.egg-info client/*.egg-info .coverage* .hypothesis .*_cache

.PHONY: help run test test-all coverage fault-tests trials drill check chart fmt \
	release-check bench walk message-table docs docs-serve pictures dist sbom image lock clean
