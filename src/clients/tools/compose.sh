# What a label of compose is called.
rmm_label=com.docker.compose

# Runs a command that asks docker; a daemon that hangs must not hang the step.
rmm_ask() {
    if command -v timeout >/dev/null 2>&1; then timeout 30 "$@"; else "$@"; fi
}

# Sets rmm_docker to the docker that answers here; fails where none does.
rmm_find_docker() {
    if [ -n "${rmm_docker+known}" ]; then [ -n "$rmm_docker" ]; return; fi
    for rmm_docker in docker podman; do
        command -v "$rmm_docker" >/dev/null 2>&1 || continue
        rmm_said=$(rmm_ask "$rmm_docker" ps -q 2>&1 >/dev/null) && return 0
        case $rmm_said in
        *ermission\ denied*)
            rmm_docker="sudo -n $rmm_docker"
            rmm_ask $rmm_docker ps -q >/dev/null 2>&1 && return 0
            ;;
        esac
    done
    rmm_docker=
    return 1
}

# rmm_stand [FOLDER]: sets where "here" is: the current folder, or one that is not there yet.
rmm_stand() {
    rmm_at=${1:-$PWD}
    rmm_at_real=${1:-$(pwd -P)}
}

# Whether a folder, as a label names it, is this one, or inside it and no clone of its own. A label names a folder as
# compose saw it, perhaps by way of a link.
rmm_is_here() {
    case $1 in
    "$rmm_at" | "$rmm_at_real") return 0 ;;
    "$rmm_at"/* | "$rmm_at_real"/*) [ ! -e "$1/.git" ]; return ;;
    esac
    rmm_real=$(cd "$1" 2>/dev/null && pwd -P) || return 1
    case $rmm_real in
    "$rmm_at_real") return 0 ;;
    "$rmm_at_real"/*) [ ! -e "$1/.git" ]; return ;;
    esac
    return 1
}

# Prints `PROJECT|FOLDER` of the containers that compose made, each pair once; of one project with an argument.
rmm_projects() {
    rmm_y=$(rmm_ask $rmm_docker ps -a --filter "label=$rmm_label.project${1:+=$1}" \
        --format "{{.Label \"$rmm_label.project\"}}|{{.Label \"$rmm_label.project.working_dir\"}}" 2>/dev/null) || return 1
    [ -z "$rmm_y" ] || printf '%s\n' "$rmm_y" | sort -u
}

# Sets rmm_notes, where RMM remembers what this folder's projects are called. In a clone they are out of git's sight.
rmm_find_notes() {
    rmm_stand
    if [ -d .git ]; then
        rmm_notes=.git/rmm-compose
    else
        rmm_x=$(pwd -P | cksum | tr -d ' ')
        rmm_notes=${XDG_STATE_HOME:-$HOME/.local/state}/rmm-compose/$rmm_x
    fi
}

# rmm_project NAME chosen|default [orphans] [SIBLING…]: lets compose run as this project from here on.
rmm_project() {
    rmm_wanted=$1 rmm_how=$2 rmm_orphans= rmm_shared=
    shift 2
    if [ "${1:-}" = orphans ]; then rmm_orphans=true; shift; fi
    COMPOSE_PROJECT_NAME=$rmm_wanted
    if [ -n "${RMM_SERVICE-}" ]; then
        rmm_find_note "${RMM_NAME_ON_HOSTS:-$RMM_SERVICE}" "$RMM_ENVIRONMENT"
        # Best effort: steps beside this one that lose a container to it take it for a fault of theirs.
        rmm_be_at_work || :
    fi
    if [ "$rmm_how" = default ]; then
        rmm_settle "$@"
        COMPOSE_PROJECT_NAME=$rmm_settled
        # A project that the surfaces of one folder have in common holds containers of the others, too.
        if [ $# -gt 0 ] && [ "$rmm_settled" != "$rmm_wanted" ]; then rmm_shared=yes; fi
    fi
    export COMPOSE_PROJECT_NAME
    if [ -n "$rmm_orphans" ] && [ -n "$(rmm_remove_orphans)" ]; then
        export COMPOSE_REMOVE_ORPHANS="${COMPOSE_REMOVE_ORPHANS:-true}"
    fi
}

# Prints the option that lets compose remove containers which its file does not have; nothing where those of others
# would go with them.
rmm_remove_orphans() {
    [ -z "$rmm_shared" ] || return 0
    if rmm_find_docker; then
        rmm_find_notes
        if rmm_x=$(rmm_stranger "$COMPOSE_PROJECT_NAME"); then
            rmm_say "the compose project has containers of $rmm_x, too, so none is removed" >&2
            return 0
        fi
    fi
    printf '%s' --remove-orphans
}

# rmm_settle [SIBLING…]: sets rmm_settled to the project of this folder, and remembers it. It is rmm_wanted, unless
# containers of the folder run under another name already: their volumes go with that one.
rmm_settle() {
    rmm_settled=$rmm_wanted
    rmm_find_notes
    if [ -s "$rmm_notes/$rmm_wanted" ]; then
        read -r rmm_settled <"$rmm_notes/$rmm_wanted"
        return 0
    fi
    rmm_find_docker && rmm_found=$(rmm_projects) || return 0
    rmm_earlier=$(rmm_names_here exactly "$rmm_wanted" "$@")
    [ -n "$rmm_earlier" ] || rmm_earlier=$(rmm_names_here inside "$rmm_wanted" "$@")
    rmm_several=
    case $rmm_earlier in *[!a-zA-Z0-9_-]*) rmm_several=yes ;; esac
    rmm_own=$(printf '%s\n' "$rmm_found" | grep "^$rmm_wanted|" | rmm_dirs_here)
    if [ -n "$rmm_own" ]; then
        rmm_several=
        [ -z "$rmm_earlier" ] || rmm_say "containers of other compose projects are in this folder:" $rmm_earlier
        rmm_earlier=
    elif [ -z "$rmm_earlier" ]; then
        if rmm_has_volumes "$rmm_wanted"; then rmm_own=yes; else rmm_refuse_left_over; fi
    fi
    if [ -z "$rmm_earlier$rmm_own" ] && rmm_is_used_elsewhere; then
        rmm_say "compose itself would call this folder's project $rmm_x, which is that of $rmm_dir now; it is" \
            "$rmm_wanted from here on, with volumes of its own, unless \`project\` of the surface says otherwise"
    elif [ -n "$rmm_several" ]; then
        rmm_say "containers of several compose projects are in this folder; from now on they run as $rmm_wanted," \
            "unless \`project\` of the surface says otherwise"
    elif [ -n "$rmm_earlier" ] && rmm_x=$(rmm_stranger "$rmm_earlier"); then
        rmm_say "the compose project $rmm_earlier is also that of $rmm_x; from now on this folder's is $rmm_wanted," \
            "unless \`project\` of the surface says otherwise"
    elif [ -n "$rmm_earlier" ]; then
        rmm_say "this folder keeps its compose project $rmm_earlier, which has its containers and volumes"
        rmm_settled=$rmm_earlier
    fi
    # Best effort: without a note it is looked for again.
    { mkdir -p "$rmm_notes" && printf '%s\n' "$rmm_settled" >"$rmm_notes/$rmm_wanted"; } 2>/dev/null || :
}

# Sets rmm_x to the project that compose itself would choose here.
rmm_natural() {
    rmm_x=$(sed -n 's/^COMPOSE_PROJECT_NAME=["'\'']*\([^"'\'']*\).*/\1/p' .env 2>/dev/null | tail -n 1)
    [ -n "$rmm_x" ] || rmm_x=$(cat compose.yaml compose.yml docker-compose.yaml docker-compose.yml 2>/dev/null |
        sed -n 's/^name: *["'\'']*\([a-z0-9_-]*\).*/\1/p' | tail -n 1)
    [ -n "$rmm_x" ] || rmm_x=$(printf '%s' "${PWD##*/}" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9_-' | sed 's/^[_-]*//')
    [ -n "$rmm_x" ]
}

# Volumes of the project that compose itself would choose here, and no container anywhere: it was taken down by hand. A
# name alone does not tell whose they are, so a person does; a folder that RMM has made just now has none.
rmm_refuse_left_over() {
    rmm_natural && [ "$rmm_x" != "$rmm_wanted" ] && [ -z "$(rmm_projects "$rmm_x")" ] && rmm_has_volumes "$rmm_x" || return 0
    if rmm_is_new_here; then
        rmm_say "volumes of a compose project $rmm_x are left on this host; this folder is new and does not take them over"
        return 0
    fi
    rmm_fail "volumes of the compose project $rmm_x, which compose itself would choose in $PWD, are left on this host," \
        "and no container tells whose they are; say it in rmm.toml: \`project = \"$rmm_x\"\` goes on with them," \
        "\`project = \"$rmm_wanted\"\` begins with volumes of its own"
}

# Whether only RMM has checked anything out here, and one version only.
rmm_is_new_here() {
    [ -f .git/logs/HEAD ] && ! grep -qv '<rmm@localhost>' .git/logs/HEAD &&
        [ "$(cut -d' ' -f2 .git/logs/HEAD | sort -u | wc -l)" -le 1 ]
}

# Whether the project that compose itself would choose here has volumes, and containers in another folder: rmm_dir.
rmm_is_used_elsewhere() {
    rmm_natural && [ "$rmm_x" != "$rmm_wanted" ] && rmm_has_volumes "$rmm_x" && rmm_dir=$(rmm_stranger "$rmm_x")
}

rmm_has_volumes() {
    [ -n "$(rmm_ask $rmm_docker volume ls -q --filter "label=$rmm_label.project=$1" 2>/dev/null)" ]
}

# Prints those of the lines `PROJECT|FOLDER` whose folder is here.
rmm_dirs_here() {
    while IFS='|' read -r rmm_p rmm_dir; do
        if [ -n "$rmm_dir" ] && rmm_is_here "$rmm_dir"; then printf '%s|%s\n' "$rmm_p" "$rmm_dir"; fi
    done
}

# rmm_names_here exactly|inside [NAME…]: prints the projects of containers in this folder, or inside it, but those names.
rmm_names_here() {
    rmm_where=$1
    shift
    printf '%s\n' "$rmm_found" | rmm_dirs_here | while IFS='|' read -r rmm_p rmm_dir; do
        if [ "$rmm_where" = exactly ]; then
            case $rmm_dir in "$rmm_at"/* | "$rmm_at_real"/*) continue ;; esac
        fi
        case " $* " in *" $rmm_p "*) ;; *) printf '%s\n' "$rmm_p" ;; esac
    done | sort -u
}

# rmm_made here|elsewhere [FOLDER…]: prints `|CONTAINER|PROJECT|FOLDER` of what compose has made here, or in a folder that
# is neither here nor one of those.
rmm_made() {
    rmm_where=$1
    shift
    rmm_x="|{{.Names}}|{{.Label \"$rmm_label.project\"}}|{{.Label \"$rmm_label.project.working_dir\"}}"
    rmm_ask $rmm_docker ps -a --filter "label=$rmm_label.project" --format "$rmm_x" 2>/dev/null |
        while IFS='|' read -r rmm_x rmm_name rmm_p rmm_dir; do
            [ -n "$rmm_dir" ] || continue
            if rmm_is_here "$rmm_dir"; then
                [ "$rmm_where" = here ] || continue
            else
                [ "$rmm_where" = elsewhere ] || continue
                for rmm_x; do case $rmm_dir/ in "$rmm_x"/*) continue 2 ;; esac done
                if [ -e "$rmm_notes/folders" ] && grep -qxF "$rmm_dir" "$rmm_notes/folders"; then continue; fi
            fi
            printf '|%s|%s|%s\n' "$rmm_name" "$rmm_p" "$rmm_dir"
        done
}

# rmm_stranger PROJECT [FOLDER…]: prints the folder of a container of the project that is neither here nor in one of the
# folders; fails when there is none.
rmm_stranger() {
    rmm_p=$1
    shift
    rmm_x=$(rmm_made elsewhere "$@" | sed -n "s/^|[^|]*|$rmm_p|//p" | sed -n 1p)
    printf '%s' "$rmm_x"
    [ -n "$rmm_x" ]
}

# rmm_compose_place FOLDER NAME chosen|default|named [FOLDER…]: ends the step, before anything is touched, where the project
# is another service's. The other folders share it on purpose. A name is `named` by the service's own commands.
rmm_compose_place() {
    rmm_find_docker || return 0
    rmm_refusal=$(
        rmm_folder=$1 rmm_wanted=$2 rmm_how=$3
        shift 3
        # What is not there yet has no containers either.
        if [ -d "$rmm_folder" ]; then
            cd "$rmm_folder" && rmm_find_notes || exit
        else
            rmm_stand "$rmm_folder"
            rmm_notes=/nowhere
        fi
        rmm_settled=$rmm_wanted
        if [ "$rmm_how" = default ] && [ -s "$rmm_notes/$rmm_wanted" ]; then read -r rmm_settled <"$rmm_notes/$rmm_wanted"; fi
        if [ "$rmm_how" = chosen ]; then
            rmm_x=$(rmm_projects | rmm_dirs_here | sed -n -e "/^$rmm_wanted|/d" -e 's/|.*//p' | sort -u | tr '\n' ' ')
            [ -z "$rmm_x" ] || rmm_say "containers of other compose projects are in this folder: ${rmm_x% }; those that" \
                "$rmm_wanted replaces go with: docker compose -p PROJECT down" >&2
        fi
        # Commands of one's own may have taken containers over that still bear the name of a former folder.
        [ "$rmm_how" != named ] || [ -z "$(rmm_projects "$rmm_settled" | rmm_dirs_here)" ] || exit 0
        if rmm_dir=$(rmm_stranger "$rmm_settled" "$@"); then
            printf '%s' "The compose project $rmm_settled is that of containers in $rmm_dir, which this deploy would" \
                " replace, so none was touched; give the surface a name of its own (\`project = \"…\"\` in rmm.toml)," \
                " or remove them (docker compose -p $rmm_settled down)."
        fi
    )
    [ -z "$rmm_refusal" ] || rmm_fail "$rmm_refusal"
}

# rmm_compose_ask FOLDER name|containers COMPOSE [FOLDER…]: asks compose, by the text that calls it, what the files in the
# folder call the project and its containers, and ends the step where those of another service are called so. The other folders are
# those of rmm_compose_place. Where compose does not answer, nothing is known.
rmm_compose_ask() {
    rmm_find_docker || return 0
    # Where nothing was checked out before (git's empty tree), nothing has to be taken back.
    [ -z "${rmm_before-}" ] || [ "$(rmm_git cat-file -t "$rmm_before" 2>/dev/null)" != tree ] || rmm_untouched=1
    rmm_folder=$1 rmm_which=$2
    rmm_config=$(eval "$3 config" 2>/dev/null) || return 0
    shift 3
    rmm_name=$(printf '%s\n' "$rmm_config" | sed -n 's/^name: *"*\([a-z0-9_-]*\).*/\1/p' | sed -n 1p)
    [ "$rmm_which" != name ] || [ -z "$rmm_name" ] || rmm_compose_place "$rmm_folder" "$rmm_name" named "$@"
    rmm_names=$(printf '%s\n' "$rmm_config" | sed -n '/^services:/,/^[^ s]/s/^    container_name: *"*\([A-Za-z0-9_.-]*\).*/\1/p')
    [ -n "$rmm_names" ] || return 0
    rmm_refusal=$(
        cd "$rmm_folder" && rmm_find_notes && rmm_made elsewhere "$@" | while IFS='|' read -r rmm_x rmm_name rmm_p rmm_dir; do
            printf '%s\n' "$rmm_names" | grep -qxF "$rmm_name" || continue
            printf '%s' "The container $rmm_name of the compose files is already there, as that of the project $rmm_p in" \
                " $rmm_dir, so none was touched; give it a name of its own (\`container_name\` with \${RMM_ENVIRONMENT}, or" \
                " none: compose makes one of the project's), or remove it (docker rm -f $rmm_name)."
            break
        done
    )
    [ -z "$rmm_refusal" ] || rmm_fail "$rmm_refusal"
}

# rmm_compose_watch [FOLDER…]: notes whose containers there are before commands whose text is unknown. The folders are
# those of surfaces that may share a project.
rmm_compose_watch() {
    # The commands are ended with this shell, and clear up after themselves.
    trap : HUP INT TERM
    rmm_others=
    rmm_find_docker || return 0
    rmm_find_notes
    rmm_others=$(rmm_made elsewhere "$@")
    rmm_own=$(rmm_made here)
}

# rmm_compose_taken STATUS: ends the step with the status of its commands, or because containers of another folder have
# become this folder's, or got others of this folder's into their project.
rmm_compose_taken() {
    [ -n "$rmm_others" ] || exit "$1"
    rmm_refusal=$(rmm_made here | while IFS='|' read -r rmm_x rmm_name rmm_p rmm_dir; do
        rmm_x=$(printf '%s\n' "$rmm_others" | grep "^|$rmm_name|" | sed -n 1p)
        if [ -n "$rmm_x" ]; then
            printf '%s' "These commands have replaced the container $rmm_name, which was that of ${rmm_x##*|}; give each a" \
                " container of its own (\`container_name\` or \`--name\` with \$RMM_ENVIRONMENT in it)"
        else
            rmm_x=$(printf '%s\n' "$rmm_others" | grep "^|[^|]*|$rmm_p|" | sed -n 1p)
            [ -n "$rmm_x" ] && ! printf '%s\n' "$rmm_own" | grep -q "^|[^|]*|$rmm_p|" || continue
            printf '%s' "These commands have started containers in the compose project $rmm_p, which is that of ${rmm_x##*|}; give" \
                " the surface a project of its own (\`project = \"…\"\` in rmm.toml, or \`-p\` in its commands)"
        fi
        printf '%s' ", and deploy what is in ${rmm_x##*|} again."
        break
    done)
    [ -z "$rmm_refusal" ] || rmm_fail "$rmm_refusal"
    exit "$1"
}

# Removes the containers of services that other versions of this folder's compose file had and this one does not, and of
# those that the version before started by itself and this one does not; they may hold a port that it needs. What was
# started from other files, or by hand in a profile that neither version enables, is not RMM's.
rmm_compose_retire() {
    rmm_find_docker || return 0
    rmm_find_notes
    rmm_services=$($rmm_docker compose --profile '*' config --services 2>/dev/null) && [ -n "$rmm_services" ] || return 0
    rmm_enabled=$($rmm_docker compose config --services 2>/dev/null) || rmm_enabled=$rmm_services
    rmm_list=$rmm_notes/enabled-$COMPOSE_PROJECT_NAME
    rmm_x="{{.ID}}|{{.Label \"$rmm_label.service\"}}|{{.Label \"$rmm_label.oneoff\"}}"
    rmm_x="$rmm_x|{{.Label \"$rmm_label.project.working_dir\"}}|{{.Label \"$rmm_label.project.config_files\"}}"
    rmm_ask $rmm_docker ps -a --filter "label=$rmm_label.project=$COMPOSE_PROJECT_NAME" --format "$rmm_x" 2>/dev/null |
        while IFS='|' read -r rmm_id rmm_service rmm_oneoff rmm_dir rmm_files; do
            [ -n "$rmm_service" ] && [ "$rmm_oneoff" != True ] && [ -n "$rmm_dir" ] && rmm_is_here "$rmm_dir" || continue
            if printf '%s\n' "$rmm_enabled" | grep -qxF "$rmm_service"; then continue; fi
            rmm_what="does not have"
            if printf '%s\n' "$rmm_services" | grep -qxF "$rmm_service"; then
                grep -qxF "$rmm_service" "$rmm_list" 2>/dev/null || continue
                rmm_what="does not start"
            fi
            rmm_x=$(printf '%s\n' "$rmm_files" | tr , '\n' | grep -Ev '(^|/)(docker-)?compose(\.override)?\.ya?ml$')
            [ -n "$rmm_files" ] && [ -z "$rmm_x" ] || continue
            rmm_say "removes a container of $rmm_service, which this version $rmm_what"
            $rmm_docker stop "$rmm_id" >/dev/null 2>&1
            rmm_ask $rmm_docker rm -f "$rmm_id" >/dev/null 2>&1 || rmm_say "it could not be removed: $rmm_id"
        done
    # Best effort: what this version starts by itself.
    { mkdir -p "$rmm_notes" && printf '%s\n' "$rmm_enabled" >"$rmm_list"; } 2>/dev/null || :
}

# Prints `ID|SERVICE` of the project's containers, without those of single commands.
rmm_services_there() {
    rmm_ask $rmm_docker ps -a --filter "label=$rmm_label.project=$COMPOSE_PROJECT_NAME" \
        --format "{{.ID}}|{{.Label \"$rmm_label.service\"}}|{{.Label \"$rmm_label.oneoff\"}}" 2>/dev/null |
        sed -n -e '/|True$/d' -e 's/|[^|]*$//p'
}

# rmm_compose_before SURFACE COMMIT: notes what a project that surfaces share has before a version of one is started. A
# note that is there already is from before an attempt that did not end well.
rmm_compose_before() {
    rmm_find_docker || return 0
    rmm_find_notes
    rmm_x=$rmm_notes/before-$COMPOSE_PROJECT_NAME-$1
    [ -e "$rmm_x-$2" ] || { mkdir -p "$rmm_notes" && rmm_services_there | sed 's/.*|//' >"$rmm_x-$2"; } 2>/dev/null || :
    # No rollback goes back further than that.
    { ls -t "$rmm_x"-* | tail -n +50 | xargs rm -f; } 2>/dev/null || :
}

# rmm_compose_back SURFACE COMMIT: removes what a project that surfaces share has got since that version of one came.
rmm_compose_back() {
    rmm_find_docker || return 0
    rmm_find_notes
    rmm_x=$rmm_notes/before-$COMPOSE_PROJECT_NAME-$1-$2
    [ -e "$rmm_x" ] || return 0
    rmm_services_there | while IFS='|' read -r rmm_id rmm_service; do
        if grep -qxF "$rmm_service" "$rmm_x"; then continue; fi
        rmm_say "removes a container of $rmm_service, which only the newer version has"
        rmm_ask $rmm_docker rm -f "$rmm_id" >/dev/null 2>&1 || rmm_say "it could not be removed: $rmm_id"
    done
    rm -f "$rmm_x"
}
