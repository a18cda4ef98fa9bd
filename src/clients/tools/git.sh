# Git on a host: a folder that is made a checkout, and what a release needs fetched into it.
#
# All of RMM's own refs lie in refs/rmm, where nothing from elsewhere can be in their way:
#   refs/rmm/tag            what the release's tag points at in the repository
#   refs/rmm/commits/ID     the commits fetched last, so that git's clean-up leaves them for a rollback
#   refs/rmm/checked-out    what RMM checked out last
#   refs/rmm/kept/TIME-ID   work that was done by hand, set aside before a checkout
# Files of its own in the clone's git directory: rmm-place (who holds the folder), rmm-unfinished (the commit of a
# checkout that has begun), rmm-aside (untracked files that a version has replaced), rmm-work (lists, for one step),
# rmm-spare (room for a rollback on a full disk), rmm-damaged-TIME (what a clone held that could not be mended).

# Reads the words of the plan: DIR [--from URL] [--tag TAG] [--commit ID] [--dirty keep|refuse] [--back].
rmm_git_begin() {
    git --version >/dev/null || {
        rmm_status=$?
        rmm_tell_untouched
        if [ "$rmm_status" -eq 127 ]; then
            rmm_say "git was not found on this host; install it, or put it into the PATH of the step" >&2
        else
            # The last line of a step is its reason: git says it once more.
            git --version >/dev/null
        fi
        exit "$rmm_status"
    }
    # Nothing may lead git to another repository, wait for input, or speak another language.
    unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR \
        GIT_NAMESPACE GIT_PREFIX GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_REPLACE_REF_BASE GIT_QUARANTINE_PATH \
        GIT_ATTR_SOURCE GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_CONFIG \
        GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_TEMPLATE_DIR GIT_DEFAULT_HASH GIT_DEFAULT_REF_FORMAT GIT_LFS_SKIP_SMUDGE \
        GIT_TRACE GIT_REF_PARANOIA GIT_DISCOVERY_ACROSS_FILESYSTEM CDPATH
    export LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
    export GIT_AUTHOR_NAME=RMM GIT_AUTHOR_EMAIL=rmm@localhost GIT_COMMITTER_NAME=RMM GIT_COMMITTER_EMAIL=rmm@localhost
    unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE
    if [ -z "${GIT_SSH_COMMAND-}${GIT_SSH-}" ] && [ -z "$(git config --get core.sshCommand 2>/dev/null)" ]; then
        export GIT_SSH_COMMAND="ssh -o BatchMode=yes"
    fi
    rmm_lfs=$(command -v git-lfs 2>/dev/null)
    rmm_nl='
'
    rmm_tab=$(printf '\t')
    rmm_dir=$1 rmm_url='' rmm_tag='' rmm_commit='' rmm_dirty=keep rmm_back='' rmm_renewed=''
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --from) rmm_url=$2 && shift ;;
        --tag) rmm_tag=$2 && shift ;;
        --commit) rmm_commit=$2 && shift ;;
        --dirty) rmm_dirty=$2 && shift ;;
        --back) rmm_back=1 ;;
        esac
        shift
    done
    case $rmm_url in
    -*) rmm_fail "$rmm_url is no address of a repository; change \`repository\` of the service" ;;
    ./* | ../* | . | ..) rmm_url=$PWD/$rmm_url ;;
    [!/]*) [ ! -e "$rmm_url" ] || rmm_url=$PWD/$rmm_url ;;
    esac
    # Without what it says of the user.
    rmm_shown=$rmm_url
    case $rmm_url in *://*@*) rmm_shown=${rmm_url%%://*}://${rmm_url#*@} ;; esac
}

# Git without what users' configuration could change of it.
rmm_git() {
    set -- -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.sparseCheckout=false -c core.autocrlf=false \
        -c core.safecrlf=false -c core.quotePath=false -c core.bare=false -c submodule.recurse=false \
        -c advice.detachedHead=false -c gc.auto=0 -c maintenance.auto=false -c fetch.recurseSubmodules=false \
        -c diff.ignoreSubmodules=none -c color.ui=false "$@"
    if [ -n "$rmm_lfs" ]; then
        git -c filter.lfs.clean="git-lfs clean -- %f" -c filter.lfs.smudge="git-lfs smudge -- %f" \
            -c filter.lfs.process="git-lfs filter-process" -c filter.lfs.required=true "$@"
    else
        # Where git is set up for it and the program is missing, the pointers are told from files afterwards.
        git -c filter.lfs.clean= -c filter.lfs.smudge= -c filter.lfs.process= -c filter.lfs.required=false "$@"
    fi
}

# The user that the step runs as.
rmm_user() {
    id -un 2>/dev/null || printf '%s' "${USER:-of this step}"
}

# The line of a text that says most.
rmm_last_line() {
    rmm_x=
    while IFS= read -r rmm_line; do
        case $rmm_line in
        "fatal: Could not read from remote repository.") ;;
        fatal:* | error:*)
            rmm_x=$rmm_line
            break
            ;;
        *[!\ ]*) rmm_x=$rmm_line ;;
        esac
    done <<RMM_TEXT
$1
RMM_TEXT
    printf '%s' "${rmm_x:-git ended without a word}"
}

# Goes into the folder, makes it a repository where it is none yet, and makes sure that it is ours to use.
rmm_open() {
    if [ ! -d "$rmm_dir" ]; then
        [ ! -L "$rmm_dir" ] || [ -e "$rmm_dir" ] ||
            rmm_fail "$rmm_dir is a symbolic link that leads to no folder; make the folder that it names, or change \`directory\`"
        if [ -e "$rmm_dir" ]; then
            rmm_fail "$rmm_dir is not a folder, so nothing can be checked out there; move it away, or change \`directory\`"
        fi
        rmm_error=$(mkdir -p -- "$rmm_dir" 2>&1) ||
            rmm_fail "the folder $rmm_dir cannot be made (${rmm_error##*: }); make it, and give it to the user $(rmm_user)"
    fi
    cd -P -- "$rmm_dir" 2>/dev/null && [ -w . ] ||
        rmm_fail "the folder $rmm_dir cannot be written by the user $(rmm_user); give it to that user"
    # A repository further up is not RMM's.
    GIT_CEILING_DIRECTORIES=$(cd -P .. && pwd)
    export GIT_CEILING_DIRECTORIES
    rmm_mend_config
    if ! rmm_error=$(rmm_git rev-parse --git-dir 2>&1); then
        rmm_check_owner
        rmm_git_may . || rmm_refuse_owner
        rmm_make_repository
        rmm_error=$(rmm_git rev-parse --git-dir 2>&1) || {
            rmm_check_owner
            rmm_fail "$rmm_dir cannot be made a git repository: $(rmm_last_line "$rmm_error")"
        }
    fi
    rmm_gitdir=$(rmm_git rev-parse --git-dir)
    if [ -d .git ] && { [ -n "$(rmm_git rev-parse --show-cdup)" ] || rmm_git config --local core.worktree >/dev/null; }; then
        rmm_git config --local --unset-all core.worktree
    fi
    rmm_claim
    rmm_remove_locks
    rmm_mend_clone
}

# Makes a repository around the files that are there, and completes one that was not made wholly.
rmm_make_repository() {
    rmm_old=
    if [ ! -d .git ] && { [ -e .git ] || [ -L .git ]; }; then
        rmm_old=$(rmm_new_damaged .git)
        rmm_say "$rmm_dir/.git leads to no repository (${rmm_error##*: }); it is now $rmm_old, in a clone that begins anew"
        mv -f .git .git.rmm-damaged || rmm_cannot_write
    elif [ -d .git ]; then
        rmm_say "$rmm_dir/.git is not whole; it is completed"
        rm -f .git/*.lock
        grep -q -e '^ref: refs/' -e '^[0-9a-f]\{40,64\}$' .git/HEAD 2>/dev/null || rm -rf .git/HEAD
        # Only where it is this repository's own settings, not the user's.
        rmm_x=$(GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git rev-parse --git-dir 2>&1 >/dev/null)
        case $rmm_x in *config*) mv -f .git/config .git/config.broken 2>/dev/null ;; esac
    fi
    set -- --quiet --template=
    [ "${#rmm_commit}" -ne 64 ] || set -- "$@" --object-format=sha256
    rmm_error=$(git init "$@" . 2>&1) || {
        rmm_check_owner
        rmm_fail "$rmm_dir cannot be made a git repository: $(rmm_last_line "$rmm_error")"
    }
    [ -z "$rmm_old" ] || mv -f .git.rmm-damaged "$rmm_old"
    # What was checked out is known, if only the note of it was lost.
    rmm_git rev-parse --quiet --verify HEAD >/dev/null ||
        rmm_x=$(rmm_git rev-parse --quiet --verify refs/rmm/checked-out^0) &&
        rmm_git update-ref --no-deref HEAD "$rmm_x" 2>/dev/null
    return 0
}

# A git that was killed leaves its locks. RMM holds the folder and its step before is over, so no process holds them, unless
# a person works here by hand.
rmm_remove_locks() {
    rmm_x=$(find "$rmm_gitdir" "$(rmm_git rev-parse --git-common-dir)" -name rmm-aside -prune -o -type f \
        \( -name '*.lock' -o -path '*/objects/*/tmp_*' \) -print 2>/dev/null)
    [ -n "$rmm_x" ] || return 0
    rmm_n=0
    while rmm_find_git; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -le 30 ] ||
            rmm_fail "git is at work in $rmm_dir (process $rmm_pid) and does not end; end it, then try again"
        sleep 1
    done
    while IFS= read -r rmm_line; do
        [ -e "$rmm_line" ] || continue
        rm -f -- "$rmm_line" || rmm_fail "the lock $rmm_dir/$rmm_line of a git that is gone cannot be removed; remove it, then try again"
        case $rmm_line in *.lock) rmm_say "removed the lock $rmm_line, which a git that is gone has left" ;; esac
    done <<RMM_TEXT
$rmm_x
RMM_TEXT
}

# Whether some git works in this folder: its number is in rmm_pid.
rmm_find_git() {
    for rmm_pid in /proc/[0-9]*; do
        { read -r rmm_line <"$rmm_pid/comm"; } 2>/dev/null || continue
        case $rmm_line in
        git | git-*) ;;
        *) continue ;;
        esac
        [ "$rmm_pid/cwd" -ef . ] || continue
        rmm_pid=${rmm_pid#/proc/}
        return 0
    done
    return 1
}

# The clone asks where the service's definition says.
rmm_set_remote() {
    rmm_x=$(rmm_git config --get-all remote.origin.url)
    [ -n "$rmm_url" ] || rmm_url=$rmm_x rmm_shown=$rmm_x
    [ -n "$rmm_url" ] || rmm_fail "$rmm_dir is not a git checkout, and the service has no \`repository\`; give it one"
    [ "$rmm_x" = "$rmm_url" ] || rmm_error=$(rmm_git config --replace-all remote.origin.url "$rmm_url" 2>&1) ||
        rmm_fail "the address of the repository cannot be noted in $rmm_dir/.git: $(rmm_last_line "$rmm_error")"
    # A clone with history keeps it; any other holds no more than its versions.
    rmm_depth=
    if [ "$(rmm_git rev-parse --is-shallow-repository)" = true ] || ! rmm_git rev-parse --quiet --verify HEAD^0 >/dev/null; then
        rmm_depth=--depth=1
    fi
}

rmm_has_commit() {
    rmm_git cat-file -e "$rmm_commit^{tree}" 2>/dev/null
}

# The id of an annotated tag itself stands for the commit that it points at.
rmm_peel_commit() {
    rmm_peeled=$(rmm_git rev-parse --verify --quiet "$rmm_commit^{commit}") && rmm_commit=$rmm_peeled
}

# OPTIONS… REFSPEC…: fetches what they name and nothing else. What git said is in rmm_error.
rmm_fetch_refs() {
    rmm_try_fetch "$@" && return
    rmm_is_damaged && rmm_renew_clone && rmm_try_fetch "$@"
}

rmm_try_fetch() {
    rmm_error=$(rmm_git fetch --quiet --force --no-tags --no-recurse-submodules --update-shallow --refmap= "$@" 2>&1)
}

# Brings the release's tag to refs/rmm/tag, whatever it points at. Fails when it is not there (rmm_gone is set), or when
# the repository does not answer.
rmm_bring_tag() {
    rmm_gone=
    [ -n "$rmm_tag" ] || return 1
    rmm_x="+refs/tags/$rmm_tag:refs/rmm/tag"
    # shellcheck disable=SC2086
    rmm_fetch_refs $rmm_depth origin "$rmm_x" && return
    case $rmm_error in *"find remote ref"*)
        rmm_gone=1
        return 1
        ;;
    esac
    # The listing tells a server that cannot do what was asked for from one that does not answer.
    rmm_list=$(rmm_git ls-remote --quiet origin "refs/tags/$rmm_tag" 2>/dev/null) || return 1
    if [ -z "$rmm_list" ]; then
        rmm_gone=1
        return 1
    fi
    [ -n "$rmm_depth" ] && rmm_fetch_refs origin "$rmm_x" && return
    # What is there in parts may be what is in the way.
    rmm_fetch_refs --refetch origin "$rmm_x"
}

# Brings the commit: by its id, then with everything that has a name.
rmm_bring_commit() {
    rmm_has_commit && return
    # shellcheck disable=SC2086
    rmm_fetch_refs $rmm_depth origin "+$rmm_commit:refs/rmm/fetched" && rmm_has_commit && return
    rmm_git ls-remote --quiet origin HEAD >/dev/null 2>&1 || return 1
    [ -z "$rmm_depth" ] || { rmm_fetch_refs origin "+$rmm_commit:refs/rmm/fetched" && rmm_has_commit && return; }
    rmm_say "the repository gives no single commit, so all of its branches and tags are fetched"
    rmm_kept_error=$rmm_error
    rmm_fetch_refs --prune origin "+refs/heads/*:refs/rmm/all/heads/*" "+refs/tags/*:refs/rmm/all/tags/*" &&
        rmm_error=$rmm_kept_error
    rmm_has_commit && rmm_found=0 || rmm_found=1
    [ "$rmm_found" -ne 0 ] || rmm_hold_commit
    rmm_git for-each-ref --format='delete %(refname)' refs/rmm/all refs/rmm/fetched | rmm_git update-ref --stdin
    return "$rmm_found"
}

# The fetched commit survives git's clean-up; so do the fifty fetched before.
rmm_hold_commit() {
    rmm_git update-ref "refs/rmm/commits/$rmm_commit" "$rmm_commit" 2>/dev/null
    rmm_n=0
    rmm_git for-each-ref --sort=-creatordate --format='%(refname)' refs/rmm/commits | while read -r rmm_line; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -le 50 ] || [ "$rmm_line" = "refs/rmm/commits/$rmm_commit" ] || echo "delete $rmm_line"
    done | rmm_git update-ref --stdin
}

# The release's own tag is there for the service's commands, as it is in the repository.
rmm_set_tag() {
    if [ -n "$rmm_gone" ]; then
        rmm_git update-ref -d "refs/tags/$rmm_tag" 2>/dev/null
        return
    fi
    # A tag `a` and a tag `a/b` cannot both be there, so an old one in the way is gone from the repository.
    rmm_x=${rmm_tag%/*}
    while [ "$rmm_x" != "$rmm_tag" ]; do
        rmm_git update-ref -d "refs/tags/$rmm_x" 2>/dev/null
        [ "$rmm_x" != "${rmm_x%/*}" ] || break
        rmm_x=${rmm_x%/*}
    done
    rmm_git for-each-ref --format='delete %(refname)' "refs/tags/$rmm_tag/" | rmm_git update-ref --stdin
    rmm_error=$(rmm_git update-ref "refs/tags/$rmm_tag" refs/rmm/tag 2>&1) ||
        rmm_fail "the tag $rmm_tag cannot be set in $rmm_dir/.git: $(rmm_last_line "$rmm_error")"
}

# DIR --from URL [--tag TAG] --commit ID [--dirty keep|refuse]: brings the release's objects, and says what its checkout
# will meet. A tag that has moved or is gone is for the next step to judge.
rmm_fetch() {
    rmm_git_begin "$@"
    rmm_open
    rmm_set_remote
    if rmm_bring_tag || [ -n "$rmm_gone" ]; then
        rmm_set_tag
    elif [ -n "$rmm_tag" ]; then
        rmm_fail "the repository $rmm_shown could not be read: $(rmm_why "$rmm_error")"
    fi
    if ! rmm_bring_commit; then
        [ -z "$rmm_tag" ] ||
            { rmm_say "the commit $rmm_commit is not to be had from $rmm_shown: $(rmm_last_line "$rmm_error")" && return; }
        rmm_fail "the commit $rmm_commit is not to be had from $rmm_shown: $(rmm_last_line "$rmm_error")"
    fi
    rmm_hold_commit
    rmm_git -c gc.autoDetach=false -c gc.auto=6700 gc --auto --quiet 2>/dev/null
    rmm_look
    rmm_refuse_work
    rmm_spare_room
    rmm_tell_damaged
    rmm_done
}

# DIR --tag TAG --commit ID: whether the tag that was just fetched still stands for the release.
rmm_verify_tag() {
    rmm_git_begin "$@"
    cd -- "$rmm_dir" || exit
    rmm_x=$(rmm_git rev-parse --verify --quiet "refs/tags/$rmm_tag^{commit}")
    rmm_peel_commit
    [ "$rmm_x" != "$rmm_commit" ] || return 0
    if [ -z "$rmm_x" ]; then
        echo "tag $rmm_tag is gone from the repository, where it pointed at $rmm_commit" >&2
        exit 87
    fi
    echo "tag $rmm_tag points at $rmm_x, not at $rmm_commit" >&2
    exit 86
}
