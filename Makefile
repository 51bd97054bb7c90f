# make run      the mail server on its embedded default, in the foreground
# make test     format, lint, types, floors, then the whole suite
# make check    only format, lint, types, floors
# make bench    the benchmarks
# make schema   write mailserver/storage/schema.sql anew from the migrations
# make lock     write requirements.lock and requirements-dev.lock anew from pyproject.toml

SHELL := /bin/bash
BIN := .venv/bin
LOCKS := $(shell cat requirements.lock pyproject.toml | sha256sum | cut -c1-12)
DEV_LOCKS := $(shell cat requirements-dev.lock pyproject.toml | sha256sum | cut -c1-12)
# The environment is made again when a lock changes; the dev stamp stands for both.
RUNTIME := .venv/installed-$(LOCKS)
DEV := .venv/installed-dev-$(DEV_LOCKS)
UV ?= uv

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# One line that counts, instead of pip's many; on a terminal it moves.
PROGRESS := awk -v moves="$$(test -t 1 && echo 1)" ' \
	/^Collecting/ {n++; if (moves) {printf "\r  %d packages found", n; fflush()}} \
	/^Installing collected/ {printf "\r  %d packages found, installing them …", n; fflush()} \
	/^Successfully/ {print " done"}'

.PHONY: run test check bench schema lock
.DELETE_ON_ERROR:

run: $(RUNTIME)
	@exec $(BIN)/mailserver serve

test: check
	$(BIN)/python -m pytest -n logical --cov --cov-report=term

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV)
	$(BIN)/python -m benchmarks

schema: $(DEV)
	$(BIN)/python -m tests.support.schema

lock:
	$(UV) pip compile pyproject.toml $(LOCK_OPTIONS) -o requirements.lock
	$(UV) pip compile pyproject.toml $(LOCK_OPTIONS) --extra dev -c requirements.lock -o requirements-dev.lock
LOCK_OPTIONS := --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11

.venv/pyvenv.cfg:
	@python=; for candidate in python3.11 python3 python3.12 python3.13; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or later is needed and was not found (Debian: apt-get install python3)" >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python cannot make environments (Debian: apt-get install python3-venv)" >&2; exit 1; fi; \
	echo "making .venv with $$("$$python" --version), once …"; \
	"$$python" -m venv .venv || { rm -f $@; exit 1; }

$(RUNTIME): | .venv/pyvenv.cfg
	@if [ -n "$$(ls .venv/installed-dev-$(DEV_LOCKS) 2>/dev/null)" ]; then touch $@; else \
		$(call install,requirements.lock); fi

$(DEV): | .venv/pyvenv.cfg
	@$(call install,requirements-dev.lock)

# The lock is complete: pip resolves nothing, or a release newer than the lock might be asked for.
define install
set -o pipefail; echo "installing $(1) into .venv, once, about a minute …"; \
	rm -f .venv/installed-*; \
	$(PIP) install --require-hashes --no-deps -r $(1) | $(PROGRESS) && \
	$(PIP) install --quiet --no-deps --editable . && touch $@
endef
