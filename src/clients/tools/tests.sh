# The words of the stories. There is a repository `origin` and a folder `place` that its versions are brought to.

export GIT_AUTHOR_NAME=ann GIT_AUTHOR_EMAIL=ann@x GIT_COMMITTER_NAME=ann GIT_COMMITTER_EMAIL=ann@x
export RMM_SERVICE=shop RMM_ENVIRONMENT=production
export GIT_CONFIG_NOSYSTEM=1
git config --global init.defaultBranch main
git config --global protocol.file.allow user
git init -q origin
origin=$PWD/origin place=place dirty=keep

upstream() { (cd origin && "$@"); }
# TAG [COMMANDS]: commits what the commands make, and a file that says the tag.
commit() {
    eval "${2-}"
    echo "$1" >version && git add -A 2>/dev/null && git commit -qm "$1" && git tag "$1"
}
tag() { (cd origin && commit "$@"); }
id() { git -C "$origin" rev-parse "$1^{commit}"; }

# Runs a function as a step does.
run() {
    words="$1"
    shift
    for word; do words="$words '$word'"; done
    $RMM_SHELL -c "$TOOLS$words" </dev/null
}
there() {
    run rmm_fetch "$PWD/$place" --from "$origin" --tag "$1" --commit "$(id "$1")" --dirty "$dirty" &&
        run rmm_verify_tag "$PWD/$place" --tag "$1" --commit "$(id "$1")" &&
        run rmm_checkout "$PWD/$place" --from "$origin" --tag "$1" --commit "$(id "$1")" --dirty "$dirty"
}
go() { commit=$(id "$1"); there "$1"; right; }
back() {
    commit=$(git -C place rev-parse -q --verify "$1^{commit}" 2>/dev/null || id "$1")
    run rmm_checkout "$PWD/$place" --from "$origin" --tag "$1" --commit "$commit" --back
    right
}
right() { test "$(git -C "$place" rev-parse HEAD)" = "$commit" || { echo "not at $commit"; exit 1; }; }

# FILE TEXT
has() { test "$(cat "$place/$1")" = "$2" || { echo "$1 has $(cat "$place/$1"), not $2"; exit 1; }; }
# FILE TEXT: some ref that was kept has this.
kept() {
    for ref in $(git -C "$place" for-each-ref --format='%(refname)' refs/rmm/kept); do
        test "$(git -C "$place" show "$ref:$1" 2>/dev/null)" != "$2" || return 0
    done
    echo "$1 was not kept" && exit 1
}
is() {
    wanted=$1 && shift
    found=$("$@") || exit
    test "$(echo $found)" = "$wanted" || { echo "$*: $found, not $wanted"; exit 1; }
}
says() {
    wanted=$1 && shift
    said=$("$@" 2>&1) || { printf '%s\n' "$said"; exit 1; }
    printf '%s\n' "$said" | grep -q -e "$wanted" || { echo "$said, not: $wanted"; exit 1; }
}
# No work by hand is found.
quiet() {
    said=$("$@" 2>&1) || { printf '%s\n' "$said"; exit 1; }
    case $said in *"by hand"*) echo "$said" && exit 1 ;; esac
}
fails() {
    wanted=$1 && shift
    case $1 in rmm_*) set -- run "$@" ;; esac
    ! said=$("$@" 2>&1) || { echo "$* does not fail: $said"; exit 1; }
    printf '%s\n' "$said" | tail -n 1 | grep -q -e "$wanted" || { echo "$said, not: $wanted"; exit 1; }
}
ends() {
    wanted=$1 && shift
    status=0
    run "$@" || status=$?
    test $status = "$wanted" || { echo "$*: status $status, not $wanted"; exit 1; }
}
