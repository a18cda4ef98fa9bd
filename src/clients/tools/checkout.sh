# Git on a host: the folder holds a commit, whatever was in it, and the commit is there afterwards.

# An index that is broken, or that hides changes from git (skip-worktree, assume-unchanged), is made anew.
rmm_mend_index() {
    rmm_now=$(rmm_head)
    if [ -s "$rmm_gitdir/index" ] && rmm_x=$(rmm_git ls-files -v 2>/dev/null); then
        case "$rmm_nl$rmm_x" in
        *"$rmm_nl"[a-zS]" "*) ;;
        *) return 0 ;;
        esac
    elif rmm_git rev-parse --quiet --verify HEAD^0 >/dev/null; then
        rmm_say "the list of tracked files in $rmm_dir/.git (index) is broken or gone; it is made anew"
    fi
    rm -rf "$rmm_gitdir/index"
    rmm_git read-tree "$rmm_now" 2>/dev/null
}

# Whether the commit is what the folder holds. Writes nothing, so that a full disk cannot be in the way.
rmm_is_there() {
    rmm_now=$(rmm_git rev-parse --quiet --verify HEAD^0)
    [ "$rmm_now" = "$rmm_commit" ] && rmm_x=$(rmm_git ls-files -v 2>/dev/null) || return 1
    case "$rmm_nl$rmm_x" in *"$rmm_nl"[a-zS]" "*) return 1 ;; esac
    [ -z "$(rmm_changes 2>&1)" ] && [ -z "$(rmm_wrong_submodules)" ] && [ -z "$(rmm_pointers)" ] || return 1
    rmm_take_debris "$rmm_commit"
}

# DIR --from URL [--tag TAG] --commit ID [--dirty keep|refuse] [--back]: the folder holds the commit afterwards, or the
# step fails with a sentence. On the way back nothing that can be mended is a reason to fail.
rmm_checkout() {
    rmm_untouched=1
    rmm_git_begin "$@"
    rmm_open
    [ -z "$rmm_back" ] || rmm_tell_room . "$PWD"
    rmm_peel_commit
    if rmm_is_there; then
        rm -f "$rmm_gitdir/rmm-unfinished"
        rmm_say "$rmm_commit is checked out already, and nothing differs from it"
        # A checkout that did not end may have made way for files of a version that never came.
        rmm_put_back
        return 0
    fi
    if ! rmm_has_commit; then
        rmm_set_remote
        ! rmm_bring_tag || rmm_set_tag
        rmm_bring_commit ||
            rmm_fail "the commit $rmm_commit is not in $rmm_dir and cannot be fetched from $rmm_shown: $(rmm_last_line "$rmm_error")"
        rmm_peel_commit
    fi
    rmm_look
    [ -z "$rmm_begun" ] || rmm_untouched=
    rmm_refuse_work
    rmm_before=$rmm_now
    rmm_mixed=$rmm_begun$rmm_hand rmm_untouched=
    rmm_set_aside
    rmm_note_begun
    rmm_leave_submodules
    rmm_switch
    rmm_bring_submodules
    rmm_bring_large_files
    rmm_check_tree
    rmm_git update-ref refs/rmm/checked-out "$rmm_commit"
    rmm_put_back
    rm -f "$rmm_gitdir/rmm-unfinished"
    rmm_done
}

# A checkout that does not end leaves a note of what it was about to bring. One that cannot be written stops no way back.
rmm_note_begun() {
    { printf '%s\n' "$rmm_commit" >"$rmm_gitdir/rmm-unfinished.new" && mv -f "$rmm_gitdir/rmm-unfinished.new" "$rmm_gitdir/rmm-unfinished"; } 2>/dev/null ||
        [ -n "$rmm_back" ] || rmm_cannot_write
}

rmm_switch() {
    # Large files come afterwards, where it is told apart whether they can be had.
    export GIT_LFS_SKIP_SMUDGE=1
    rmm_error=$(rmm_git checkout --quiet --force --no-guess --detach "$rmm_commit" -- 2>&1) && unset GIT_LFS_SKIP_SMUDGE && return
    printf '%s\n' "$rmm_error" >&2
    # Objects that a power failure has emptied are fetched once more.
    case $rmm_error in
    *"is empty"* | *corrupt* | *"unable to read"* | *"bad object"* | *"missing blob"*)
        rmm_set_remote
        find "$rmm_gitdir/objects" -type f -size 0 -exec rm -f -- {} + 2>/dev/null
        # shellcheck disable=SC2086
        rmm_fetch_refs --refetch $rmm_depth origin "+${rmm_tag:+refs/tags/}${rmm_tag:-$rmm_commit}:refs/rmm/fetched" &&
            rmm_error=$(rmm_git checkout --quiet --force --no-guess --detach "$rmm_commit" -- 2>&1) && unset GIT_LFS_SKIP_SMUDGE && return
        ;;
    esac
    unset GIT_LFS_SKIP_SMUDGE
    # Git fails at a file that it cannot replace, also where the file is the commit's already.
    if rmm_files_are_there && rmm_git update-ref --no-deref HEAD "$rmm_commit" && rmm_git read-tree "$rmm_commit"; then
        rmm_say "git could not write, but every file is that of $rmm_commit already"
        return 0
    fi
    case $rmm_error in
    *"No space left"* | *"uota exceeded"* | *"unable to write"* | *"Out of diskspace"*) rmm_x=$(rmm_why_full) ;;
    *) rmm_x= ;;
    esac
    rmm_x="$rmm_commit cannot be checked out in $rmm_dir: $(rmm_last_line "$rmm_error")$rmm_x"
    if rmm_is_as_it_was; then
        rmm_untouched=1
        rm -f "$rmm_gitdir/rmm-unfinished"
    fi
    rmm_fail "$rmm_x"
}

# Whether the folder is as it was before git failed to bring the commit.
rmm_is_as_it_was() {
    [ -z "$rmm_mixed" ] && rmm_now=$rmm_before && [ "$(rmm_head)" = "$rmm_before" ] && [ -z "$(rmm_changes 2>&1)" ] || return 1
    rmm_git diff-tree -r --name-only --no-renames --diff-filter=A "$rmm_before" "$rmm_commit" -- 2>/dev/null | {
        while IFS= read -r rmm_line; do
            rmm_plain "$rmm_line"
            [ ! -e "$rmm_name" ] && [ ! -L "$rmm_name" ] || exit 1
        done
    }
}

# A version of which not everything is to be had gives way to the one that was there, if nothing else was in the folder.
rmm_leave_as_before() {
    [ -z "$rmm_back$rmm_mixed" ] && rmm_git cat-file -e "$rmm_before^{commit}" 2>/dev/null || return 0
    (rmm_checkout "$PWD" --from "$rmm_url" --commit "$rmm_before" --back) >/dev/null 2>&1 || return 0
    (rmm_commit=$rmm_before && rmm_is_there) >/dev/null 2>&1 || return 0
    rmm_untouched=1
}

# Whether every file of the commit is in the folder, whatever git's own index says.
rmm_files_are_there() {
    (
        export GIT_INDEX_FILE="$rmm_work/index"
        rm -f "$GIT_INDEX_FILE"
        rmm_git read-tree "$rmm_commit" && rmm_git update-index -q --ignore-submodules --refresh >/dev/null &&
            [ -z "$(rmm_git diff-files --ignore-submodules=all --name-only)" ]
    ) 2>/dev/null
}

# After the checkout no file may differ from the commit.
rmm_check_tree() {
    rmm_now=$(rmm_git rev-parse --verify HEAD^0)
    [ "$rmm_now" = "$rmm_commit" ] || rmm_fail "$rmm_dir holds $rmm_now after the checkout, not $rmm_commit; look what else works in that folder"
    rmm_differing
    [ -z "$rmm_x" ] || { rmm_switch && rmm_differing; }
    [ -n "$rmm_x" ] || return 0
    rmm_x="after the checkout these files in $rmm_dir are not those of $rmm_commit: $rmm_x"
    # Git has written them, so something else does too: no reason to leave a bad version in place.
    [ -z "$rmm_back" ] || { rmm_say "$rmm_x" && return; }
    rmm_fail "$rmm_x; look what writes them, and keep such files out of the repository"
}

# Sets rmm_x to some names of tracked files that are not the commit's.
rmm_differing() {
    rmm_x=$(rmm_changes | {
        rmm_n=0
        while IFS= read -r rmm_line; do
            case $rmm_line in
            :160000* | :??????\ 160000*) continue ;;
            *) rmm_plain "${rmm_line#*"$rmm_tab"}" ;;
            esac
            [ "$rmm_n" -gt 100 ] || ! rmm_is_as_written || continue
            rmm_n=$((rmm_n + 1))
            case $rmm_n in
            1) printf '%s' "${rmm_line#*"$rmm_tab"}" ;;
            [2-5]) printf ', %s' "${rmm_line#*"$rmm_tab"}" ;;
            6) printf ', …' ;;
            esac
        done
    })
}
