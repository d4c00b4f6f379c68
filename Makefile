# Two commands always work from a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE ?= $(CURDIR)/.cache/evalgate
export EVALGATE_CACHE := $(CACHE)
export TOKENIZERS_PARALLELISM := false

.PHONY: help demo test test-full check format schemas clean
help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("EvalGate needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,dev]'
	@touch $@

demo: $(VENV)/.installed  ## the main job on a real model: a good dataset change, then a harmful one
	@$(BIN)/python -P bench/demo/demo.py

test: $(VENV)/.installed  ## the tests, real model and real workflow runs included
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -P -m pytest -m "not full"

test-full: $(VENV)/.installed  ## all tests, and the whole demo, twice, as one of them
	$(BIN)/python -P -m pytest

check: $(VENV)/.installed  ## what CI holds the code against: format, types, floors, workflows, schemas
	$(BIN)/ruff format --check evalgate tests bench
	$(BIN)/ruff check evalgate tests bench
	$(BIN)/mypy -p evalgate
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --persona=auditor action.yml .github/workflows
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --schemafile schemas/evalgate.yaml.schema.json evalgate.yaml

format: $(VENV)/.installed  ## put the code into shape
	$(BIN)/ruff format evalgate tests bench
	$(BIN)/ruff check --fix evalgate tests bench

schemas: $(VENV)/.installed  ## write schemas/ again
	$(BIN)/evalgate schemas

clean:  ## remove what was made here, the downloaded model too
	rm -rf $(VENV) .cache .demo runs
