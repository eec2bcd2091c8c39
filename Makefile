# Every recipe is one line; longer programs are in scripts/ and in the crates. `make help` prints the text after `##`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
CLUSTER_PROGRAM := scripts/program.sh cluster

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: packages
packages: ## install the system packages that are missing (Debian family)
	@scripts/install-packages.sh

.PHONY: up
up: packages ui ## start the local cluster with operator, staging and prod; CLUSTER=kind|local|current
	@$(CLUSTER_PROGRAM) up && $(CLUSTER_PROGRAM) deploy

.PHONY: down
down: ## remove the local cluster
	@$(CLUSTER_PROGRAM) down

.PHONY: cluster-status
cluster-status: ## show the state of every part of the cluster
	@$(CLUSTER_PROGRAM) status

.PHONY: logs
logs: ## show the end of the cluster's logs; PART=kubelet for one of them
	@$(CLUSTER_PROGRAM) logs $(PART)

.PHONY: demo-promote
demo-promote: ## build a visibly changed dialer image and promote it: staging, then prod
	@$(CLUSTER_PROGRAM) demo-promote

.PHONY: demo-data
demo-data: ## fill staging with 200 generated leads and a user; the password goes to target/cluster/demo-user.json
	@$(CLUSTER_PROGRAM) demo-data

.PHONY: ui
ui: ## build the dialer's UI, which its binary embeds
	@scripts/ui.sh build

.PHONY: build
build: ui ## compile the workspace
	@cargo build --workspace --all-targets --locked

.PHONY: images
images: ui ## build both images and push them to the local cluster's registry
	@$(CLUSTER_PROGRAM) images

.PHONY: crdgen
crdgen: ## write the CRDs, the chart's copies and docs/reference from the types
	@scripts/program.sh crdgen

.PHONY: generate
generate: crdgen ## write everything that is generated and committed
	@HELM=$(CURDIR)/scripts/helm.sh charts/render.sh && CONTRACT_WRITE=1 OPENAPI_WRITE=1 cargo test --quiet --workspace --test dialer-suite -- contract:: openapi::

.PHONY: tools
tools: ## build helm, kubectl and gitops-check into target/cluster/bin
	@$(CLUSTER_PROGRAM) tools

.PHONY: lint
lint: lint-rust lint-generated lint-gitops lint-ui ## check formatting, lints, licenses, generated files, chart, deploy/gitops and UI

.PHONY: lint-rust
lint-rust:
	@cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings && scripts/cargo-deny.sh --log-level error check bans licenses sources && scripts/no-aws-lc.sh

.PHONY: lint-generated
lint-generated:
	@scripts/program.sh crdgen --check && HELM=$(CURDIR)/scripts/helm.sh charts/render.sh --check

.PHONY: lint-gitops
lint-gitops:
	@scripts/gitops.sh

.PHONY: advisories
advisories: ## check the dependencies for published weaknesses; needs the network
	@scripts/cargo-deny.sh --log-level error check advisories

.PHONY: lint-ui
lint-ui:
	@scripts/ui.sh lint && scripts/ui.sh typecheck

.PHONY: test
test: packages lint test-unit e2e ## everything: lint, unit and UI tests, tests with real pods

.PHONY: test-unit
test-unit: ui ## tests that need no cluster
	@cargo test --workspace --locked --quiet && scripts/ui.sh test

.PHONY: e2e
e2e: packages ui ## tests with real pods, on a cluster of their own
	@cargo test --workspace --locked --test e2e -- --ignored --nocapture

.PHONY: fuzz
fuzz: packages ui ## fuzz the parsers of the dialer; FUZZ_SECONDS=60 each, FUZZ_SEED=1
	@scripts/fuzz.sh

.PHONY: test-long
test-long: packages ui fuzz ## fuzzing, then the tests with real pods that take minutes each, on a cluster of their own
	@E2E_LONG=1 cargo test --workspace --locked --test e2e -- --ignored --nocapture

.PHONY: bench
bench: ## measure the product in the cluster of make up, beside its limits and what it is compared with; OUTPUT=json
	@$(CLUSTER_PROGRAM) bench --output $(or $(OUTPUT),table)

.PHONY: bench-dialer
bench-dialer: ## measure the dialer beside Express and Fastify on MONGODB_TEST_URI, else on the cluster of make up; OUTPUT=json
	@scripts/bench-dialer.sh $(if $(filter json,$(OUTPUT)),--json)

.PHONY: clean
clean: down ## remove the cluster and everything that was built here
	@cargo clean && rm -rf dialer/ui/dist dialer/ui/node_modules dialer/bench/node/node_modules
