# Looks at a host before RMM relies on it, and leaves nothing there. Arguments: what is wanted of it (git, docker,
# directory=PATH, folder=PATH, look=NUMBER, repository=URL; files=PATH is where the files of steps go); RMM_CA_N holds the certificates for
# repository number N, RMM_LOOK_N the calls of RMM's own functions that a run begins with in place number N.
# Answers in lines of words between tabs, each behind a mark, since a login shell may talk as well.
exec 2>/dev/null

# No program is relied on before it is known to be there.
apart=$(printf '\n\t\r.')
apart=${apart%.}

# No more of each word. What RMM's own functions say is longer, and ends with what to do.
most=400
say() {
    printf 'rmm-checkup'
    for word; do
        (
            set -f
            IFS=$apart
            set -- $word
            IFS=' '
            printf "\t%.${most}s" "$*"
        )
    done
    printf '\n'
}

have() { command -v "$1" >/dev/null; }

# A daemon that hangs must not hang the others.
bounded() { if have timeout; then timeout 10 "$@"; else "$@"; fi; }

# The lowest part of a path that exists.
existing() {
    path=$1
    while [ ! -e "$path" ] && [ ! -L "$path" ]; do
        case $path in
            */*) path=${path%/*} path=${path:-/} ;;
            *) path=. ;;
        esac
    done
    printf '%s' "$path"
}

space() { say space "$1" "$(df -Pk "$2" | tail -n 1)"; }

say time "$(date -u +%s)"
say user "$(id -un || id -u || printf '%s' "${USER-}")"
say home "${HOME-}" "${GIT_CONFIG_GLOBAL-}"

# What RMM's scripts call there.
missing=
need() {
    for tool; do
        case " $missing " in
            *" $tool "*) ;;
            *) have "$tool" || missing="$missing $tool" ;;
        esac
    done
}
need setsid mkfifo tail dd cat ln wc mkdir rmdir rm mv chmod sleep
for wanted; do
    case $wanted in
        git) need cut find grep id sed sort ;;
        docker) need cksum cut grep ls sed sort tr uniq xargs ;;
    esac
done
say tools "${missing# }"

with_git() {
    if have git; then say git found "$(git --version)"; else say git missing; fi
}

with_docker() {
    if ! have docker; then
        say docker missing
        say compose missing
        return
    fi
    if answer=$(bounded docker version --format '{{.Server.Version}}' 2>&1); then
        say docker found "$answer"
    else
        say docker failed "$answer"
        # A daemon that hangs is not asked again.
        case $answer in *ermission\ denied*) ;; *) rmm_docker= ;; esac
    fi
    if answer=$(bounded docker compose version 2>&1); then
        say compose found "$answer"
    else
        say compose failed "$answer"
    fi
}

home=${HOME:-$(pwd)}
say home "$home"
space "$home" "$home"

# Where the files of steps will be: whether what RMM needs can be made there. Nothing is left.
files=$home/.rmm
for wanted; do
    case $wanted in files=*) files=${wanted#*=} ;; esac
done
base=$(existing "$files")
try=$base/.rmm-check.$$
if [ ! -d "$base" ]; then
    say run-files unfit "$base" 'it is no directory'
elif answer=$( { mkdir "$try" && mkfifo "$try/fifo" && : >"$try/file" && ln "$try/file" "$try/link"; } 2>&1); then
    say run-files fit "$base"
else
    say run-files unfit "$base" "$answer"
fi
[ ! -d "$try" ] || rm -rf "$try"

# PATH NEAR: a path past all symbolic links, as far as it is there.
real() {
    past=$(cd -P -- "$2" && pwd -P) || past=$2
    printf '%s%s' "${past%/}" "${1#"${2%/}"}"
}

with_directory() {
    directory=$1
    near=$(existing "$directory")
    if [ -d "$directory" ]; then
        if [ -w "$directory" ] && [ -x "$directory" ]; then state=writable; else state=readonly; fi
        ! have git || rmm_git_may "$directory" || state=foreign
    elif [ -L "$directory" ] && [ ! -e "$directory" ]; then
        state=dangling
    elif [ "$near" = "$directory" ]; then
        state=file
    elif [ -d "$near" ] && [ -w "$near" ] && [ -x "$near" ]; then
        state=creatable
    else
        state=refused
    fi
    say directory "$directory" "$state" "$near" "$(real "$directory" "$near")"
    [ -d "$near" ] && space "$directory" "$near"
}

# Where commands run in what is there already.
with_folder() {
    near=$(existing "$1")
    if [ -d "$1" ] && [ -x "$1" ]; then state=there; else state=absent; fi
    say directory "$1" "$state" "$near" "$(real "$1" "$near")"
    space "$1" "$near"
}

# What a run looks at before it touches anything.
with_look() {
    looks=$((looks + 1))
    eval "calls=\${RMM_LOOK_$looks-}"
    [ -z "$missing" ] || return
    most=4000
    if answer=$( (eval "$calls") 2>&1 </dev/null); then say look "$1" fit "$answer"; else say look "$1" refused "$answer"; fi
    most=400
}

# As a step does it: without any prompt.
with_repository() {
    have git || return
    number=$((number + 1))
    eval "pem=\${RMM_CA_$number-}"
    ca=
    if [ -n "$pem" ]; then
        ca=${TMPDIR:-/tmp}/rmm-check-ca.$$
        (umask 077 && rm -f "$ca" && set -C && printf '%s\n' "$pem" >"$ca")
    fi
    alone=
    have setsid && alone=setsid
    if answer=$(
        [ -z "$ca" ] || export GIT_SSL_CAINFO="$ca"
        export GIT_TERMINAL_PROMPT=0 LC_ALL=C
        bounded $alone git ls-remote --quiet -- "$1" HEAD 2>&1 </dev/null
    ); then
        say repository "$1" found
    else
        status=$?
        [ -n "$answer" ] || [ $status != 124 ] || answer='it did not answer within 10 s'
        say repository "$1" failed "$answer"
    fi
    [ -z "$ca" ] || rm -f "$ca"
}

number=0 looks=0
for wanted; do
    case $wanted in
        git) with_git ;;
        docker) with_docker ;;
        directory=*) with_directory "${wanted#*=}" ;;
        folder=*) with_folder "${wanted#*=}" ;;
        look=*) with_look "${wanted#*=}" ;;
        repository=*) with_repository "${wanted#*=}" ;;
    esac
done
say end
