# Sets rmm_free and rmm_size, the free and the whole kilobytes of the disk that a path is on or will be on; fails where
# that cannot be known.
rmm_disk_of() {
    rmm_x=$1
    while [ ! -e "$rmm_x" ] && [ "${rmm_x%/*}" != "$rmm_x" ]; do rmm_x=${rmm_x%/*}; done
    rmm_x=$(df -Pk "${rmm_x:-/}" 2>/dev/null | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9][0-9]*  *\(-*[0-9][0-9]*\)  *[0-9][0-9]*% \/.*$/\1 \2/p')
    rmm_size=${rmm_x%% *} rmm_free=${rmm_x##* }
    [ -n "$rmm_size" ] && [ -n "$rmm_free" ] && [ "$rmm_size" -gt 0 ]
} 2>/dev/null

# rmm_room BYTES|auto FOLDER [docker]: ends the step, before anything is touched, where a disk has less room than that:
# that of the folder, and that of docker's images. `auto` is 500 MB, and of a small disk a twentieth.
rmm_room() {
    rmm_room_at "$1" "$2" "$2"
    [ "${3:-}" = docker ] && rmm_find_docker || return 0
    case ${DOCKER_HOST:-unix:} in unix:*) ;; *) return 0 ;; esac
    rmm_root=$($rmm_docker info --format '{{.DockerRootDir}}' 2>/dev/null) || return 0
    if [ -n "$rmm_root" ] && [ -d "$rmm_root" ]; then rmm_room_at "$1" "$rmm_root" "docker's images ($rmm_root)"; fi
}

rmm_room_at() {
    rmm_disk_of "$2" || return 0
    if [ "$1" = auto ]; then
        rmm_need=512000
        [ $((rmm_size / 20)) -ge $rmm_need ] || rmm_need=$((rmm_size / 20))
    else
        rmm_need=$((($1 + 1023) / 1024))
    fi
    [ "$rmm_free" -ge "$rmm_need" ] || rmm_fail "The disk of $3 has $(rmm_amount "$rmm_free") free and the deploy wants" \
        "$(rmm_amount "$rmm_need"), so nothing was touched; make room there, or set \`min_free\` of the surface lower."
}

# Kilobytes for people.
rmm_amount() {
    if [ "$1" -ge 10240 ]; then echo "$(($1 / 1024)) MiB"; else echo "$1 KiB"; fi
}
