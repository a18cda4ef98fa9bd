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
    rmm_ask $rmm_docker ps -a --filter "label=$rmm_label.project${1:+=$1}" \
        --format "{{.Label \"$rmm_label.project\"}}|{{.Label \"$rmm_label.project.working_dir\"}}" 2>/dev/null | sort -u
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
    if [ -n "$(printf '%s\n' "$rmm_found" | grep "^$rmm_wanted|" | rmm_dirs_here)" ]; then
        rmm_earlier= rmm_several=
    elif [ -z "$rmm_earlier" ]; then
        rmm_has_volumes "$rmm_wanted" || rmm_find_left_over
    fi
    if [ -z "$rmm_earlier" ] && rmm_is_used_elsewhere; then
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

# Sets rmm_earlier to the project that compose itself would choose here, if it left volumes and no container of it is
# anywhere: it was taken down by hand.
rmm_find_left_over() {
    rmm_natural && [ -z "$(rmm_projects "$rmm_x")" ] && rmm_has_volumes "$rmm_x" || return 0
    rmm_earlier=$rmm_x
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

# rmm_stranger PROJECT [FOLDER…]: prints the folder of a container of the project that is neither here nor in one of the
# folders; fails when there is none.
rmm_stranger() {
    rmm_x=$1
    shift
    rmm_projects "$rmm_x" | {
        while IFS='|' read -r rmm_p rmm_dir; do
            if [ -z "$rmm_dir" ] || rmm_is_here "$rmm_dir"; then continue; fi
            for rmm_x; do case $rmm_dir/ in "$rmm_x"/*) continue 2 ;; esac done
            if [ -e "$rmm_notes/folders" ] && grep -qxF "$rmm_dir" "$rmm_notes/folders"; then continue; fi
            printf '%s' "$rmm_dir"
            exit 0
        done
        exit 1
    }
}

# rmm_compose_place FOLDER NAME chosen|default [FOLDER…]: ends the step, before anything is touched, where the project
# is somebody else's. The other folders share it on purpose.
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
        if rmm_dir=$(rmm_stranger "$rmm_settled" "$@"); then
            printf '%s' "The compose project $rmm_settled is that of containers in $rmm_dir, which this deploy would" \
                " replace, so nothing was touched; give the surface a name of its own (\`project = \"…\"\` in rmm.toml)," \
                " or remove them (docker compose -p $rmm_settled down)."
        fi
    )
    [ -z "$rmm_refusal" ] || rmm_fail "$rmm_refusal"
}

# Prints the ids of the project's containers: of those that are here, if there are any.
rmm_containers() {
    rmm_ids=$(rmm_ask $rmm_docker ps -a --no-trunc --filter "label=$rmm_label.project=$COMPOSE_PROJECT_NAME" \
        --format "{{.ID}}|{{.Label \"$rmm_label.project.working_dir\"}}" 2>/dev/null)
    rmm_x=$(printf '%s\n' "$rmm_ids" | rmm_dirs_here)
    printf '%s\n' "${rmm_x:-$rmm_ids}" | sed 's/|.*//'
}

# Looks at the containers once. Sets rmm_ill (sentences), rmm_sick (names), rmm_starting (names), rmm_running (a number)
# and rmm_seen (what changes when a container is started again).
rmm_look() {
    rmm_ill= rmm_sick= rmm_starting= rmm_running=0 rmm_seen=
    rmm_ids=$(rmm_containers)
    [ -n "$rmm_ids" ] || return 0
    while IFS='|' read -r rmm_name rmm_state rmm_exit rmm_restarts rmm_started rmm_health rmm_policy rmm_service rmm_oneoff rmm_id; do
        case $rmm_name/$rmm_oneoff in /* | */True) continue ;; esac
        if [ -n "$rmm_services" ] && ! printf '%s\n' "$rmm_services" | grep -qxF "$rmm_service"; then continue; fi
        rmm_seen="$rmm_seen $rmm_name:$rmm_started:$rmm_restarts"
        rmm_what=
        case $rmm_state/$rmm_health in
        running/unhealthy) rmm_what="runs and is unhealthy, its HEALTHCHECK says" ;;
        running/*)
            rmm_running=$((rmm_running + 1))
            if [ "$rmm_health" = starting ]; then rmm_starting="$rmm_starting $rmm_name"; fi
            # One that waited for another may have ended before; one that ends again and again never lasts a minute.
            [ "$rmm_restarts" = 0 ] || case $(rmm_ask $rmm_docker ps --filter "id=$rmm_id" --format '{{.Status}}') in
            "Up Less than"* | "Up "*" second"*) rmm_starting="$rmm_starting $rmm_name" ;;
            esac
            ;;
        exited/*)
            case $rmm_exit/$rmm_policy in
            0/ | 0/no | 0/on-failure*) ;;
            *) rmm_what="has ended with exit status $rmm_exit" ;;
            esac
            ;;
        restarting/*) rmm_what="ends again and again, the last time with exit status $rmm_exit" ;;
        created/*) rmm_what="was made and never started" ;;
        *) rmm_what="is $rmm_state" ;;
        esac
        [ -z "$rmm_what" ] || { rmm_ill="${rmm_ill:+$rmm_ill; }$rmm_name $rmm_what" rmm_sick="$rmm_sick $rmm_name"; }
    done <<END
$(rmm_ask $rmm_docker inspect --format "{{.Name}}|{{.State.Status}}|{{.State.ExitCode}}|{{.RestartCount}}|{{.State.StartedAt}}|{{if .State.Health}}{{.State.Health.Status}}{{end}}|{{.HostConfig.RestartPolicy.Name}}|{{index .Config.Labels \"$rmm_label.service\"}}|{{index .Config.Labels \"$rmm_label.oneoff\"}}|{{.ID}}" \
        $rmm_ids 2>/dev/null | sed 's,^/,,')
END
}

# Ends the check when a container is ill, with its last words.
rmm_judge() {
    for rmm_name in $rmm_sick; do
        rmm_say "the last lines of $rmm_name:"
        rmm_ask $rmm_docker logs --tail 20 "$rmm_name" 2>&1 | sed 's/^/    /'
        rmm_ask $rmm_docker inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}{{end}}' \
            "$rmm_name" 2>/dev/null | sed -e '/^$/d' -e 's/^/    HEALTHCHECK: /' | tail -n 3
    done
    [ -z "$rmm_ill" ] || rmm_fail "Not well: $rmm_ill."
}

# rmm_compose_well declared|found|any: whether all containers of the project run, are healthy where they can tell, and
# stay so. `declared` leaves out containers of services that the compose file does not have; the others are for commands
# of the service's own, which may give the project another name, and with `any` need not use compose at all.
rmm_compose_well() {
    rmm_stand
    rmm_services=
    if ! rmm_find_docker; then
        [ "$1" = declared ] || [ -n "${rmm_said+asked}" ] || rmm_blind "there is no docker here" || return 0
        rmm_fail "Docker does not answer, so nothing tells that the containers are well: ${rmm_said:-docker was not found}."
    fi
    [ "$1" != declared ] || rmm_services=$($rmm_docker compose config --services 2>/dev/null) || rmm_services=
    [ -n "$(rmm_containers)" ] || rmm_find_elsewhere "$1" || return 0
    rmm_look
    rmm_patience=45 rmm_before=$rmm_seen rmm_changes=0
    while [ -z "$rmm_ill" ] && [ -n "$rmm_starting" ] && [ $rmm_patience -gt 0 ]; do
        sleep 2
        rmm_patience=$((rmm_patience - 1))
        rmm_look
        [ "$rmm_seen" = "$rmm_before" ] || rmm_changes=$((rmm_changes + 1)) rmm_before=$rmm_seen
        [ $rmm_changes -lt 2 ] || rmm_ends_again
    done
    rmm_judge
    [ -z "$rmm_starting" ] || rmm_fail "Not well yet: still starting:$rmm_starting."
    rmm_before=$rmm_seen
    sleep 10
    rmm_look
    rmm_judge
    [ "$rmm_seen" = "$rmm_before" ] || rmm_ends_again
    [ $rmm_running -gt 0 ] || rmm_fail "Not well: no container of the compose project $COMPOSE_PROJECT_NAME runs." \
        "If that is as it should be, give the surface a \`health\` of its own."
    rmm_say "all containers of the compose project $COMPOSE_PROJECT_NAME are well ($rmm_running run)"
}

rmm_ends_again() {
    for rmm_x in $rmm_seen; do
        case " $rmm_before " in *" $rmm_x "*) ;; *) rmm_sick="$rmm_sick ${rmm_x%%:*}" ;; esac
    done
    rmm_ill="${rmm_sick# } ended and was started again within seconds"
    rmm_judge
}

# Says that nothing can be said.
rmm_blind() {
    rmm_say "nothing tells that this is well: $1; give the surface a \`health\` of its own"
    return 1
}

# What a command of the service's own started may have another name: looks for containers of this folder. Fails when
# there are none and none were to be expected.
rmm_find_elsewhere() {
    rmm_x=$(rmm_projects | rmm_dirs_here | sed -n '1s/|.*//p')
    if [ "$1" != declared ] && [ -n "$rmm_x" ]; then
        COMPOSE_PROJECT_NAME=$rmm_x
        return 0
    fi
    [ "$1" != any ] || rmm_blind "compose has no containers here" || return 1
    rmm_fail "Not well: the compose project $COMPOSE_PROJECT_NAME has no containers." \
        "If that is as it should be, give the surface a \`health\` of its own."
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
    # Nobody goes back further than that.
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

# rmm_compose_keep VERSIONS COMMIT: notes the images that run now as those of a version, and removes those of versions
# before the last VERSIONS. Only what compose has built for this project is ever removed, and never by force. Best
# effort: it never fails.
rmm_compose_keep() {
    rmm_find_docker || { rmm_say "images of earlier versions stay: docker does not answer"; return 0; }
    rmm_find_notes
    rmm_list=$rmm_notes/images-$COMPOSE_PROJECT_NAME
    # In a subshell, so that nothing in it ends the step.
    (mkdir -p "$rmm_notes" && rmm_note_images "$2" && rmm_prune_images "$1") 2>/dev/null ||
        rmm_say "images of earlier versions could not be removed; they stay for now"
    rmm_note_folders
    return 0
}

# Prints `ID|REFERENCE` of the images that compose built for this project and that its containers run on.
rmm_built() {
    rmm_ids=$(rmm_containers)
    [ -n "$rmm_ids" ] || return 0
    rmm_ask $rmm_docker inspect --format '{{.Image}}|{{.Config.Image}}' $rmm_ids | sort -u | while IFS='|' read -r rmm_id rmm_ref; do
        rmm_x=$(rmm_ask $rmm_docker image inspect --format "{{index .Config.Labels \"$rmm_label.project\"}}" "$rmm_id") || continue
        [ "$rmm_x" != "$COMPOSE_PROJECT_NAME" ] || printf '%s|%s\n' "$rmm_id" "$rmm_ref"
    done
}

# The name without its tag, which is what follows the last colon unless that is the port of a registry.
rmm_untagged() {
    rmm_x=${1%%@*}
    case ${rmm_x##*/} in *:*) rmm_x=${rmm_x%:*} ;; esac
    printf '%s' "$rmm_x"
}

# The list has a line `COMMIT|ID|REFERENCE` for each image, the version that was deployed last at its end. A tag keeps
# an image from those who clean up what has no name.
rmm_note_images() {
    rmm_now=$(rmm_built)
    { grep -v "^$1|" "$rmm_list" || :; } >"$rmm_list.new"
    printf '%s\n' "$rmm_now" | while IFS='|' read -r rmm_id rmm_ref; do
        [ -n "$rmm_id" ] || continue
        printf '%s|%s|%s\n' "$1" "$rmm_id" "$rmm_ref" >>"$rmm_list.new"
        case $rmm_ref in sha256:*) ;; *) rmm_ask $rmm_docker tag "$rmm_id" "$(rmm_untagged "$rmm_ref"):rmm-$1" ;; esac
    done
    mv "$rmm_list.new" "$rmm_list"
}

rmm_prune_images() {
    rmm_kept=$(sed 's/|.*//' "$rmm_list" | uniq | tail -n "$1")
    rmm_used=$(rmm_ask $rmm_docker ps -aq | xargs $rmm_docker inspect --format '{{.Image}}') || :
    rmm_keep_ids=$rmm_used
    : >"$rmm_list.new"
    : >"$rmm_list.old"
    : >"$rmm_list.used"
    while IFS='|' read -r rmm_commit rmm_id rmm_ref; do
        if printf '%s\n' "$rmm_kept" | grep -qxF "$rmm_commit"; then
            printf '%s|%s|%s\n' "$rmm_commit" "$rmm_id" "$rmm_ref" >>"$rmm_list.new"
            rmm_keep_ids="$rmm_keep_ids
$rmm_id"
        else
            printf '%s|%s|%s\n' "$rmm_commit" "$rmm_id" "$rmm_ref" >>"$rmm_list.old"
        fi
    done <"$rmm_list"
    rmm_gone=0
    while IFS='|' read -r rmm_commit rmm_id rmm_ref; do
        if printf '%s\n' "$rmm_used" | grep -qxF "$rmm_id" && ! grep -qF "|$rmm_id|" "$rmm_list.new"; then
            # Something still runs on it: it is looked at again after the next deploy.
            printf '%s|%s|%s\n' "$rmm_commit" "$rmm_id" "$rmm_ref" >>"$rmm_list.used"
            continue
        fi
        rmm_ask $rmm_docker rmi "$(rmm_untagged "$rmm_ref"):rmm-$rmm_commit" >/dev/null 2>&1 || :
        if printf '%s\n' "$rmm_keep_ids" | grep -qxF "$rmm_id"; then continue; fi
        # The name that it ran under, as long as that is still its name.
        if [ "$(rmm_ask $rmm_docker image inspect --format '{{.ID}}' "$rmm_ref" 2>/dev/null)" = "$rmm_id" ]; then
            rmm_ask $rmm_docker rmi "$rmm_ref" >/dev/null 2>&1 || :
        fi
        rmm_gone=$((rmm_gone + 1))
    done <"$rmm_list.old"
    # What builds of this project left without a name. What was pulled has one, even when its tag has moved on.
    for rmm_id in $(rmm_ask $rmm_docker images --no-trunc --filter dangling=true \
        --filter "label=$rmm_label.project=$COMPOSE_PROJECT_NAME" --format '{{.Repository}}|{{.ID}}' |
        sed -n 's/^<none>|//p'); do
        if printf '%s\n' "$rmm_keep_ids" | grep -qxF "$rmm_id"; then continue; fi
        if rmm_ask $rmm_docker rmi "$rmm_id" >/dev/null 2>&1; then rmm_gone=$((rmm_gone + 1)); fi
    done
    cat "$rmm_list.used" "$rmm_list.new" >"$rmm_list" && rm -f "$rmm_list.new" "$rmm_list.old" "$rmm_list.used"
    [ $rmm_gone -eq 0 ] || rmm_say "removed images of earlier versions ($rmm_gone)"
}

# Remembers the folders outside this one that a command of the service's own gives to the containers, so that they are
# not taken for strangers at the next deploy.
rmm_note_folders() {
    rmm_projects "$COMPOSE_PROJECT_NAME" | while IFS='|' read -r rmm_p rmm_dir; do
        if [ -n "$rmm_dir" ] && ! rmm_is_here "$rmm_dir"; then printf '%s\n' "$rmm_dir"; fi
    done >"$rmm_notes/folders" 2>/dev/null || :
}
