# Says something in the output of a step, marked as RMM's own words.
rmm_say() {
    printf 'rmm: %s\n' "$*"
}

# Ends the step with a sentence: what is wrong, and what to do.
rmm_fail() {
    rmm_say "$*" >&2
    exit 1
}
