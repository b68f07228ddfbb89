# The few commands that people type. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
LOCK := .venv-lock
RIVALS := .venv-bench
PIP := $(VENV)/bin/python -m pip install -qq --disable-pip-version-check
ENGINE := sh testbed/lab/engine.sh
# What tests compare with: readers of a backup, shells of administrators, keys.
PROGRAMS := bsdtar mtree tcsh fish gpg ssh-keygen
# On all cores; tests that share a lab stay together, and tests/conftest.py says what begins first.
SHARED := -n auto --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help status support rehearse rehearse-migration test test-unit test-lab explore exhaust planted lab lab-down bench docs lint lock \
	clean env

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

rehearse: $(STAMP) ## run the update on a lab as `inventory` describes it, and judge it; FROM=2.6.3 TO=2.6.5
	@$(ENGINE)
	@$(VENV)/bin/python -m testbed rehearse $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))

rehearse-migration: $(STAMP) ## lead a lab from DAOS 1.2 to 2.0, and compare all of its files
	@$(ENGINE)
	@$(VENV)/bin/python -m testbed rehearse-migration

test: $(STAMP) ## run all tests, those on a lab and in a browser included
	@$(ENGINE)
	@sh tests/programs.sh $(PROGRAMS) chromium
	@$(VENV)/bin/pytest $(SHARED)

test-unit: $(STAMP) ## run the tests that need neither a lab nor a browser
	@sh tests/programs.sh $(PROGRAMS)
	@$(VENV)/bin/pytest $(SHARED) -m "not lab and not browser"

test-lab: $(STAMP) ## run lab tests, T=EXPRESSION as pytest -k; KEEP=1: a failed test's lab stays up
	@$(ENGINE)
	@$(VENV)/bin/pytest -s -m lab $(if $(T),-k "$(T)") $(if $(KEEP),-x --keep-labs)

explore: $(STAMP) ## play updates that go wrong, CASES=, MINUTES=, SEED=; REPLAY=CASE V=1 tells one of them
	@$(VENV)/bin/python -m testbed.exploration $(if $(CASES),--cases $(CASES)) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(SEED),--seed $(SEED)) $(if $(V),-v) $(if $(REPLAY),--replay '$(REPLAY)')

exhaust: $(STAMP) ## play every single fault of an update and a way back; WHOLE=1: each to its end
	@$(VENV)/bin/python -m testbed.exploration --every $(if $(WHOLE),--whole)

planted: $(STAMP) ## have found what is wrong on purpose; WHAT=bugs or procedures; takes many minutes
	@$(VENV)/bin/python -m tests.exploration.planted $(WHAT)

lab: $(STAMP) ## start a lab that stays up, and say what to type next
	@$(ENGINE)
	@$(VENV)/bin/python -m testbed up

lab-down: $(STAMP) ## end the lab that stays up
	@$(VENV)/bin/python -m testbed down

status: $(STAMP) ## say how far the run is that somebody has typed in this folder
	@$(VENV)/bin/python -m operations.status

support: $(STAMP) ## pack log, report, settings, inventory and failed nodes' logs, without passwords
	@$(VENV)/bin/python -m operations.support

bench: $(STAMP) $(RIVALS)/.installed ## measure how fast it is, beside other ways; write bench/results.md
	@$(ENGINE)
	@$(VENV)/bin/python -m bench

docs: $(STAMP) ## write the tables in docs/ anew, out of the data that the tests use
	@$(VENV)/bin/python -m tests.documents

env: $(STAMP) ## make the Python environment in .venv, and nothing else

lint: $(STAMP) ## check style, types and which way imports run
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo pyproject.toml

# The hashes are those of all files that the index has of a release, not of the one that fits here.
lock: ## pin all that pyproject.toml brings in anew, in constraints.txt
	@$(PYTHON) -m venv --clear $(LOCK)
	@$(LOCK)/bin/python -m pip install -qq --disable-pip-version-check pip-tools==7.6.2
	@grep -v '^#' constraints.txt > $(LOCK)/pinned.txt || true
	@$(LOCK)/bin/pip-compile -q --extra dev --generate-hashes --allow-unsafe --strip-extras \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		-o $(LOCK)/pinned.txt pyproject.toml
	@sed -i '/^#/d; /^daos-offline-update @/d' $(LOCK)/pinned.txt
	@{ grep '^#' constraints.txt; cat $(LOCK)/pinned.txt; } > $(LOCK)/constraints.txt
	@cp $(LOCK)/constraints.txt constraints.txt
	@$(PYTHON) -c 'import tomllib; found = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*found["optional-dependencies"]["bench"])' > $(LOCK)/bench.in
	@$(LOCK)/bin/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o $(LOCK)/bench.txt $(LOCK)/bench.in
	@sed '/^#/d' $(LOCK)/bench.txt > bench/constraints.txt
	@rm -rf $(LOCK)

clean: ## end the lab and remove the environment and caches; reports in runs/ stay
	@if [ -e .lab/lab.json ] && [ -x $(VENV)/bin/python ]; then $(VENV)/bin/python -m testbed down; fi
	rm -rf $(VENV) $(RIVALS) .lab .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; name one by: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv is missing (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "making the Python environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --no-deps --only-binary :all: --require-hashes -r constraints.txt \
		|| { echo "constraints.txt: not all could be had as it is pinned, see CONTRIBUTING.md" >&2; exit 1; }
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m pip --disable-pip-version-check check >/dev/null \
		|| { $(VENV)/bin/python -m pip check >&2; exit 1; }
	@touch $@

# What this project is compared with has other wants; it gets an environment of its own.
$(RIVALS)/.installed: bench/constraints.txt
	@$(PYTHON) -m venv --clear $(RIVALS)
	@$(RIVALS)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --only-binary :all: \
		--require-hashes -r $<
	@touch $@
