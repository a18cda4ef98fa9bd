# Sets rmm_free and rmm_size, the free and the whole kilobytes of the disk that a path is on or will be on; fails where
# that cannot be known.
rmm_disk_of() {
    rmm_x=$1
    while [ ! -e "$rmm_x" ] && [ "${rmm_x%/*}" != "$rmm_x" ]; do rmm_x=${rmm_x%/*}; done
    rmm_x=$(df -Pk "${rmm_x:-/}" 2>/dev/null | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9][0-9]*  *\(-*[0-9][0-9]*\)  *[0-9][0-9]*% \/.*$/\1 \2/p')
    rmm_size=${rmm_x%% *} rmm_free=${rmm_x##* }
    [ -n "$rmm_size" ] && [ -n "$rmm_free" ] && [ "$rmm_size" -gt 0 ]
} 2>/dev/null

# Sets rmm_inodes to the number of files that the disk of a path can still hold, to nothing where that cannot be known.
rmm_count_inodes() {
    rmm_x=$1
    while [ ! -e "$rmm_x" ] && [ "${rmm_x%/*}" != "$rmm_x" ]; do rmm_x=${rmm_x%/*}; done
    # Some file systems count none, and say so with zeros or a dash.
    rmm_inodes=$(df -Pi "${rmm_x:-/}" 2>/dev/null | sed -n '2s/^.* \([1-9][0-9]*\)  *[0-9][0-9]*  *\([0-9][0-9]*\)  *[0-9][0-9]*% \/.*$/\2/p')
}

# rmm_room BYTES|auto FOLDER [docker]: ends the step, before anything is touched, where a disk has less room than that:
# that of the folder, and that of docker's images. `auto` is 500 MB, and of a small disk a twentieth.
rmm_room() {
    rmm_room_at "$1" "$2" "$2"
    if [ "${3:-}" = docker ] && rmm_find_images; then rmm_room_at "$1" "$rmm_root" "docker's images ($rmm_root)"; fi
}

# Sets rmm_root to where docker keeps its images; fails where that is not on this machine.
rmm_find_images() {
    rmm_find_docker || return
    case ${DOCKER_HOST:-unix:} in unix:*) ;; *) return 1 ;; esac
    rmm_root=$($rmm_docker info --format '{{.DockerRootDir}}' 2>/dev/null) && [ -n "$rmm_root" ] && [ -d "$rmm_root" ]
}

rmm_room_at() {
    rmm_lacks "$1" "$2" || return 0
    rmm_fail "The disk of $3 $rmm_x, so nothing was touched; make room there, or set \`min_free\` of the surface lower."
}

# FOLDER NAME: the way back goes on as far as it can, and says what will be in the way of the next deploy.
rmm_tell_room() {
    ! rmm_lacks auto "$1" || rmm_say "the disk of $2 is nearly full: it $rmm_x; the way back goes on"
}

# The same of docker's images.
rmm_tell_image_room() {
    ! rmm_find_images || rmm_tell_room "$rmm_root" "docker's images ($rmm_root)"
}

# Whether the disk of a path has less room than that: rmm_x is what it has.
rmm_lacks() {
    rmm_disk_of "$2" || return 1
    if [ "$1" = auto ]; then
        rmm_need=512000
        [ $((rmm_size / 20)) -ge $rmm_need ] || rmm_need=$((rmm_size / 20))
    else
        rmm_need=$((($1 + 1023) / 1024))
    fi
    rmm_x="has $(rmm_amount "$rmm_free") free and a deploy wants $(rmm_amount "$rmm_need")"
    [ "$rmm_free" -ge "$rmm_need" ] || return 0
    [ "$rmm_need" -gt 0 ] || return 1
    rmm_count_inodes "$2"
    rmm_x="can hold $rmm_inodes more files (inodes) and a deploy wants 1000"
    [ "${rmm_inodes:-1000}" -lt 1000 ]
}

# Kilobytes for people.
rmm_amount() {
    if [ "$1" -ge 10240 ]; then echo "$(($1 / 1024)) MiB"; else echo "$1 KiB"; fi
}
