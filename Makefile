# Each target does its own set-up; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROTOS := $(wildcard meshcore/wire/*.proto)
SERVICES := $(filter-out meshcore/wire/common.proto,$(PROTOS))

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format types floors unit tui flows netns cluster-tools cluster pods peers fuzz house bench bench-cluster bench-readme images shots stubs crds clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## create .venv and install meshtui with its development tools

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --compile --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## start the demo mesh and open the terminal on it
	@$(BIN)/meshtui demo

test: $(STAMP) lint ## lint and run every test tier whose tools are here
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup tests/house tests/unit tests/tui
	@$(BIN)/python -m pytest -q tests/flows
	@$(BIN)/python -m pytest -q tests/netns
	@$(BIN)/python -m pytest -q tests/cluster/api
	@$(BIN)/python -m pytest -q tests/cluster/pods
	@$(BIN)/python -m pytest -q tests/fuzz
	@$(BIN)/python -m pytest -q tests/peers

lint: $(STAMP) ## formatting, style, import floors, stubs and types
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache --verbose > /tmp/lint-imports.$$$$ 2>&1 || { cat /tmp/lint-imports.$$$$; rm -f /tmp/lint-imports.$$$$; exit 1; }; rm -f /tmp/lint-imports.$$$$
	@$(BIN)/python -m tests.support.stubs --check
	@$(BIN)/python -m tests.support.crds --check
	@$(BIN)/mypy --no-error-summary

format: $(STAMP) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

floors: $(STAMP) ## import floors only
	@$(BIN)/lint-imports --no-cache

unit: $(STAMP) ## unit tests
	@$(BIN)/python -m pytest -q tests/unit

tui: $(STAMP) ## screens, by pilot and by picture
	@$(BIN)/python -m pytest -q tests/tui

flows: $(STAMP) ## real processes over loopback
	@$(BIN)/python -m pytest -q tests/flows

netns: $(STAMP) ## redirect and original destination in network namespaces of its own (root, iptables)
	@$(BIN)/python -m pytest -q tests/netns

cluster-tools: $(STAMP) ## build a Kubernetes from its Go module into ~/.cache/meshtui/kube (minutes, once)
	@$(BIN)/python -m tests.cluster.tools

cluster: $(STAMP) ## a real API server with its controllers (make cluster-tools)
	@$(BIN)/python -m pytest -q tests/cluster/api

pods: $(STAMP) ## real pods: containerd and kubelet in namespaces of their own (root, make cluster-tools)
	@$(BIN)/python -m pytest -q tests/cluster/pods

peers: $(STAMP) ## real servers, clients and conformance suites against sidecars (Debian packages, Go)
	@$(BIN)/python -m pytest -q tests/peers

fuzz: $(STAMP) ## random and guided bytes for the protocol engines, state machines, about two minutes: SECONDS_EACH=8
	@FUZZ_SECONDS=$(or $(SECONDS_EACH),8) $(BIN)/python -m pytest -q tests/fuzz

house: $(STAMP) ## tests of the repository itself
	@$(BIN)/python -m pytest -q tests/house

bench: $(STAMP) ## cost, latency and memory beside Envoy and HAProxy, and a cluster's, 18 min: ROWS=http1,tap,cluster ROUNDS=3 JSON=FILE
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@$(BIN)/python -m tests.bench --rows "$(ROWS)" --rounds "$(or $(ROUNDS),3)" $(if $(JSON),--json $(JSON))

bench-cluster: $(STAMP) ## endpoints to a thousand watchers in a cluster of 5,000 pods, 6 min: ROWS=spread,one PODS=5000 JSON=FILE
	@$(BIN)/python -m tests.bench.cluster --rows "$(ROWS)" --pods $(or $(PODS),5000) --nice $(or $(NICE),0) $(if $(JSON),--json $(JSON))

bench-readme: $(STAMP) ## write a result of make bench into the README: JSON=FILE
	@$(BIN)/python -m tests.bench --result "$(or $(JSON),$(error give JSON=FILE, as make bench wrote it))" --readme

images: $(STAMP) ## write our container images as files, without a daemon: INTO=dist
	@mkdir -p $(or $(INTO),dist)
	@$(BIN)/python -m deploy.images.build agents controller demo --into $(or $(INTO),dist)

shots: $(STAMP) ## write screenshots/*.svg from a recorded run of the demo
	@$(BIN)/python -m tests.support.shots

stubs: $(STAMP) ## write the Python stubs of the .proto files
	@$(BIN)/python -m tests.support.stubs

crds: $(STAMP) ## write the CustomResourceDefinitions of our kinds
	@$(BIN)/python -m tests.support.crds

clean: ## remove what the build made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
