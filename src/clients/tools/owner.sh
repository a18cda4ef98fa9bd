# Whose a folder is: the user whose git may work there, and the service and environment that hold it.

# TEXT: whether git has refused because of an owner.
rmm_is_about_owner() {
    case $1 in *"dubious ownership"* | *"unsafe repository"*) ;; *) return 1 ;; esac
}

rmm_check_owner() {
    ! rmm_is_about_owner "$rmm_error" || rmm_refuse_owner
}

# TEXT: as the shell must be given it.
rmm_quoted() {
    case $1 in
    *[!A-Za-z0-9_/.:@%+,-]* | '') printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
    esac
}

# FOLDER: what lets the git of this user trust it, whatever home the system knows for the user.
rmm_trust() {
    printf 'sudo -u %s env HOME=%s ' "$(rmm_user)" "$(rmm_quoted "${HOME-/}")"
    [ -z "${GIT_CONFIG_GLOBAL-}" ] || printf 'GIT_CONFIG_GLOBAL=%s ' "$(rmm_quoted "$GIT_CONFIG_GLOBAL")"
    printf 'git config --global --add safe.directory %s' "$(rmm_quoted "$1")"
}

# TEXT: why git could not read the release's repository, and what to do where its owner is the reason.
rmm_why() {
    rmm_last_line "$1"
    rmm_is_about_owner "$1" || return 0
    rmm_x=$(printf '%s\n' "$1" | sed -n "s/.*repository at '\(.*\)'.*/\1/p" | sed 1q)
    printf '%s' ". It belongs to another user than $(rmm_user), who runs the steps; let that user's git trust it:" \
        " \`$(rmm_trust "${rmm_x:-${rmm_shown#file://}}")\`"
}

rmm_refuse_owner() {
    rmm_x="as root: \`chown -R $(rmm_user) $(rmm_quoted "$(pwd -P)")\`, or \`$(rmm_trust "$(pwd -P)")\`"
    # What is the machine's is given to no user.
    case $rmm_dir in
    /boot/* | /etc/* | /run/* | /usr/* | /var/lib | /var/lib/docker* | */.ssh) rmm_x= ;;
    /*/?*) ;;
    *) rmm_x= ;;
    esac
    rmm_fail "$rmm_dir belongs to another user than $(rmm_user), and git refuses to work there; ${rmm_x:-change \`directory\`}"
}

# FOLDER: whether git works there, or will once it is a clone: it takes no orders about what belongs to another user. The
# commands of the service meet the same rule, so nothing gets around it here.
rmm_git_may() {
    (
        unset GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR
        cd -P -- "$1" 2>/dev/null || exit 0
        if [ -e .git ]; then
            rmm_x=$(LC_ALL=C git rev-parse --git-dir 2>&1)
            ! rmm_is_about_owner "$rmm_x" || exit 1
            exit 0
        fi
        [ ! -O . ] || exit 0
        rmm_x=$(pwd -P)
        # No settings of a repository have a say in it.
        cd /
        git config --path --get-all safe.directory 2>/dev/null | {
            rmm_found=1
            while IFS= read -r rmm_line; do
                case $rmm_line in
                '') rmm_found=1 ;;
                '*' | "$rmm_x") rmm_found=0 ;;
                */'*') case $rmm_x in "${rmm_line%'*'}"*) rmm_found=0 ;; esac ;;
                esac
            done
            exit "$rmm_found"
        }
    )
}

# Removes a mark that says nothing. Another step may have made a good one of it meanwhile: that goes back.
rmm_drop_bad_mark() {
    [ -e "$1" ] || return 0
    [ ! -f "$1" ] || [ ! -s "$1" ] || return 0
    mv "$1" "$1.was.$$" 2>/dev/null
    [ ! -f "$1.was.$$" ] || [ ! -s "$1.was.$$" ] || ln "$1.was.$$" "$1" 2>/dev/null
    rm -rf "$1.was.$$"
}

# Only one service and environment may use a folder. The first one to come holds it.
rmm_claim() {
    [ -n "${RMM_SERVICE-}" ] || return 0
    rmm_me="${RMM_NAME_ON_HOSTS:-$RMM_SERVICE} $RMM_ENVIRONMENT"
    rmm_holder=
    { read -r rmm_holder <"$rmm_gitdir/rmm-place"; } 2>/dev/null
    if [ -z "$rmm_holder" ]; then
        # A link appears with its content, for one of them only. An empty file is what a power failure left.
        rmm_drop_bad_mark "$rmm_gitdir/rmm-place"
        { printf '%s\n' "$rmm_me" >"$rmm_gitdir/rmm-place.$$" && ln "$rmm_gitdir/rmm-place.$$" "$rmm_gitdir/rmm-place"; } 2>/dev/null
        rm -f "$rmm_gitdir/rmm-place.$$"
        { read -r rmm_holder <"$rmm_gitdir/rmm-place"; } 2>/dev/null
    fi
    if [ -z "$rmm_holder" ]; then
        [ -n "$rmm_back" ] || rmm_fail "the folder $rmm_dir cannot be marked as that of $RMM_SERVICE on $RMM_ENVIRONMENT: $rmm_gitdir/rmm-place cannot be written; look whether the disk is full"
        return 0
    fi
    rmm_refuse_holder
}

# Ends the step where another service holds the folder.
rmm_refuse_holder() {
    [ -z "$rmm_holder" ] || [ "$rmm_holder" = "$rmm_me" ] ||
        rmm_fail "the folder $rmm_dir is held by ${rmm_holder% *} on ${rmm_holder##* }, so ${rmm_me% *} on ${rmm_me##* } must not use it; give each a \`directory\` of its own; if ${rmm_holder% *} was renamed, \`was = \"${rmm_holder% *}\"\` carries its history over; if the folder is to be handed over, delete $rmm_dir/.git/rmm-place"
}

# FOLDER SERVICE ENVIRONMENT: whether they may use a folder. Changes nothing.
rmm_meet_holder() {
    rmm_dir=$1 rmm_me="$2 $3"
    rmm_gitdir=$(cd -P -- "$rmm_dir" 2>/dev/null && [ -e .git ] && git rev-parse --absolute-git-dir 2>/dev/null) || return 0
    rmm_holder=
    { read -r rmm_holder <"$rmm_gitdir/rmm-place"; } 2>/dev/null
    rmm_refuse_holder
}
