# The project's commands. `make` alone lists them.
#
#   demo     build everything and show a retina a real photograph; leaves pictures in demo/
#   test     everything that must hold: style, lints, Rust tests, recorded numbers, documentation, Python tests
#   bench    speed of every operation, and of the retina beside the toolbox of 2018; appends to bench/record/
#            and writes the tables of docs/performance.md
#   soak     a million frames from a stream, spikes to disk; memory must stay flat
#   fuzz     the readers of Virtual Retina's files on random bytes, a minute each
#   golden   compare with recorded numbers: make golden DIR=folder
#   python   build the wheel and install it into .venv
#   wheels   build the wheels for x86-64 and aarch64 into dist/ (needs rustup)
#   book     build the user guide into book/: its code runs, its figures are drawn
#   fmt      format all sources
#   clean    remove what was built here
#
# Needed: Rust, Python 3.10 or newer (3.11 for the peers in `bench`), gcc, make. Everything else is installed on demand.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# One folder for everything that is built, shared by all clones on the machine.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/convis
export CARGO_TARGET_DIR ?= $(CACHE)/target
PYTHON ?= python3
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
PYTHON_SOURCES := $(shell find crates -name '*.rs' -o -name '*.py' -o -name '*.pyi' -o -name Cargo.toml -o -name pyproject.toml)

.PHONY: help demo test test-rust test-docs test-python bench soak fuzz golden python wheels book fmt clean

help:
	@sed -n 's/^#   //p' Makefile

demo:
	cargo run --release --quiet -p convis-cli -- demo --out demo

test: test-rust golden test-docs test-python
	@echo "make test: everything holds"

test-rust:
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --quiet -- -D warnings
	cargo test --release --workspace --exclude convis-python --quiet

golden:
	cargo test --release --quiet -p convis --test golden -- $(DIR)

# What is found beside the small corpus of the project is kept in the cache.
fuzz:
	export PATH="$(CACHE)/tools/bin:$$PATH" RUSTC_BOOTSTRAP=1 CONVIS_ONE_LEVEL=1
	export CARGO_TARGET_DIR="$(CACHE)/fuzz/target"
	command -v cargo-fuzz > /dev/null || cargo install --quiet --locked --root "$(CACHE)/tools" cargo-fuzz
	for reader in xml inr spk; do
	    mkdir -p "$(CACHE)/fuzz/$$reader"
	    cargo fuzz run "$$reader" "$(CACHE)/fuzz/$$reader" "fuzz/corpus/$$reader" -- \
	        -max_total_time=60 -max_len=4096 -malloc_limit_mb=256 -timeout=10 -dict=fuzz/names.dict -print_final_stats=1
	done

test-docs: book
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet

test-python: python
	$(VENV_PYTHON) -m pytest --quiet crates/convis-python/tests

bench: python
	cargo bench --quiet -p convis-kernels --bench operations --no-run
	$(PYTHON) bench/run.py --ours $(VENV_PYTHON) --micro "cargo bench --quiet -p convis-kernels --bench operations" $(ARGS)
	cargo bench --quiet -p convis --bench virtual_retina
	$(PYTHON) bench/page.py

# One wheel for each architecture serves every processor of it: vector instructions are chosen at run time. Zig links for
# glibc 2.17 and for the other architecture.
wheels: $(VENV)/requirements
	$(VENV_PYTHON) -m pip install --quiet ziglang
	for architecture in x86_64 aarch64; do
	    ! command -v rustup > /dev/null || rustup target add "$$architecture-unknown-linux-gnu"
	    PATH="$$PWD/$(VENV)/bin:$$PATH" $(VENV_PYTHON) -m maturin build --quiet --release --zig --out dist \
	        --target "$$architecture-unknown-linux-gnu" --compatibility manylinux2014 -m crates/convis-python/Cargo.toml
	done
	ls -l dist

soak: python
	$(VENV_PYTHON) bench/soak.py $(ARGS)

python: $(VENV)/installed

$(VENV)/requirements: crates/convis-python/requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV_PYTHON) -m pip install --quiet --upgrade pip
	$(VENV_PYTHON) -m pip install --quiet -r $<
	cp $< $@

$(VENV)/installed: $(VENV)/requirements $(PYTHON_SOURCES)
	rm -rf $(VENV)/wheels
	$(VENV)/bin/maturin build --release --quiet --manifest-path crates/convis-python/Cargo.toml \
	    --interpreter $(VENV_PYTHON) --out $(VENV)/wheels
	$(VENV_PYTHON) -m pip install --quiet --force-reinstall --no-deps $(VENV)/wheels/*.whl
	touch $@

book: $(VENV)/book-requirements
	cd docs/book && ../../$(VENV)/bin/mkdocs build --strict --quiet --site-dir ../../book

$(VENV)/book-requirements: docs/book/requirements-docs.txt $(VENV)/installed
	$(VENV_PYTHON) -m pip install --quiet -r $<
	cp $< $@

fmt:
	cargo fmt --all

clean:
	rm -rf $(VENV) demo book
	cargo clean
