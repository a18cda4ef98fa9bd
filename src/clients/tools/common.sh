# Says something in the output of a step, marked as RMM's own words.
rmm_say() {
    printf 'rmm: %s\n' "$*"
}

# RMM reads this line: then there is nothing to take back.
rmm_tell_untouched() {
    [ -z "${rmm_untouched-}" ] || rmm_say "nothing was changed" >&2
}

# Ends the step with a sentence: what is wrong, and what to do.
rmm_fail() {
    rmm_tell_untouched
    rmm_say "$*" >&2
    exit 1
}

# Lets git trust the authorities whose certificates RMM has sent along, beside those that the machine trusts. Their file
# goes when the step ends.
rmm_ca() {
    [ -n "${RMM_CA_PEM:-}" ] || return 0
    rmm_ca_file=${TMPDIR:-/tmp}/rmm-ca.$$
    trap 'rm -f "$rmm_ca_file"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    (
        umask 077
        rm -f "$rmm_ca_file"
        set -C
        printf '%s\n' "$RMM_CA_PEM" >"$rmm_ca_file"
    ) || rmm_fail "the certificates of repository_ca cannot be written to $rmm_ca_file; look at the disk and at TMPDIR"
    for rmm_ca_more in "${GIT_SSL_CAINFO:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt \
        /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        [ -n "$rmm_ca_more" ] && [ -r "$rmm_ca_more" ] || continue
        cat "$rmm_ca_more" >>"$rmm_ca_file"
        break
    done
    GIT_SSL_CAINFO=$rmm_ca_file
    export GIT_SSL_CAINFO
    unset RMM_CA_PEM
}
