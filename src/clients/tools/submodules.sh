# Git on a host: submodules at the commits that the checked out one names, and large files that are real.

# A repository that lies on this machine may have submodules that do; git asks for that to be said.
rmm_submodule() {
    case $(rmm_git config --get remote.origin.url) in
    /* | file:*) rmm_git -c protocol.file.allow=always submodule "$@" ;;
    *) rmm_git submodule "$@" ;;
    esac
}

# The lines of `git submodule status` that are not as the commit wants them, without those that it wants left out.
rmm_wrong_submodules() {
    rmm_links=$(rmm_git ls-files --stage | grep '^160000 ')
    [ -n "$rmm_links" ] || return 0
    rmm_submodule status --recursive 2>&1 | while IFS= read -r rmm_line; do
        case $rmm_line in
        "" | " "*) continue ;;
        "fatal: no submodule mapping"*)
            rmm_name=${rmm_line#*\'}
            rmm_line="- ${rmm_name%%\'*} has no address in .gitmodules"
            ;;
        fatal:* | error:*)
            rmm_line="! $(printf '%s\n' "$rmm_links" | cut -f 2 | while IFS= read -r rmm_x; do printf '%s ' "$rmm_x"; done)"
            ;;
        -*)
            rmm_name=${rmm_line#* }
            [ "$(rmm_update_of "$rmm_name")" != none ] || continue
            ;;
        esac
        printf '%s\n' "$rmm_line"
    done
    rmm_now=HEAD
    rmm_changes 2>/dev/null | grep '^:160000 160000' | cut -f 2 | while IFS= read -r rmm_line; do
        # One that is not there at all was judged above.
        rmm_plain "$rmm_line"
        [ ! -e "$rmm_name/.git" ] || printf '* %s\n' "$rmm_line"
    done
}

# PATH: what .gitmodules says about how a submodule is updated.
rmm_update_of() {
    rmm_git config --file .gitmodules --get-regexp '^submodule\..*\.path$' 2>/dev/null | while read -r rmm_key rmm_x; do
        [ "$rmm_x" != "$1" ] || rmm_git config --file .gitmodules --get "${rmm_key%.path}.update"
    done
}

# COMMAND: calls it in each submodule that is there, with its path.
rmm_each_submodule() {
    [ -e .gitmodules ] || return 0
    rmm_x=$(rmm_git submodule --quiet foreach --recursive 'printf "%s\n" "$toplevel/$sm_path"' 2>/dev/null)
    while IFS= read -r rmm_line; do
        [ -n "$rmm_line" ] && [ -e "$rmm_line/.git" ] || continue
        (cd -- "$rmm_line" && "$1" "$rmm_line") || return
    done <<RMM_TEXT
$rmm_x
RMM_TEXT
}

# The files in the submodule here that were edited, and those that git does not know and its next commit would replace.
rmm_submodule_work() {
    rmm_now=HEAD
    rmm_changes 2>/dev/null | grep -v -e '^:160000' -e "^[^$rmm_tab]* D$rmm_tab" | cut -f 2
    rmm_find_target
    case $rmm_target in "" | "$(rmm_git rev-parse HEAD)") return 0 ;; esac
    rmm_git cat-file -e "$rmm_target^{tree}" 2>/dev/null ||
        case $(rmm_git config --get remote.origin.url) in
        /* | file:*) rmm_git -c protocol.file.allow=always fetch --quiet --depth=1 origin "$rmm_target" 2>/dev/null ;;
        *) rmm_git fetch --quiet --depth=1 origin "$rmm_target" 2>/dev/null ;;
        esac
    if ! rmm_git cat-file -e "$rmm_target^{tree}" 2>/dev/null; then
        # What it would replace is not known, so all of them are kept.
        rmm_git ls-files --others | head -n 100
        return 0
    fi
    rmm_theirs=$(rmm_git rev-parse --absolute-git-dir)/rmm-theirs
    rmm_git ls-tree -r --name-only "$rmm_target" | LC_ALL=C sort >"$rmm_theirs"
    rmm_git ls-files --others | LC_ALL=C sort | LC_ALL=C comm -12 - "$rmm_theirs" | while IFS= read -r rmm_line; do
        rmm_plain "$rmm_line"
        [ "$(rmm_git rev-parse --quiet --verify "$rmm_target:$rmm_name")" = "$(rmm_git hash-object -- "$rmm_name" 2>/dev/null)" ] ||
            printf '%s\n' "$rmm_line"
    done
    rm -f "$rmm_theirs"
}

# Sets rmm_parent to the folder of the repository that has this submodule, rmm_recorded to the commit at which it was
# brought, and rmm_target to the one that it has to be at; to nothing where there is none, or it cannot be known yet.
rmm_find_target() {
    rmm_target=
    rmm_parent=$(rmm_git rev-parse --show-superproject-working-tree 2>/dev/null)
    rmm_x=":(literal)${PWD#"$rmm_parent"/}"
    rmm_recorded=$(cd -- "${rmm_parent:-.}" && rmm_git ls-files --stage -- "$rmm_x" | cut -d ' ' -f 2)
    [ "$rmm_parent" = "$(cd -P -- "$rmm_dir" && pwd)" ] || return 0
    rmm_target=$(cd -- "$rmm_parent" && rmm_git ls-tree "$rmm_commit" -- "$rmm_x" | grep '^160000 ')
    rmm_target=${rmm_target#160000 commit }
    rmm_target=${rmm_target%%"$rmm_tab"*}
}

# Prints the commit that is checked out in the submodule here, if no name leads to it and RMM did not bring it.
rmm_submodule_commit() {
    rmm_x=$(rmm_git rev-parse --quiet --verify HEAD^0) || return 0
    rmm_alone=$rmm_x
    rmm_find_target
    case $rmm_alone in "$rmm_recorded" | "$rmm_target") return 0 ;; esac
    [ "$(rmm_git log -g -1 --format=%ge HEAD 2>/dev/null)" != rmm@localhost ] || return 0
    [ -z "$(rmm_git for-each-ref --count=1 --contains "$rmm_alone" refs/remotes refs/tags)" ] || return 0
    printf '%s\n' "$rmm_alone"
}

rmm_print_submodule_work() {
    rmm_place=${PWD#"$(cd -P -- "$rmm_dir" && pwd)/"}
    rmm_x=$(rmm_submodule_commit)
    [ -z "$rmm_x" ] || printf '%s\n' "$rmm_place (commit $rmm_x)"
    rmm_submodule_work | while IFS= read -r rmm_line; do
        printf '%s\n' "$rmm_place/$rmm_line"
    done
}

rmm_keep_submodule_work() {
    rmm_gitdir=$(rmm_git rev-parse --absolute-git-dir) || return
    rmm_work=$rmm_gitdir/rmm-work
    rm -rf "$rmm_work"
    mkdir "$rmm_work" && rmm_submodule_work >"$rmm_work/changed" || return
    [ ! -s "$rmm_work/changed" ] && [ -z "$(rmm_submodule_commit)" ] || rmm_keep "$rmm_work/changed" || return
    rm -rf "$rmm_work"
}

# Submodules that the commit does not have go, as far as they are git's; what else lies in them stays.
rmm_leave_submodules() {
    rmm_git diff-index --cached --no-renames "$rmm_commit" -- 2>/dev/null | while IFS= read -r rmm_line; do
        case $rmm_line in
        :160000\ *) continue ;;
        :??????\ 160000\ *) ;;
        *) continue ;;
        esac
        rmm_plain "${rmm_line#*"$rmm_tab"}"
        rmm_leave_submodule "$rmm_name"
    done
}

# PATH
rmm_leave_submodule() {
    if [ -f "$1/.git" ]; then
        (
            cd -- "$1" || exit
            rmm_git ls-files --stage | grep '^160000 ' | cut -f 2 | while IFS= read -r rmm_line; do
                rmm_plain "$rmm_line"
                (rmm_leave_submodule "$rmm_name")
            done
            rmm_git read-tree --reset -u "$(rmm_git hash-object -t tree /dev/null)" && rm -f .git
        )
    fi
    rmdir -- "$1" 2>/dev/null
}

# Brings the submodules to their commits: with as little as possible, then with their whole history, then anew.
rmm_bring_submodules() {
    [ -n "$(rmm_git ls-files --stage | grep '^160000 ')" ] || return 0
    [ -n "$(rmm_wrong_submodules)" ] || return 0
    rmm_set_remote
    # Those that .gitmodules leaves out stay out.
    rmm_how=--checkout
    ! rmm_git config --file .gitmodules --get-regexp '^submodule\..*\.update$' '^none$' >/dev/null 2>&1 || rmm_how=
    rmm_sync_submodules
    # shellcheck disable=SC2086
    rmm_error=$(rmm_submodule --quiet update --init --recursive --force $rmm_how $rmm_depth 2>&1) ||
        rmm_bring_whole_submodules
    rmm_wrong=$(rmm_wrong_submodules)
    [ -n "$rmm_wrong" ] || return 0
    rmm_names=$(printf '%s\n' "$rmm_wrong" | while read -r rmm_x rmm_name rmm_rest; do printf '%s\n' "${rmm_name:-$rmm_x}"; done |
        sort -u | while IFS= read -r rmm_line; do printf '%s, ' "$rmm_line"; done)
    printf '%s\n' "$rmm_error" >&2
    rmm_x="the submodules of $rmm_commit cannot be brought (${rmm_names%, })"
    case "$rmm_back$rmm_nl$rmm_wrong" in
    1*"$rmm_nl"[!-]*) ;;
    # They were never there, so the version that was left had run without them.
    1*)
        rmm_say "$rmm_x; they stay empty, as they were before: $(rmm_last_line "$rmm_error")"
        return 0
        ;;
    esac
    rmm_leave_as_before
    case $rmm_wrong in
    *"has no address in .gitmodules"*)
        rmm_fail "$rmm_x: .gitmodules does not say where they come from; name them there (\`git submodule add\`), or take" \
            "them out of the repository (\`git rm --cached\`)"
        ;;
    esac
    case $rmm_error in
    *"not our ref"* | *"did not contain"* | *"reference is not a tree"*)
        rmm_fail "$rmm_x: $(rmm_last_line "$rmm_error"); their repositories lack that commit: push it there"
        ;;
    esac
    rmm_fail "$rmm_x: $(rmm_last_line "$rmm_error"); let the host's user read their repositories"
}

# The clones of submodules ask where .gitmodules says; git leaves out those that are kept without a folder.
rmm_sync_submodules() {
    rmm_submodule sync --quiet --recursive >/dev/null 2>&1
    rmm_outer=$(rmm_git rev-parse --absolute-git-dir)
    rmm_git config --file .gitmodules --get-regexp '^submodule\..*\.path$' 2>/dev/null | while read -r rmm_key rmm_name; do
        rmm_key=${rmm_key%.path}
        rmm_x=$(rmm_git config "$rmm_key.url") && rmm_module=$rmm_outer/modules/${rmm_key#submodule.} || continue
        [ ! -f "$rmm_module/config" ] || git config --file "$rmm_module/config" remote.origin.url "$rmm_x"
    done
}

rmm_bring_whole_submodules() {
    # Those within others have a folder only now.
    rmm_submodule --quiet foreach --recursive 'git submodule sync --quiet' >/dev/null 2>&1
    rmm_submodule --quiet foreach --recursive \
        'test "$(git rev-parse --is-shallow-repository)" != true || git fetch --quiet --unshallow --tags origin "+refs/heads/*:refs/remotes/origin/*" || :' >/dev/null 2>&1
    # shellcheck disable=SC2086
    rmm_error=$(rmm_submodule --quiet update --init --recursive --force $rmm_how 2>&1) && return
    rmm_drop_half_submodules
    # shellcheck disable=SC2086
    rmm_error=$(rmm_submodule --quiet update --init --recursive --force $rmm_how 2>&1)
}

# Submodules of the repository here whose clones are not whole are cloned anew, where that can be done. What is in such a
# one, and in its folder, is kept beside.
rmm_drop_half_submodules() {
    rmm_outer=$(rmm_git rev-parse --absolute-git-dir)
    rmm_old=$(rmm_new_damaged "$rmm_outer")
    rmm_git config --file .gitmodules --get-regexp '^submodule\..*\.path$' 2>/dev/null | while read -r rmm_key rmm_name; do
        rmm_key=${rmm_key%.path}
        rmm_module=$rmm_outer/modules/${rmm_key#submodule.}
        [ -d "$rmm_module" ] || continue
        if git --git-dir="$rmm_module" rev-parse --quiet --verify HEAD >/dev/null 2>&1 &&
            git --git-dir="$rmm_module" fsck --connectivity-only --no-progress >/dev/null 2>&1; then
            [ ! -e "$rmm_name/.git" ] || (cd -- "$rmm_name" && rmm_drop_half_submodules)
            continue
        fi
        rmm_git ls-remote --quiet "$(rmm_git config "$rmm_key.url")" HEAD >/dev/null 2>&1 || continue
        rmm_x=$rmm_old/$rmm_name
        mkdir -p "${rmm_x%/*}" && mv -f -- "$rmm_module" "$rmm_x.git" || continue
        rm -f -- "$rmm_name/.git"
        rmdir -- "$rmm_name" 2>/dev/null || mv -f -- "$rmm_name" "$rmm_x"
        rmm_say "the clone of the submodule $rmm_name was not whole and begins anew; what was there is in $rmm_x.git and $rmm_x"
    done
}

# Files of the commit that are only pointers of Git LFS.
rmm_pointers() {
    {
        rmm_git ls-files -- ':(attr:filter=lfs)'
        # shellcheck disable=SC2016  # git sets the path
        [ ! -e .gitmodules ] || rmm_git submodule --quiet foreach --recursive \
            'git ls-files -- ":(attr:filter=lfs)" | while IFS= read -r file; do printf "%s/%s\n" "$displaypath" "$file"; done'
    } 2>/dev/null | while IFS= read -r rmm_line; do
        rmm_plain "$rmm_line"
        [ -f "$rmm_name" ] && [ "$(wc -c <"$rmm_name")" -lt 1024 ] || continue
        rmm_x=
        read -r rmm_x <"$rmm_name"
        case $rmm_x in "version https://git-lfs.github.com/spec/"*) printf '%s\n' "$rmm_line" ;; esac
    done
}

rmm_bring_large_files() {
    [ -n "$(rmm_pointers)" ] || return 0
    if [ -n "$rmm_lfs" ]; then
        rmm_set_remote
        rmm_error=$(rmm_git lfs pull 2>&1) || printf '%s\n' "$rmm_error" >&2
    else
        rmm_error="git-lfs was not found on this host"
    fi
    rmm_wrong=$(rmm_pointers)
    [ -n "$rmm_wrong" ] || return 0
    rmm_names=$(printf '%s\n' "$rmm_wrong" | { read -r rmm_x && read -r rmm_line && rmm_x="$rmm_x, …"; printf '%s' "$rmm_x"; })
    rmm_x="files of $rmm_commit are only pointers of Git LFS ($rmm_names)"
    # Those left out on purpose are configured.
    if [ -n "$rmm_back" ] || [ -n "$(rmm_git config --get lfs.fetchexclude; rmm_git config --get lfs.fetchinclude; rmm_git config --file .lfsconfig --get-regexp '^lfs\.fetch' 2>/dev/null)" ]; then
        rmm_say "$rmm_x"
        return 0
    fi
    rmm_leave_as_before
    rmm_fail "$rmm_x: $(rmm_last_line "$rmm_error"); install git-lfs there and let its user read them, or leave them out (git -C $rmm_dir config lfs.fetchexclude '*')"
}
