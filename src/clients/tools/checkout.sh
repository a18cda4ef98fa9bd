# Git on a host: what a checkout meets in its folder, what it sets aside, and whether the commit is there afterwards.
#
# Lists of files are lines as git writes and reads them: a name with a line feed in it is quoted the C way. The shell
# looks at no quoted name; git does.

# Says one finding. RMM reads these lines, and that of rmm_keep, for its record.
rmm_found() {
    rmm_say "by hand: $*"
}

# The lists of one step.
rmm_work_begin() {
    rmm_work=$rmm_gitdir/rmm-work
    rm -rf "$rmm_work"
    mkdir "$rmm_work" || rmm_cannot_write
}

rmm_cannot_write() {
    rmm_fail "$rmm_dir/.git cannot be written; is there no space left on the disk? Make room there, then retry"
}

rmm_done() {
    rm -rf "$rmm_gitdir/rmm-work"
}

# What is checked out now; the empty tree where nothing is.
rmm_head() {
    rmm_git rev-parse --quiet --verify HEAD^0 || rmm_git hash-object -t tree /dev/null
}

# The lines of `git diff --raw` for what differs from what is checked out.
rmm_changes() {
    rmm_git diff --raw --no-abbrev --no-ext-diff --no-textconv --no-renames --ignore-submodules=untracked "$@" "$rmm_now" --
}

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
    rmm_take_debris
}

# Removes the files that a checkout which did not end has brought, and that do not belong to what is checked out now.
# What was there before it had been set aside.
rmm_take_debris() {
    rmm_x=
    { read -r rmm_x <"$rmm_gitdir/rmm-unfinished"; } 2>/dev/null
    [ -n "$rmm_x" ] || return 0
    rmm_git diff-index --cached --name-only --no-renames --diff-filter=D "$rmm_x" -- 2>/dev/null |
        while IFS= read -r rmm_line; do
            [ -f "$rmm_line" ] || [ -L "$rmm_line" ] || continue
            rm -f -- "$rmm_line"
            while [ "$rmm_line" != "${rmm_line%/*}" ]; do
                rmm_line=${rmm_line%/*}
                rmdir -- "$rmm_line" 2>/dev/null || break
            done
        done
    return 0
}

# Looks what a checkout of the commit would overwrite or leave, says it, and lists it:
#   changed   tracked files that were edited
#   in_way    files that git does not know and the commit would replace
# and sets rmm_alone when commits would be left that no name leads to.
rmm_look() {
    rmm_work_begin
    : >"$rmm_work/changed" && : >"$rmm_work/links" && : >"$rmm_work/gone"
    rmm_now=$(rmm_head)
    rmm_take_debris
    rmm_list_changed
    rmm_list_in_way
    rmm_alone=
    if rmm_git rev-parse --quiet --verify HEAD^0 >/dev/null && [ "$rmm_now" != "$rmm_commit" ] &&
        [ "$rmm_now" != "$(rmm_git rev-parse --quiet --verify refs/rmm/checked-out)" ] &&
        [ "$(rmm_git log -g -1 --format=%ge HEAD 2>/dev/null)" != rmm@localhost ] &&
        [ -z "$(rmm_git for-each-ref --count=1 --contains "$rmm_now" refs/remotes refs/tags refs/rmm/commits)" ]; then
        rmm_alone=$rmm_now
        rmm_found "commit $rmm_now, which RMM did not check out"
    fi
    rmm_hand=$rmm_alone
    rmm_n=0
    while IFS= read -r rmm_line; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -gt 20 ] || rmm_found "changed $rmm_line"
    done <"$rmm_work/changed"
    while IFS= read -r rmm_line; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -gt 20 ] || rmm_found "in the way $rmm_line"
    done <"$rmm_work/in_way"
    # What a checkout that was cut off has taken away is not somebody's work.
    [ ! -e "$rmm_gitdir/rmm-unfinished" ] || : >"$rmm_work/gone"
    while IFS= read -r rmm_line; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -gt 20 ] || rmm_found "deleted $rmm_line"
    done <"$rmm_work/gone"
    while IFS= read -r rmm_line; do
        [ -n "$rmm_line" ] || continue
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -gt 20 ] || rmm_found "changed $rmm_line (in a submodule)"
    done <<RMM_TEXT
$(rmm_each_submodule rmm_print_submodule_work)
RMM_TEXT
    [ "$rmm_n" -le 20 ] || rmm_found "and $((rmm_n - 20)) more"
    [ "$rmm_n" -eq 0 ] || rmm_hand=1
    rmm_n=0
    rmm_x=$(rmm_git ls-files --others --exclude-standard --directory --no-empty-directory 2>/dev/null | while IFS= read -r rmm_line; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -le 5 ] || { printf ', …' && break; }
        [ "$rmm_n" -eq 1 ] || printf ', '
        printf '%s' "$rmm_line"
    done)
    [ -z "$rmm_x" ] || rmm_say "files that git does not know stay as they are, unless they were named above: $rmm_x"
}

# Tracked files that were edited: neither as in what is checked out, nor as in what an unfinished checkout was about to bring.
rmm_list_changed() {
    rmm_x=
    { read -r rmm_x <"$rmm_gitdir/rmm-unfinished"; } 2>/dev/null
    if [ -n "$rmm_x" ] && rmm_git cat-file -e "$rmm_x^{tree}" 2>/dev/null; then
        (
            export GIT_INDEX_FILE="$rmm_work/index"
            rmm_git read-tree "$rmm_x" && rmm_git update-index -q --refresh >/dev/null 2>&1
            rmm_git diff-files --name-only >"$rmm_work/unlike"
        )
    else
        rm -f "$rmm_work/unlike"
    fi
    # :MODE MODE ID ID STATUS<tab>NAME
    rmm_changes 2>/dev/null | while IFS= read -r rmm_line; do
        rmm_x=${rmm_line#*"$rmm_tab"}
        case $rmm_line in
        # Gone files and submodules hold nothing that could be lost here, but for a link in the place of a folder.
        :*\ D"$rmm_tab"*)
            rmm_link=$(rmm_link_instead "$rmm_x")
            if [ -n "$rmm_link" ]; then
                printf '%s\n' "$rmm_link" >>"$rmm_work/links"
            else
                printf '%s\n' "$rmm_x" >>"$rmm_work/gone"
            fi
            continue
            ;;
        :160000* | :??????\ 160000*) continue ;;
        esac
        printf '%s\n' "$rmm_x"
    done >"$rmm_work/differ"
    if [ -e "$rmm_work/unlike" ]; then
        grep -Fxf "$rmm_work/unlike" "$rmm_work/differ" >"$rmm_work/changed"
    else
        cat "$rmm_work/differ" >"$rmm_work/changed"
    fi
    # Git takes some files for changed that are as it wrote them (line ends, filters). Many at once were not looked at.
    rmm_n=$(wc -l <"$rmm_work/changed")
    if [ "$rmm_n" -gt 0 ] && [ "$rmm_n" -le 100 ]; then
        while IFS= read -r rmm_line; do
            rmm_is_as_written "$rmm_line" || rmm_is_as_before "$rmm_line" || printf '%s\n' "$rmm_line"
        done <"$rmm_work/changed" >"$rmm_work/really"
        mv -f "$rmm_work/really" "$rmm_work/changed"
    fi
}

# Prints the link that stands where a folder of a tracked file belongs.
rmm_link_instead() {
    case $1 in '"'*) return 0 ;; esac
    rmm_rest=$1 rmm_part=
    while [ "$rmm_rest" != "${rmm_rest#*/}" ]; do
        rmm_part=$rmm_part${rmm_rest%%/*}
        rmm_rest=${rmm_rest#*/}
        [ ! -L "$rmm_part" ] || { printf '%s\n' "$rmm_part" && break; }
        rmm_part=$rmm_part/
    done
    return 0
}

# Whether a file is what git writes for what is checked out, whatever git's own comparison says.
rmm_is_as_written() {
    case $1 in '"'*) return 1 ;; esac
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    # Its index entry must be the commit's, and so must its mode be.
    rmm_git diff-index --cached --quiet "$rmm_now" -- ":(literal)$1" || return 1
    case $(rmm_git ls-tree "$rmm_now" -- ":(literal)$1") in
    100755*) [ -x "$1" ] || return 1 ;;
    100644*) [ ! -x "$1" ] || [ "$(rmm_git config --type=bool core.fileMode)" = false ] || return 1 ;;
    *) return 1 ;;
    esac
    [ "$(rmm_git cat-file --filters "$rmm_now:$1" 2>/dev/null | rmm_git hash-object --no-filters --stdin)" = "$(rmm_git hash-object --no-filters -- "$1")" ]
}

# Whether a file is still that of the version before, because a checkout that failed could not replace it.
rmm_is_as_before() {
    case $1 in '"'*) return 1 ;; esac
    rmm_x=$(rmm_git rev-parse --quiet --verify refs/rmm/checked-out)
    [ -n "$rmm_x" ] && [ "$rmm_x" != "$rmm_now" ] && [ -f "$1" ] && [ ! -L "$1" ] || return 1
    [ "$(rmm_git rev-parse --quiet --verify "$rmm_x:$1")" = "$(rmm_git hash-object -- "$1")" ]
}

# Files that git does not know where the commit has something else.
rmm_list_in_way() {
    : >"$rmm_work/there" && : >"$rmm_work/folders"
    sort -u "$rmm_work/links" >"$rmm_work/in_way"
    rmm_git diff-index --cached --no-abbrev --no-renames --diff-filter=D "$rmm_commit" -- 2>/dev/null >"$rmm_work/new"
    rmm_seen=/
    while IFS= read -r rmm_line; do
        rmm_name=${rmm_line#*"$rmm_tab"}
        rmm_x=${rmm_line#:}
        rmm_mode=${rmm_x%% *}
        rmm_x=${rmm_x#* * }
        rmm_entry="$rmm_mode ${rmm_x%% *} 0$rmm_tab$rmm_name"
        case $rmm_name in '"'*)
            printf '%s\n' "$rmm_entry" >>"$rmm_work/there"
            continue
            ;;
        esac
        # A file where the commit has a folder.
        case $rmm_name in */*)
            if [ "${rmm_name%/*}" != "$rmm_seen" ]; then
                rmm_seen=${rmm_name%/*}
                rmm_x=
                rmm_rest=$rmm_seen/
                while [ -n "$rmm_rest" ]; do
                    rmm_x=$rmm_x${rmm_rest%%/*}
                    rmm_rest=${rmm_rest#*/}
                    if [ -L "$rmm_x" ] || [ -f "$rmm_x" ]; then
                        # A tracked one is git's own to replace.
                        [ -n "$(rmm_git ls-files -- ":(literal)$rmm_x")" ] || printf '%s\n' "$rmm_x" >>"$rmm_work/in_way"
                        break
                    fi
                    rmm_x=$rmm_x/
                done
            fi
            ;;
        esac
        if [ -d "$rmm_name" ] && [ ! -L "$rmm_name" ]; then
            [ "$rmm_mode" = 160000 ] && [ -e "$rmm_name/.git" ] || printf '%s\n' "$rmm_name" >>"$rmm_work/folders"
        elif [ -e "$rmm_name" ] || [ -L "$rmm_name" ]; then
            printf '%s\n' "$rmm_entry" >>"$rmm_work/there"
        fi
    done <"$rmm_work/new"
    # A folder with something in it where the commit has a file or a submodule.
    while IFS= read -r rmm_line; do
        rmm_git ls-files --others -- ":(literal)$rmm_line"
    done <"$rmm_work/folders" >>"$rmm_work/in_way"
    [ -s "$rmm_work/there" ] || return 0
    (
        export GIT_INDEX_FILE="$rmm_work/index"
        rmm_git read-tree --empty && rmm_git update-index --index-info <"$rmm_work/there"
        rmm_git update-index -q --refresh >/dev/null 2>&1
        rmm_git diff-files --name-only --diff-filter=MT
    ) >>"$rmm_work/in_way"
}

# On the way there: work by hand is a reason to stop where the definition says so; and a folder that RMM has never
# checked anything out to is not taken over with files in it that would be lost.
rmm_refuse_work() {
    [ -z "$rmm_back" ] || return 0
    if [ -s "$rmm_work/in_way" ] && ! rmm_git rev-parse --quiet --verify HEAD^0 >/dev/null; then
        rmm_refuse_because "the folder $rmm_dir has files that git does not know and the release would overwrite" "move them away or delete them"
    fi
    [ -z "$rmm_hand" ] || [ "$rmm_dirty" != refuse ] ||
        rmm_refuse_because "somebody has worked by hand in $rmm_dir, and \`dirty\` is \"refuse\"" "bring the work into the repository or take it away"
}

# SENTENCE REMEDY
rmm_refuse_because() {
    rmm_x=$(cat "$rmm_work/changed" "$rmm_work/in_way" "$rmm_work/gone" | while IFS= read -r rmm_line; do printf '%s, ' "$rmm_line"; done)
    rmm_done
    [ "${#rmm_x}" -le 160 ] || rmm_x="$(printf '%.160s' "$rmm_x")…, "
    rmm_fail "$1${rmm_x:+ (${rmm_x%, })}; $2, then retry"
}

# Sets the work aside in a commit of its own, and says where. LISTS… are files with names.
rmm_keep() {
    (
        # What was secret in the folder stays so in the clone.
        umask 077
        export GIT_INDEX_FILE="$rmm_work/index"
        rm -f "$GIT_INDEX_FILE"
        if rmm_git rev-parse --quiet --verify HEAD^0 >/dev/null; then
            rmm_parent=$(rmm_git rev-parse HEAD^0)
            rmm_git read-tree "$rmm_parent" || exit
        else
            rmm_parent=
            rmm_git read-tree --empty || exit
        fi
        # A file and a folder cannot have one name, so what is replaced goes first.
        cat "$@" | rmm_git update-index --add --remove --replace --stdin || exit
        rmm_tree=$(rmm_git write-tree) || exit
        rmm_last=$(rmm_git for-each-ref --sort=-refname --count=1 --format='%(refname)' refs/rmm/kept)
        if [ -n "$rmm_last" ] && [ "$(rmm_git log -1 --format='%T %P' "$rmm_last")" = "$rmm_tree $rmm_parent" ]; then
            rmm_ref=$rmm_last
        else
            # shellcheck disable=SC2086
            rmm_kept=$(echo "Work by hand, set aside before the checkout of ${rmm_tag:-$rmm_commit}" |
                rmm_git commit-tree "$rmm_tree" ${rmm_parent:+-p "$rmm_parent"}) || exit
            rmm_ref=refs/rmm/kept/$(TZ=UTC0 rmm_git log -1 --date=format-local:%Y%m%dT%H%M%SZ --format=%cd-%h "$rmm_kept")
            rmm_git update-ref "$rmm_ref" "$rmm_kept" || exit
        fi
        rmm_say "kept aside as $rmm_ref in $PWD: \`git show --stat $rmm_ref\` lists it, \`git checkout $rmm_ref -- FILE\` brings a file back"
        rmm_git for-each-ref --sort=-refname --format='%(refname)' refs/rmm/kept | {
            rmm_n=0
            while read -r rmm_line; do
                rmm_n=$((rmm_n + 1))
                [ "$rmm_n" -le 10 ] || echo "delete $rmm_line"
            done
        } | rmm_git update-ref --stdin
    )
}

# Keeps everything that the checkout would overwrite or leave behind, then makes way.
rmm_set_aside() {
    [ -n "$rmm_hand" ] || return 0
    {
        if [ -s "$rmm_work/changed" ] || [ -s "$rmm_work/in_way" ] || [ -n "$rmm_alone" ]; then
            rmm_keep "$rmm_work/changed" "$rmm_work/in_way"
        fi && rmm_each_submodule rmm_keep_submodule_work
    } 2>"$rmm_work/error" || {
        rmm_x="the work by hand in $rmm_dir cannot be kept aside: $(rmm_last_line "$(cat "$rmm_work/error")")"
        [ -n "$rmm_back" ] || rmm_fail "$rmm_x; move it away, then retry"
        rmm_say "$rmm_x; the way back goes on without"
        return 0
    }
    # The files themselves are kept too, for the version that had them beside it.
    while IFS= read -r rmm_line; do
        case $rmm_line in '"'*) continue ;; esac
        [ -e "$rmm_line" ] || [ -L "$rmm_line" ] || continue
        rmm_x=$rmm_gitdir/rmm-aside/$rmm_line
        rm -rf -- "$rmm_x"
        case $rmm_line in */*) mkdir -p -- "${rmm_x%/*}" ;; *) mkdir -p -- "$rmm_gitdir/rmm-aside" ;; esac
        mv -f -- "$rmm_line" "$rmm_x" || rm -rf -- "$rmm_line"
    done <"$rmm_work/in_way"
}

# Files that a version has replaced come back when it leaves.
rmm_put_back() {
    [ -d "$rmm_gitdir/rmm-aside" ] || return 0
    find "$rmm_gitdir/rmm-aside" \( -type f -o -type l \) | while IFS= read -r rmm_line; do
        rmm_x=${rmm_line#"$rmm_gitdir/rmm-aside/"}
        [ ! -e "$rmm_x" ] && [ ! -L "$rmm_x" ] && [ -z "$(rmm_git ls-files -- ":(literal)$rmm_x")" ] || continue
        case $rmm_x in */*) mkdir -p -- "${rmm_x%/*}" ;; esac
        mv -- "$rmm_line" "$rmm_x" && rmm_say "$rmm_x is again the file that was there before a version replaced it"
    done
}

# DIR --from URL [--tag TAG] --commit ID [--dirty keep|refuse] [--back]: the folder holds the commit afterwards, or the
# step fails with a sentence. On the way back nothing that can be mended is a reason to fail.
rmm_checkout() {
    rmm_git_begin "$@"
    rmm_open
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
    fi
    rmm_mend_index
    rmm_look
    rmm_refuse_work
    rmm_set_aside
    echo "$rmm_commit" >"$rmm_gitdir/rmm-unfinished" || rmm_cannot_write
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
    rmm_fail "$rmm_commit cannot be checked out in $rmm_dir: $(rmm_last_line "$rmm_error")"
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
            *) rmm_name=${rmm_line#*"$rmm_tab"} ;;
            esac
            [ "$rmm_n" -gt 100 ] || ! rmm_is_as_written "$rmm_name" || continue
            rmm_n=$((rmm_n + 1))
            case $rmm_n in
            1) printf '%s' "$rmm_name" ;;
            [2-5]) printf ', %s' "$rmm_name" ;;
            6) printf ', …' ;;
            esac
        done
    })
}
