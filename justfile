# The recipes that CI runs, and those that people run by hand. `tests/run` holds what each check does.

# Everything that CI runs.
all:
    tests/run

# Formatting.
fmt:
    tests/run fmt

# Lints, with warnings denied.
clippy:
    tests/run clippy production

# Documentation, with warnings denied.
doc:
    tests/run doc

# Unit, integration and golden-file tests.
test:
    tests/run test

# The tests that stand in the shipped policies; `test` runs them, too.
policy-test:
    cargo run --quiet --locked -- policy test policies

# The W3C XML suite through the gate.
conformance:
    tests/run conformance

# Each fuzz target for a moment.
fuzz-smoke:
    tests/run fuzz

# One fuzz target (bytes, chunks, edits, grammar) for as many seconds as one likes; new inputs stay below target/.
fuzz target seconds:
    fuzz/run {{target}} -max_total_time={{seconds}}

# That the gate's properties have teeth: 20 weakenings, each found within a minute.
weakenings:
    tests/run weakenings

# Licences, banned packages and where packages come from; needs cargo-deny, so `all` leaves it out.
deny:
    tests/run deny

# Faults put into the gate one by one, each of which a test must notice; needs cargo-mutants and takes half an hour.
mutants:
    tests/run mutants

# Known vulnerabilities in what we depend on; fetches the advisory database.
advisories:
    cargo deny check advisories

# Real clients and a real server, with Vestibule between.
peers:
    tests/run peers

# Only what the metadata policy allows leaves the process: the part of `peers` that takes a minute and no server.
canaries:
    cargo build --locked
    VESTIBULE_BIN={{justfile_directory()}}/target/debug/vestibule target/peers-venv/bin/pytest tests/peers/test_canaries.py tests/peers/test_dumps.py

# The Debian package, the units, the image and the chart.
packages:
    tests/run packages

# That the canaries have a voice: builds that leak, each found.
leaks:
    tests/run leaks

# The gate's instructions for each stanza, against the table in docs/performance.md.
instructions:
    tests/run instructions

# Every benchmark once.
bench-smoke:
    tests/run bench-smoke

# Speed and memory beside nginx, HAProxy and a bare pump.
side-by-side:
    benches/side_by_side/run

# The whole system on this machine.
demo:
    cargo run --locked --release -- demo
