# Prints the ids of the project's containers: of those that are here, if there are any.
rmm_containers() {
    rmm_ids=$(rmm_ask $rmm_docker ps -a --no-trunc --filter "label=$rmm_label.project=$COMPOSE_PROJECT_NAME" \
        --format "{{.ID}}|{{.Label \"$rmm_label.project.working_dir\"}}" 2>/dev/null)
    rmm_x=$(printf '%s\n' "$rmm_ids" | rmm_dirs_here)
    printf '%s\n' "${rmm_x:-$rmm_ids}" | sed 's/|.*//'
}

# Looks at the containers once. Sets rmm_ill (sentences), rmm_sick (names), rmm_starting (names), rmm_running (a number)
# and rmm_seen (what changes when a container is started again).
rmm_look_at_containers() {
    rmm_ill= rmm_sick= rmm_starting= rmm_running=0 rmm_seen=
    rmm_ids=$(rmm_containers)
    [ -n "$rmm_ids" ] || return 0
    while IFS='|' read -r rmm_name rmm_state rmm_exit rmm_restarts rmm_started rmm_health rmm_policy rmm_ports rmm_service rmm_oneoff rmm_id; do
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
            case $rmm_exit/$rmm_policy/$rmm_ports in
            0//0 | 0/no/0 | 0/on-failure*/0) ;;
            0/*/[1-9]*) rmm_what="has ended with exit status 0, and what publishes ports has to run" ;;
            *) rmm_what="has ended with exit status $rmm_exit" ;;
            esac
            ;;
        restarting/*) rmm_what="ends again and again, the last time with exit status $rmm_exit" ;;
        created/*) rmm_what="was made and never started" ;;
        *) rmm_what="is $rmm_state" ;;
        esac
        [ -z "$rmm_what" ] || { rmm_ill="${rmm_ill:+$rmm_ill; }$rmm_name $rmm_what" rmm_sick="$rmm_sick $rmm_name"; }
    done <<END
$(rmm_ask $rmm_docker inspect --format "{{.Name}}|{{.State.Status}}|{{.State.ExitCode}}|{{.RestartCount}}|{{.State.StartedAt}}|{{if .State.Health}}{{.State.Health.Status}}{{end}}|{{.HostConfig.RestartPolicy.Name}}|{{len .HostConfig.PortBindings}}|{{index .Config.Labels \"$rmm_label.service\"}}|{{index .Config.Labels \"$rmm_label.oneoff\"}}|{{.ID}}" \
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
        # It may say why in several lines, and a reason is one.
        [ -z "${rmm_said-}" ] || rmm_said=$(printf '%s' "$rmm_said" | tr '\n' ' ')
        rmm_fail "Docker does not answer, so nothing tells that the containers are well: ${rmm_said:-docker was not found}."
    fi
    [ "$1" != declared ] || rmm_services=$($rmm_docker compose config --services 2>/dev/null) || rmm_services=
    [ -n "$(rmm_containers)" ] || rmm_find_elsewhere "$1" || return 0
    rmm_look_at_containers
    rmm_looks_left=210 rmm_before=$rmm_seen rmm_changes=0
    while [ -z "$rmm_ill" ] && [ -n "$rmm_starting" ] && [ $rmm_looks_left -gt 0 ]; do
        sleep 2
        rmm_looks_left=$((rmm_looks_left - 1))
        rmm_look_at_containers
        [ "$rmm_seen" != "$rmm_before" ] || continue
        rmm_changes=$((rmm_changes + 1))
        [ $rmm_changes -lt 2 ] || rmm_ends_again
        rmm_before=$rmm_seen
    done
    rmm_judge
    [ -z "$rmm_starting" ] || rmm_fail "Not well yet: still starting:$rmm_starting."
    rmm_before=$rmm_seen
    sleep 10
    rmm_look_at_containers
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
