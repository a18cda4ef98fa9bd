# Git on a host: a clone that a power cut has damaged. What can be had again is fetched again, and what cannot be told
# stays beside it; the files in the folder are not touched.

rmm_mend_clone() {
    [ ! -d "$rmm_gitdir/rmm-unfinished" ] || rm -rf "$rmm_gitdir/rmm-unfinished"
    if rmm_is_sound; then
        rmm_mend_modules
        return
    fi
    rmm_say "the clone $rmm_dir/.git is damaged ($(rmm_last_line "$rmm_error")); it is mended"
    (rmm_set_remote) >/dev/null 2>&1
    rmm_list_empty | while IFS= read -r rmm_line; do rm -f -- "$rmm_line"; done
    rmm_mend_refs
    rmm_mend_modules
    rmm_mend_shallow
    rmm_mend_head
    rmm_is_sound && return
    # What it goes back to is whole: what it leaves need not be.
    if [ -n "$rmm_back" ] && rmm_git rev-list --objects "$rmm_commit^{tree}" >/dev/null 2>&1; then
        rmm_forget_head
    elif rmm_x=$(rmm_git ls-remote --quiet origin HEAD 2>&1); then
        rmm_renew_clone
    elif [ -z "$rmm_back" ]; then
        rmm_fail "the clone $rmm_dir/.git is damaged, and $rmm_shown cannot be read to mend it: $(rmm_last_line "$rmm_x"); make" \
            "that possible, or move $rmm_dir away, then try again"
    fi
}

# Settings that git cannot read, or reads with words of doubt, are set aside.
rmm_mend_config() {
    [ -f .git/config ] || return 0
    if rmm_x=$(git config --file .git/config --list --name-only 2>/dev/null) &&
        ! printf '%s\n' "$rmm_x" | grep -q '^[^.][^.]*$'; then
        rmm_mend_format
        return
    fi
    rmm_say "the settings of $rmm_dir/.git are broken; they are in config.broken there, and the file is made anew"
    mv -f .git/config .git/config.broken && : >.git/config
    rmm_mend_format
}

# Without its settings a clone with long ids is taken for one with short ids.
rmm_mend_format() {
    grep -q '^[0-9a-f]\{64\}$' .git/HEAD 2>/dev/null &&
        [ -z "$(git config --file .git/config extensions.objectFormat)" ] || return 0
    git config --file .git/config core.repositoryFormatVersion 1
    git config --file .git/config extensions.objectFormat sha256
}

# Files of git's that are never empty.
rmm_list_empty() {
    find "$rmm_gitdir" \( -name 'rmm-*' -o -name logs \) -prune -o -type f -size 0 \( -path '*/objects/[0-9a-f][0-9a-f]/*' \
        -o -name 'pack-*.pack' -o -name 'pack-*.idx' -o -name 'pack-*.rev' -o -path '*/refs/*' -o -name shallow \) -print
}

# Whether all refs lead somewhere and what is checked out can be listed. Sets rmm_error.
rmm_is_sound() {
    rmm_error=$(rmm_list_empty | sed -e 's/$/ is empty/' -e q)
    [ -z "$rmm_error" ] || return
    rmm_error=$(rmm_git for-each-ref --format='%(objecttype)' 2>&1 >/dev/null) || return
    ! rmm_error=$(rmm_tells_damage) || return
    rmm_error=$(rmm_git ls-tree -r HEAD 2>&1 >/dev/null) && return
    [ -z "$(rmm_lost_head)" ]
}

# Prints the commit that is checked out, also where it is not there any more.
rmm_lost_head() {
    {
        sed -n 's/^[^ ]* \([0-9a-f]*\) .*/\1/p' "$rmm_gitdir/logs/HEAD"
        rmm_git rev-parse --quiet --verify HEAD
    } 2>/dev/null | grep -v '^0*$' | tail -n 1
}

# Refs that lead to nothing go, and of a broken list of refs the lines that are whole stay.
rmm_mend_refs() {
    if ! rmm_git for-each-ref >/dev/null 2>&1 && [ -f "$rmm_gitdir/packed-refs" ]; then
        mv -f "$rmm_gitdir/packed-refs" "$rmm_gitdir/packed-refs.broken"
        tr -d '\000' <"$rmm_gitdir/packed-refs.broken" | grep '^[0-9a-f]\{40,64\} refs/[^ ]*$' >"$rmm_gitdir/packed-refs"
    fi
    rmm_git for-each-ref --format='%(refname)' 2>/dev/null | while IFS= read -r rmm_line; do
        ! rmm_git cat-file -e "$rmm_line" 2>/dev/null || continue
        rmm_git update-ref -d "$rmm_line" 2>/dev/null
        case $rmm_line in refs/rmm/kept/* | refs/heads/*) rmm_say "removed $rmm_line, whose commit is lost" ;; esac
    done
}

# Commits whose parents were never fetched are noted, as git does it.
rmm_mend_shallow() {
    rmm_x=$({ rmm_git for-each-ref --format='%(objectname)'; rmm_lost_head; } 2>/dev/null | sort -u | while read -r rmm_line; do
        rmm_line=$(rmm_git rev-parse --quiet --verify "$rmm_line^{commit}") || continue
        rmm_git cat-file commit "$rmm_line" 2>/dev/null | sed -n -e '/^$/q' -e 's/^parent //p' | while read -r rmm_x; do
            rmm_git cat-file -e "$rmm_x" 2>/dev/null || printf '%s\n' "$rmm_line"
        done
    done)
    [ -z "$rmm_x" ] || printf '%s\n' "$rmm_x" | cat - "$rmm_gitdir/shallow" 2>/dev/null | sort -u >"$rmm_gitdir/shallow.new" &&
        mv -f "$rmm_gitdir/shallow.new" "$rmm_gitdir/shallow"
} 2>/dev/null

# What is checked out is fetched, so that work by hand can be told from it.
rmm_mend_head() {
    rmm_x=$(rmm_lost_head)
    [ -n "$rmm_x" ] || return 0
    if ! rmm_git rev-list --objects "$rmm_x^{tree}" >/dev/null 2>&1; then
        rmm_set_remote
        rmm_x=$(rmm_lost_head)
        # shellcheck disable=SC2086
        rmm_try_fetch --refetch $rmm_depth origin "+$rmm_x:refs/rmm/fetched" || return
    fi
    rmm_error=$(rmm_git update-ref --no-deref HEAD "$rmm_x" 2>&1)
}

# Nothing is checked out from here on: all files in the folder are work by hand.
rmm_forget_head() {
    rm -f "$rmm_gitdir/logs/HEAD" "$rmm_gitdir/index"
    printf 'ref: refs/heads/main\n' >"$rmm_gitdir/HEAD"
}

# DIR: prints where what is damaged there is kept from now on. Before it only the newest stays.
rmm_new_damaged() {
    rmm_list_damaged "$1" | sed '$d' | while IFS= read -r rmm_line; do rm -rf -- "$rmm_line"; done
    printf '%s' "$1/rmm-damaged-$(date -u +%Y%m%dT%H%M%SZ)"
}

# DIR: prints what is kept there of damaged clones, the oldest first.
rmm_list_damaged() {
    find "$1" -maxdepth 1 -name 'rmm-damaged-*' 2>/dev/null | sort
}

# What is kept of damaged clones takes room on the disk.
rmm_tell_damaged() {
    rmm_x=$({ rmm_list_damaged "$rmm_gitdir"; find "$rmm_gitdir/modules" -name 'rmm-damaged-*' -prune 2>/dev/null; } | tr '\n' ' ')
    [ -z "$rmm_x" ] || rmm_say "what damaged clones held is kept in $PWD: ${rmm_x% }; delete it when nobody needs it"
}

# The clone begins anew; what it held is kept beside it.
rmm_renew_clone() {
    rmm_renewed=1
    rmm_x=$(rmm_lost_head)
    rmm_old=$(rmm_new_damaged "$rmm_gitdir")
    mkdir -p "$rmm_old" || rmm_cannot_write
    for rmm_part in objects refs packed-refs shallow index; do
        [ ! -e "$rmm_gitdir/$rmm_part" ] || mv -f "$rmm_gitdir/$rmm_part" "$rmm_old/" || rmm_cannot_write
    done
    [ -z "$rmm_x" ] || printf '%s\n' "$rmm_x" >"$rmm_gitdir/HEAD"
    rmm_say "it cannot be mended in place, so it begins anew; what it held is in $rmm_dir/${rmm_old#"$PWD/"}"
    rmm_git init --quiet --template= >/dev/null 2>&1
    rmm_mend_head || rmm_x="$rmm_x: $(rmm_last_line "$rmm_error")"
    rmm_is_sound && return
    [ -n "$rmm_back" ] || rmm_fail "the clone $rmm_dir/.git is damaged, and what was checked out there cannot be fetched from $rmm_shown" \
        "($rmm_x); make that possible, or move $rmm_dir away, then try again"
    rmm_forget_head
}

# The same for the clones of submodules, as far as it needs nothing from elsewhere; what stays broken is cloned anew later.
rmm_mend_modules() {
    [ -d "$rmm_gitdir/modules" ] || return 0
    find "$rmm_gitdir/modules" -type d -name objects -prune | while IFS= read -r rmm_line; do
        (
            rmm_gitdir=$(cd -- "${rmm_line%/*}" && pwd)
            export GIT_DIR="$rmm_gitdir"
            rmm_git rev-parse --git-dir >/dev/null || exit
            if ! rmm_error=$(rmm_git for-each-ref --format='%(objecttype)' 2>&1 >/dev/null) || rmm_tells_damage >/dev/null; then
                rmm_say "the clone of a submodule, $rmm_gitdir, is damaged; it is mended"
                rmm_mend_refs
            fi
            rmm_git ls-files >/dev/null 2>&1 || { rm -rf "$rmm_gitdir/index" && rmm_git read-tree HEAD; }
        )
    done
} 2>/dev/null

# Whether what git just said is about the clone, not about the repository.
rmm_is_damaged() {
    [ -z "$rmm_renewed" ] || return
    rmm_tells_damage >/dev/null && rmm_git ls-remote --quiet origin HEAD >/dev/null 2>&1 &&
        ! rmm_git fsck --connectivity-only --no-dangling --no-progress >/dev/null 2>&1
}

# Prints the lines of rmm_error that are about damage. Git has words of doubt about other things, too.
rmm_tells_damage() {
    printf '%s\n' "$rmm_error" | grep -v -e '^remote: ' -e 'dangling symref' | grep -e 'is empty' -e corrupt -e 'bad object' \
        -e 'broken ref' -e 'unable to read' -e 'ould not read [0-9a-f]' -e missing -e packfile -e 'unable to parse' -e inflate \
        -e 'did not send all necessary objects' -e 'unresolved delta' -e 'unable to unpack'
}
