# The commands of the project; CONTRIBUTING.md tells more.
.PHONY: demo test check docs bench bench-check torture fuzz venv

# Nothing that runs here asks the instance metadata service for credentials.
export AWS_EC2_METADATA_DISABLED = true

# Most tests wait for servers, not for a core.
export RUST_TEST_THREADS = 6

PYTHON_PACKAGES = tests/requirements.txt tests/deploy-requirements.txt tests/axe-requirements.txt

demo:                    # the main job on embedded parts, from a fresh machine
	@scripts/prerequisites
	cargo run --quiet --locked -- demo

test: venv               # everything; also what CI runs
	cargo test --locked --workspace

check:                   # formatting, lints, docs and their links, licences, unused dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	python3 scripts/check-dependencies
	scripts/book --check

docs:                    # the pages of docs/ as a book in target/book; needs mdbook
	@command -v mdbook >/dev/null 2>&1 || { \
	    echo "mdbook is missing; install it with: cargo install --locked mdbook" >&2; exit 1; }
	scripts/book
	MDBOOK_BOOK__SRC=target/docs-src mdbook build

# For example BENCH='--only end-to-end --runs 3': then nothing but that.
BENCH =

# Only the section end-to-end runs Python.
ifneq ($(findstring end-to-end,$(BENCH))$(if $(findstring --only,$(BENCH)),,everything),)
bench: target/bench/venv/.complete
endif

bench:                   # the benchmarks and their report; needs an otherwise idle machine
	@scripts/prerequisites
	cargo build --locked --release -p veilstream
	cargo build --locked --release -p bench
	cargo run --quiet --locked --release -p bench -- $(BENCH)

# What the peers in Python are made with.
target/bench/venv/.complete: crates/bench/peers/requirements.txt
	@scripts/prerequisites bench
	rm -rf target/bench/venv
	python3 -m venv target/bench/venv
	target/bench/venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

bench-check:             # instructions of decoding and masking, against those recorded; RECORD=1 records
	@scripts/prerequisites bench-check
	cargo build --locked --release -p bench
	cargo run --quiet --locked --release -p bench --bin bench-check -- $(if $(RECORD),--record)

# For example TORTURE='--scenario fifo --seed 4711': then nothing but that.
TORTURE =

torture:                 # kills, crashes and faults in full measure; memory in an outage; fuzzing, in short
	@scripts/prerequisites tests
	cargo build --locked --release -p veilstream
	cargo run --quiet --locked --release -p torture -- $(TORTURE)
ifeq ($(strip $(TORTURE)),)
	cargo test --locked -p veilstream --test input outage_of_a_minute -- --ignored --nocapture
	$(MAKE) fuzz FUZZ_SECONDS=20
endif

FUZZ_SECONDS = 60

fuzz:                    # each fuzz target for a minute; needs cargo-fuzz and the nightly compiler
	@cargo +nightly fuzz --version >/dev/null 2>&1 || { \
	    echo "fuzzing takes the nightly compiler and cargo-fuzz: see CONTRIBUTING.md" >&2; exit 1; }
	for target in token value keyset event response configuration; do \
	    mkdir -p target/fuzz/corpus/$$target && \
	    cargo +nightly fuzz run --target-dir target/fuzz $$target target/fuzz/corpus/$$target fuzz/seeds/$$target \
	        -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

# moto, boto3 and the AWS CLI: other people's view of SQS, for the tests; and what they check pages and manifests with.
venv: target/venv/.complete

target/venv/.complete: $(PYTHON_PACKAGES)
	@scripts/prerequisites tests
	rm -rf target/venv
	python3 -m venv target/venv
	target/venv/bin/pip install --quiet --disable-pip-version-check \
	    -r tests/requirements.txt -r tests/deploy-requirements.txt
	target/venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/axe-requirements.txt
	touch $@
