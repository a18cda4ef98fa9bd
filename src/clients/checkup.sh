# Looks at a host before RMM relies on it, and changes nothing there. Arguments: the directories of surfaces.
# Answers in lines of words between tabs, each behind a mark, since a login shell may talk as well.
exec 2>/dev/null

say() {
    printf 'rmm-checkup'
    for word; do
        printf '\t'
        printf '%s' "$word" | tr '\n\t\r' '   ' | cut -c 1-400 | tr -d '\n'
    done
    printf '\n'
}

have() { command -v "$1" >/dev/null; }

# A daemon that hangs must not hang the others.
bounded() { if have timeout; then timeout 10 "$@"; else "$@"; fi; }

# The lowest part of a path that exists.
existing() {
    path=$1
    while [ ! -e "$path" ] && [ ! -L "$path" ] && [ "$path" != / ]; do path=$(dirname "$path"); done
    printf '%s' "$path"
}

space() { say space "$1" "$(df -Pk "$2" | tail -n 1)"; }

say time "$(date -u +%s)"
say user "$(id -un || id -u)"

missing=
for tool in setsid mkfifo tail ln wc mkdir rm mv sleep; do have "$tool" || missing="$missing $tool"; done
say tools "${missing# }"

if have git; then say git found "$(git --version)"; else say git missing; fi

if have docker; then
    if answer=$(bounded docker version --format '{{.Server.Version}}' 2>&1); then
        say docker found "$answer"
    else
        say docker failed "$answer"
    fi
    if answer=$(bounded docker compose version 2>&1); then
        say compose found "$answer"
    else
        say compose failed "$answer"
    fi
else
    say docker missing
    say compose missing
fi

home=${HOME:-$(pwd)}
say home "$home"
space "$home" "$home"

for directory; do
    near=$(existing "$directory")
    if [ -d "$directory" ]; then
        if [ -w "$directory" ] && [ -x "$directory" ]; then state=writable; else state=readonly; fi
    elif [ "$near" = "$directory" ]; then
        state=file
    elif [ -d "$near" ] && [ -w "$near" ] && [ -x "$near" ]; then
        state=creatable
    else
        state=refused
    fi
    say directory "$directory" "$state" "$near"
    [ -d "$near" ] && space "$directory" "$near"
done
say end
