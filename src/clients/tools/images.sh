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

# Prints `ID|REFERENCE` of the images that compose built for this project and that its containers run on. Docker's older
# builder does not mark them, so there the compose file tells.
rmm_built() {
    rmm_ids=$(rmm_containers)
    [ -n "$rmm_ids" ] || return 0
    rmm_builds=$(rmm_services_with_build)
    rmm_ask $rmm_docker inspect --format "{{.Image}}|{{.Config.Image}}|{{index .Config.Labels \"$rmm_label.service\"}}" $rmm_ids |
        sort -u | while IFS='|' read -r rmm_id rmm_ref rmm_service; do
            rmm_x=$(rmm_ask $rmm_docker image inspect --format "{{index .Config.Labels \"$rmm_label.project\"}}|{{len .RepoDigests}}" "$rmm_id") || continue
            case $rmm_x in
            "$COMPOSE_PROJECT_NAME|"*) ;;
            # What has a digest may have been pulled.
            "|0") printf '%s\n' "$rmm_builds" | grep -qxF "$rmm_service" || continue ;;
            *) continue ;;
            esac
            printf '%s|%s\n' "$rmm_id" "$rmm_ref"
        done | sort -u
}

# Prints the services that the compose file says how to build.
rmm_services_with_build() {
    rmm_service= rmm_part=
    $rmm_docker compose config 2>/dev/null | while IFS= read -r rmm_line; do
        case $rmm_line in
        [!\ ]*) rmm_part=$rmm_line ;;
        "   "*[!\ ]*) [ "$rmm_part/${rmm_line%%build:*}" != "services:/    " ] || printf '%s\n' "$rmm_service" ;;
        "  "*:)
            rmm_service=${rmm_line#  }
            rmm_service=${rmm_service%:}
            rmm_service=${rmm_service#\"}
            rmm_service=${rmm_service%\"}
            ;;
        esac
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
