# Shorthands; every one is a plain command that works without just.

# Show the whole life cycle on this machine.
demo:
    cargo run --release -- demo

# Everything that has to pass.
test:
    tests/run

# What CI does.
ci:
    .ci/run

# Figures of this machine, as in docs/figures.md.
bench *filter:
    cargo bench --bench rmm -- {{filter}}

# The static binary for servers.
dist:
    cargo dist

# Many more kills than the normal tests have.
kills count="3000":
    RMM_KILLS={{count}} cargo test --test it kill
