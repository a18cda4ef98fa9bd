# Git on a host: work done by hand in a folder: found before a checkout, said, kept aside, and put back.
#
# Lists of files are lines as git writes and reads them: a name with a line feed in it is quoted the C way.

# Says one finding. RMM reads these lines, and that of rmm_keep, for its record.
rmm_found() {
    rmm_say "by hand: $*"
}

# Sets rmm_name to the file that a line of git's names.
rmm_plain() {
    rmm_name=$1
    case $1 in '"'*'"') ;; *) return 0 ;; esac
    rmm_name=${1#?}
    rmm_name=$(printf '%s\n' "${rmm_name%?}" | sed -e 's/%/%%/g' -e 's/\\"/\\042/g')
    # What stands around it keeps line feeds at the end, and no dash is an option.
    # shellcheck disable=SC2059
    rmm_name=$(printf "x$rmm_name.")
    rmm_name=${rmm_name#x}
    rmm_name=${rmm_name%.}
}

# The lists of one step. Where there is no room for them, the way back goes on without.
rmm_work_begin() {
    rmm_work=$rmm_gitdir/rmm-work
    rm -rf "$rmm_work"
    (rmm_has_room 2>/dev/null) && return
    rm -rf "$rmm_work"
    [ -n "$rmm_back" ] || rmm_cannot_write
    rm -rf "$rmm_gitdir/rmm-spare"
    (rmm_has_room 2>/dev/null) && return
    rm -rf "$rmm_work"
    return 1
}

# Whether there is room for the lists, which are small and many.
rmm_has_room() {
    mkdir -p "$rmm_work" && cd -- "$rmm_work" && mkdir 1 2 3 4 5 6 7 8 9 10 11 12 && rmm_fill room && rm -rf -- ./*
}

# FILE: writes 64 KiB, by what every shell has: a chroot may be without /dev/zero. It is dd that says whether they are there.
rmm_fill() {
    printf '%65536s' '' | dd "of=$1" bs=4096
}

# A little room that only the way back uses, so that a disk which has become full is not in its way: git needs some for
# its index before it replaces anything.
rmm_spare_room() {
    [ ! -d "$rmm_gitdir/rmm-spare" ] || return 0
    (
        umask 077
        mkdir "$rmm_gitdir/rmm-spare" && cd -- "$rmm_gitdir/rmm-spare" || exit
        for rmm_x in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32; do
            rmm_fill "$rmm_x" || exit
        done
    ) >/dev/null 2>&1
    return 0
}

rmm_cannot_write() {
    rmm_x=$(rmm_why_full)
    rmm_fail "$rmm_dir/.git cannot be written${rmm_x:-; give it to the user $(rmm_user), and look at its disk, then try again}"
}

# Prints what the disk of the folder has too little of, as the end of a sentence.
rmm_why_full() {
    rmm_count_inodes "$PWD"
    rmm_disk_of "$PWD" || return 0
    if [ "${rmm_inodes:-999}" -lt 100 ]; then
        printf '%s' ": its disk can hold $rmm_inodes more files (inodes); delete some there, then try again"
    elif [ "$rmm_free" -lt 10240 ]; then
        printf '%s' ": its disk has $(rmm_amount "$rmm_free") left; make room there, then try again"
    fi
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

# Sets rmm_begun to the version that a checkout which did not end was about to bring.
rmm_read_begun() {
    rmm_begun=
    { read -r rmm_begun <"$rmm_gitdir/rmm-unfinished"; } 2>/dev/null
    rmm_git cat-file -e "$rmm_begun^{tree}" 2>/dev/null || rmm_begun=
}

# NAME COMMIT: whether the file is that of the commit, or its beginning.
rmm_is_part() {
    [ -f "$1" ] && [ ! -L "$1" ] && rmm_x=$(rmm_git rev-parse --quiet --verify "$2:$1") || return 1
    [ -s "$1" ] && [ "$rmm_x" != "$(rmm_git hash-object -- "$1")" ] || return 0
    [ "$(rmm_git cat-file --filters "$2:$1" 2>/dev/null | head -c "$(wc -c <"$1")" | rmm_git hash-object --no-filters --stdin)" = "$(rmm_git hash-object --no-filters -- "$1")" ]
}

# BASE: removes the files that a checkout which did not end has brought, in whole or in part, and that the base does not
# have. What was there before it had been set aside. Comes before anything is written: they may be what fills the disk.
rmm_take_debris() {
    rmm_read_begun
    [ -n "$rmm_begun" ] || return 0
    rmm_git diff-tree -r --name-only --no-renames --diff-filter=D "$rmm_begun" "$1" -- 2>/dev/null |
        while IFS= read -r rmm_line; do
            rmm_plain "$rmm_line"
            if [ -L "$rmm_name" ]; then
                [ "$(rmm_git rev-parse "$rmm_begun:$rmm_name")" = "$(printf %s "$(readlink "$rmm_name")" | rmm_git hash-object --stdin)" ] || continue
            else
                rmm_is_part "$rmm_name" "$rmm_begun" || continue
            fi
            rm -f -- "$rmm_name"
            while [ "$rmm_name" != "${rmm_name%/*}" ]; do
                rmm_name=${rmm_name%/*}
                rmdir -- "$rmm_name" 2>/dev/null || break
            done
        done
    return 0
}

# Looks what a checkout of the commit would overwrite or leave, says it, and lists it:
#   changed   tracked files that were edited
#   in_way    files that git does not know and the commit would replace
#   gone      tracked files that are not there any more
# and sets rmm_alone when commits would be left that no name leads to, and rmm_hand when there is anything.
rmm_look() {
    rmm_now=$(rmm_head) rmm_alone='' rmm_hand=''
    rmm_take_debris "$(rmm_git rev-parse --quiet --verify refs/rmm/checked-out^0 || printf %s "$rmm_now")"
    rmm_work_begin || {
        rmm_say "nothing can be written$(rmm_why_full); work by hand cannot be looked for, and the way back goes on without"
        return 0
    }
    rmm_mend_index
    : >"$rmm_work/changed" && : >"$rmm_work/instead" && : >"$rmm_work/gone"
    rmm_list_changed
    rmm_list_in_way
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
    rm -f "$rmm_work/unlike"
    [ -z "$rmm_begun" ] || (
        export GIT_INDEX_FILE="$rmm_work/index"
        rmm_git read-tree "$rmm_begun" && rmm_git update-index -q --refresh >/dev/null 2>&1
        rmm_git diff-files --name-only >"$rmm_work/unlike"
    )
    # :MODE MODE ID ID STATUS<tab>NAME
    rmm_changes 2>/dev/null | while IFS= read -r rmm_line; do
        rmm_x=${rmm_line#*"$rmm_tab"}
        case $rmm_line in
        # Submodules are looked at by themselves.
        :160000* | :??????\ 160000*) continue ;;
        :*\ D"$rmm_tab"*)
            # What stands in its place is named, else that it is gone; a checkout that did not end deletes, too.
            rmm_plain "$rmm_x"
            rmm_list_instead "${rmm_line#*"$rmm_tab"}" >>"$rmm_work/instead" || [ -n "$rmm_begun" ] ||
                printf '%s\n' "${rmm_line#*"$rmm_tab"}" >>"$rmm_work/gone"
            continue
            ;;
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
            rmm_plain "$rmm_line"
            rmm_is_as_written || rmm_is_as_before || { [ -n "$rmm_begun" ] && rmm_is_part "$rmm_name" "$rmm_begun"; } ||
                printf '%s\n' "$rmm_line"
        done <"$rmm_work/changed" >"$rmm_work/really"
        mv -f "$rmm_work/really" "$rmm_work/changed"
    fi
}

# LINE: prints what stands in the place of the tracked file rmm_name: files in a folder, or the file or link that is where
# a folder of it belongs. Fails where there is nothing.
rmm_list_instead() {
    if [ -d "$rmm_name" ] && [ ! -L "$rmm_name" ]; then rmm_git ls-files --others -- ":(literal)$rmm_name" | sed 's,/$,,'; fi
    rmm_x=$rmm_name
    rmm_find_above "$1"
    if [ -n "$rmm_above" ]; then printf '%s\n' "$rmm_above"; else [ -e "$rmm_x" ] || [ -L "$rmm_x" ]; fi
}

# LINE: sets rmm_above to the line of the file or link that stands where a folder above that file belongs, and rmm_name to
# its name.
rmm_find_above() {
    rmm_above= rmm_part= rmm_quote=
    rmm_rest=$1
    case $1 in '"'*) rmm_quote='"' rmm_rest=${1#?} ;; esac
    while [ "$rmm_rest" != "${rmm_rest#*/}" ]; do
        rmm_part=$rmm_part${rmm_rest%%/*}
        rmm_rest=${rmm_rest#*/}
        rmm_plain "$rmm_quote$rmm_part$rmm_quote"
        if [ -L "$rmm_name" ] || [ -f "$rmm_name" ]; then
            rmm_above=$rmm_quote$rmm_part$rmm_quote
            break
        fi
        rmm_part=$rmm_part/
    done
}

# Whether the file rmm_name is what git writes for what is checked out, whatever git's own comparison says.
rmm_is_as_written() {
    [ -f "$rmm_name" ] && [ ! -L "$rmm_name" ] || return 1
    # Its index entry must be the commit's, and so must its mode be.
    rmm_git diff-index --cached --quiet "$rmm_now" -- ":(literal)$rmm_name" || return 1
    case $(rmm_git ls-tree "$rmm_now" -- ":(literal)$rmm_name") in
    100755*) [ -x "$rmm_name" ] || return 1 ;;
    100644*) [ ! -x "$rmm_name" ] || [ "$(rmm_git config --type=bool core.fileMode)" = false ] || return 1 ;;
    *) return 1 ;;
    esac
    [ "$(rmm_git cat-file --filters "$rmm_now:$rmm_name" 2>/dev/null | rmm_git hash-object --no-filters --stdin)" = "$(rmm_git hash-object --no-filters -- "$rmm_name")" ]
}

# Whether the file rmm_name is still that of the version before, because a checkout that failed could not replace it.
rmm_is_as_before() {
    rmm_x=$(rmm_git rev-parse --quiet --verify refs/rmm/checked-out)
    [ -n "$rmm_x" ] && [ "$rmm_x" != "$rmm_now" ] && [ -f "$rmm_name" ] && [ ! -L "$rmm_name" ] || return 1
    [ "$(rmm_git rev-parse --quiet --verify "$rmm_x:$rmm_name")" = "$(rmm_git hash-object -- "$rmm_name")" ]
}

# Files that git does not know where the commit has something else.
rmm_list_in_way() {
    : >"$rmm_work/there" && : >"$rmm_work/folders"
    sort -u "$rmm_work/instead" >"$rmm_work/in_way"
    rmm_git diff-index --cached --no-abbrev --no-renames --diff-filter=D "$rmm_commit" -- 2>/dev/null >"$rmm_work/new"
    rmm_seen=/
    while IFS= read -r rmm_line; do
        rmm_entry=${rmm_line#*"$rmm_tab"}
        rmm_x=${rmm_line#:}
        rmm_mode=${rmm_x%% *}
        rmm_x=${rmm_x#* * }
        # A file where the commit has a folder; a tracked one is git's own to replace.
        case $rmm_entry in */*)
            if [ "${rmm_entry%/*}" != "$rmm_seen" ]; then
                rmm_seen=${rmm_entry%/*}
                rmm_find_above "$rmm_entry"
                [ -z "$rmm_above" ] || [ -n "$(rmm_git ls-files -- ":(literal)$rmm_name")" ] || printf '%s\n' "$rmm_above" >>"$rmm_work/in_way"
            fi
            ;;
        esac
        rmm_plain "$rmm_entry"
        if [ -d "$rmm_name" ] && [ ! -L "$rmm_name" ]; then
            [ "$rmm_mode" = 160000 ] && [ -e "$rmm_name/.git" ] || rmm_git ls-files --others -- ":(literal)$rmm_name" | sed 's,/$,,' >>"$rmm_work/folders"
        elif [ -e "$rmm_name" ] || [ -L "$rmm_name" ]; then
            printf '%s\n' "$rmm_mode ${rmm_x%% *} 0$rmm_tab$rmm_entry" >>"$rmm_work/there"
        fi
    done <"$rmm_work/new"
    # What is in a folder where the commit has a file or a submodule.
    cat "$rmm_work/folders" >>"$rmm_work/in_way"
    [ -s "$rmm_work/there" ] || return 0
    (
        export GIT_INDEX_FILE="$rmm_work/index"
        rmm_git read-tree --empty && rmm_git update-index --index-info <"$rmm_work/there"
        rmm_git update-index -q --refresh >/dev/null 2>&1
        rmm_git diff-files --name-only --diff-filter=MT
    ) | rmm_without_submodules | while IFS= read -r rmm_line; do
        rmm_plain "$rmm_line"
        { [ -n "$rmm_begun" ] && rmm_is_part "$rmm_name" "$rmm_begun"; } || printf '%s\n' "$rmm_line"
    done >>"$rmm_work/in_way"
}

# Passes on the names of files without those that a submodule here tracks: they go with it.
rmm_without_submodules() {
    if rmm_git ls-files --stage | grep -q '^160000 '; then
        rmm_git ls-files --recurse-submodules >"$rmm_work/tracked" 2>/dev/null
        grep -vxFf "$rmm_work/tracked"
    else
        cat
    fi
}

# On the way there: work by hand is a reason to stop where the definition says so; and a folder that RMM has never
# checked anything out to is not taken over with files in it that would be lost.
rmm_refuse_work() {
    [ -z "$rmm_back" ] && [ -n "$rmm_hand" ] || return 0
    if [ -s "$rmm_work/in_way" ] && ! rmm_git rev-parse --quiet --verify HEAD^0 >/dev/null; then
        rmm_refuse_because "the folder $rmm_dir has files that git does not know and the release would overwrite" "move them away or delete them"
    fi
    [ "$rmm_dirty" != refuse ] ||
        rmm_refuse_because "somebody has worked by hand in $rmm_dir, and \`dirty\` is \"refuse\"" "bring the work into the repository or take it away"
}

# SENTENCE REMEDY
rmm_refuse_because() {
    rmm_x=$(cat "$rmm_work/changed" "$rmm_work/in_way" "$rmm_work/gone" | while IFS= read -r rmm_line; do printf '%s, ' "$rmm_line"; done)
    rmm_done
    [ "${#rmm_x}" -le 160 ] || rmm_x="$(printf '%.160s' "$rmm_x")…, "
    rmm_fail "$1${rmm_x:+ (${rmm_x%, })}; $2, then try again"
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
            # Names tell the order, also of two in one second, and when the clock was set back.
            rmm_x=$(date +%s) rmm_y=0
            [ -z "$rmm_last" ] || rmm_y=$(rmm_git log -1 --format=%ct "$rmm_last")
            [ "$rmm_x" -gt "$rmm_y" ] || rmm_x=$((rmm_y + 1))
            export GIT_COMMITTER_DATE="@$rmm_x +0000"
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
        [ -n "$rmm_back" ] || rmm_fail "$rmm_x; move it away, then try again"
        rmm_say "$rmm_x; the way back goes on without"
        return 0
    }
    # The files themselves are kept too, for the version that had them beside it.
    while IFS= read -r rmm_line; do
        rmm_plain "$rmm_line"
        [ -e "$rmm_name" ] || [ -L "$rmm_name" ] || continue
        rmm_x=$rmm_gitdir/rmm-aside/$rmm_name
        rm -rf -- "$rmm_x"
        mkdir -p -- "${rmm_x%/*}" && mv -f -- "$rmm_name" "$rmm_x" || {
            [ -n "$rmm_back" ] || rmm_fail "$PWD/$rmm_name cannot be moved to $rmm_x$(rmm_why_full)"
            rm -rf -- "$rmm_name"
        }
    done <"$rmm_work/in_way"
}

# Files that a version has replaced come back when it leaves.
rmm_put_back() {
    [ -d "$rmm_gitdir/rmm-aside" ] || return 0
    rmm_absolute=$(rmm_git rev-parse --absolute-git-dir)
    (
        cd -- "$rmm_absolute/rmm-aside" && export GIT_INDEX_FILE="$rmm_absolute/rmm-no-index" &&
            rmm_git --git-dir="$rmm_absolute" --work-tree=. ls-files --others
    ) | while IFS= read -r rmm_line; do
        rmm_plain "$rmm_line"
        rmm_name=${rmm_name%/}
        [ ! -e "$rmm_name" ] && [ ! -L "$rmm_name" ] && [ -z "$(rmm_git ls-files -- ":(literal)$rmm_name")" ] || continue
        case $rmm_name in */*) mkdir -p -- "${rmm_name%/*}" 2>/dev/null ;; esac
        mv -- "$rmm_absolute/rmm-aside/$rmm_name" "$rmm_name" 2>/dev/null &&
            rmm_say "$rmm_line is again the file that was there before a version replaced it"
    done
}
