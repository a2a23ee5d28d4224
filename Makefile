# Every task a person runs. CI runs the same targets.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
CARGO ?= cargo
export CARGO

.PHONY: help run demo worker test lint lint-api lint-dependencies fmt api-docs api-baseline build release smoke clients bench fuzz-build fuzz need-cargo

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: need-cargo ## Start the service with a demo tenant; prints the commands to try it
	@scripts/run

demo: need-cargo ## Post a few calls to the running service and print the leads
	@"$$(CARGO_TERM_QUIET=true scripts/build-bins leadcapture-example)/leadcapture-example"

worker: need-cargo ## Claim what is due from the running service, print the messages and report them as sent
	@"$$(CARGO_TERM_QUIET=true scripts/build-bins leadcapture-example)/leadcapture-example" worker

test: need-cargo ## Run every test, on SQLite and on a private PostgreSQL
	@scripts/with-postgres $(CARGO) test --workspace --locked

lint: need-cargo lint-api lint-dependencies ## Check formatting, lints, the API and the dependencies, without changing anything
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --manifest-path webhook/fuzz/Cargo.toml --check
	@$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	@$(CARGO) run --quiet --locked --package leadcapture-proto --example api_reference -- --check

lint-api:
	@scripts/check-api

lint-dependencies: need-cargo
	@scripts/check-dependencies

api-docs: need-cargo ## Write docs/api.md from the comments in proto/
	@$(CARGO) run --quiet --locked --package leadcapture-proto --example api_reference

api-baseline: ## On a release: make the present API the one that later changes must not break
	@scripts/buf build --exclude-source-info -o proto/released/leadcapture.v1.binpb

fmt: need-cargo ## Format the code
	@$(CARGO) fmt --all
	@$(CARGO) fmt --manifest-path webhook/fuzz/Cargo.toml

build: need-cargo ## Build everything for development
	@$(CARGO) build --workspace --locked

release: need-cargo ## Build the optimised binaries into target/release
	@$(CARGO) build --workspace --locked --release

smoke: need-cargo ## Try `make run` and `make demo` as a new user would, on other ports
	@scripts/smoke

clients: need-cargo ## Generate, check and run the example clients against a live server, and compare what they print
	@scripts/clients

bench: need-cargo ## Measure RecordCall on PostgreSQL, with pgbench and the same statements beside it
	@scripts/bench

fuzz-build: need-cargo ## Build the fuzz targets of the webhook (needs a C++ compiler)
	@scripts/fuzz build

fuzz: need-cargo ## Run each fuzz target of the webhook for a minute
	@scripts/fuzz run

need-cargo:
	@command -v $(CARGO) >/dev/null || { \
	  echo "cargo was not found. Install Rust $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer (see rustup.rs), open a new terminal and try again." >&2; \
	  exit 1; }
