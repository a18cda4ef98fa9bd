# Whose containers are that commands start, stop and remove. What compose makes bears the name of its folder, and the
# folder a mark of its service and environment. In what commands start under names of their own (`docker run --name`)
# nothing tells whose it is, so RMM notes on the host what the steps of each service and environment have started.
#
# A note is a file with lines `ID|NAME|KIND|FOLDER`; its first line changes with every step. KIND is `stays`, or for what
# docker removes when it ends a number that tells what was started, or `taken:WHO` for a container of another note that a
# step has replaced: what has its name now belongs to no note, until WHO has started it again.

rmm_nl='
'

# SERVICE ENVIRONMENT: sets whose note is meant, and where the notes are.
rmm_find_note() {
    rmm_note_dir=${XDG_STATE_HOME:-$HOME/.local/state}/rmm-containers
    rmm_note_of="$1@$2"
}

# Prints `|ID|NAME|STATUS|FOLDER` of all containers, the folder for what compose has made (an image that it has built has
# only its other labels); fails where an engine does not answer that did before.
rmm_list_containers() {
    rmm_y="|{{.ID}}|{{.Names}}|{{.Status}}|{{.Label \"$rmm_label.project.working_dir\"}}"
    rmm_ask $rmm_docker ps -a --format "$rmm_y" 2>/dev/null || return
    [ -z "$rmm_podman" ] || rmm_ask podman ps -a --format "$rmm_y" 2>/dev/null
}

# Sets rmm_there to all containers; fails where nothing can tell.
rmm_see_containers() {
    rmm_podman=
    rmm_find_docker || return
    case $rmm_docker in *podman) ;; *) ! command -v podman >/dev/null 2>&1 || rmm_podman=yes ;; esac
    rmm_there=$(rmm_list_containers) && return
    # One that does not work is left out.
    rmm_podman=
    rmm_there=$(rmm_list_containers)
}

# LIST NAME: prints the id that has the name.
rmm_id_of() {
    printf '%s\n' "$1" | while IFS='|' read -r rmm_x rmm_id rmm_name rmm_x; do
        [ "$rmm_name" != "$2" ] || { printf '%s' "$rmm_id" && break; }
    done
}

# Prints the kind of a container.
rmm_kind_of() {
    rmm_y='{{.HostConfig.AutoRemove}} {{.Image}} {{.Path}} {{json .Args}} {{json .Config.Env}}'
    rmm_x=$(rmm_ask $rmm_docker inspect --type container --format "$rmm_y" "$1" 2>/dev/null ||
        { [ -n "$rmm_podman" ] && rmm_ask podman inspect --type container --format "$rmm_y" "$1" 2>/dev/null; })
    case $rmm_x in
    true\ *) printf '%s' "$rmm_x" | cksum | tr -d ' ' ;;
    false\ *) printf stays ;;
    *) printf unknown ;;
    esac
}

# WHO: whether a step of theirs is at work.
rmm_is_at_work() {
    for rmm_x in "$rmm_note_dir/busy-$1".*; do
        [ -e "$rmm_x" ] || continue
        kill -0 "${rmm_x##*.}" 2>/dev/null && return
        rm -f "$rmm_x"
    done
    return 1
}

# Lets steps beside this one know that it is at work; fails where that cannot be written.
rmm_be_at_work() {
    {
        mkdir -p "$rmm_note_dir" && : >"$rmm_note_dir/busy-$rmm_note_of.$$" &&
            printf '%s\n' "$$ $(date +%s)" >"$rmm_note_dir/turn-$rmm_note_of"
    } 2>/dev/null
}

# WHO: prints what changes with every step of theirs, and is never empty.
rmm_turn_of() {
    printf 'at '
    { sed -n 1p "$rmm_note_dir/of-$1"; } 2>/dev/null | tr '\n' ' '
    { sed -n 1p "$rmm_note_dir/turn-$1"; } 2>/dev/null
}

# WHO: the same; nothing while a step of theirs is at work.
rmm_quiet_turn_of() {
    rmm_is_at_work "$1" || rmm_turn_of "$1"
}

# Prints `WHO|TURN|ID|NAME|KIND|FOLDER` of what others have started; no turn where a step of theirs is at work.
rmm_others_started() {
    for rmm_file in "$rmm_note_dir"/of-*@*; do
        rmm_who=${rmm_file##*/of-}
        case $rmm_who in "$rmm_note_of" | *.new) continue ;; esac
        rmm_turn=$(rmm_quiet_turn_of "$rmm_who")
        sed -e 1d -e '/|taken:/d' -e "s,^,$rmm_who|$rmm_turn|," "$rmm_file" 2>/dev/null
    done
}

# FOLDER: prints who holds it, or the clone that it is in; fails where no service of RMM does.
rmm_holder_of() {
    rmm_around=$1
    while [ -n "$rmm_around" ]; do
        if { read -r rmm_x rmm_y <"$rmm_around/.git/rmm-place"; } 2>/dev/null && [ -n "$rmm_y" ]; then
            printf '%s' "$rmm_x@$rmm_y"
            return 0
        fi
        rmm_around=${rmm_around%/*}
    done
    return 1
}

# Prints the same of what compose runs in folders that others hold; the KIND is `composed`.
rmm_others_composed() {
    printf '%s\n' "$rmm_there" | while IFS='|' read -r rmm_x rmm_noted rmm_name rmm_status rmm_dir; do
        case $rmm_dir$rmm_status in /*Up\ * | /*Restarting\ *) ;; *) continue ;; esac
        rmm_who=$(rmm_holder_of "$rmm_dir") && [ "$rmm_who" != "$rmm_note_of" ] || continue
        printf '%s\n' "$rmm_who|$(rmm_quiet_turn_of "$rmm_who")|$rmm_noted|$rmm_name|composed|$rmm_dir"
    done
}

# Prints the own lines of the note.
rmm_own_started() {
    { sed 1d "$rmm_note_dir/of-$rmm_note_of"; } 2>/dev/null
}

# WHO FOLDER: prints them for people.
rmm_title_of() {
    printf '%s' "${1%@*} on ${1##*@}${2:+ ($2)}"
}

# WHO: prints what keeps containers apart.
rmm_apart() {
    printf '%s' "give the container a name of its own in each environment (\`--name ${1%@*}-\$RMM_ENVIRONMENT\`)"
}

# NAME…: says which containers of that name are there that no step of RMM has started.
rmm_say_unknown() {
    rmm_known=$(rmm_own_started; rmm_others_started)
    for rmm_wanted; do
        rmm_x=$(rmm_id_of "$rmm_there" "$rmm_wanted")
        [ -n "$rmm_x" ] || continue
        case "$rmm_nl$rmm_known" in *"|$rmm_x|"* | *"$rmm_nl$rmm_x|"*) continue ;; esac
        rmm_say "the container $rmm_wanted, which the commands of $(rmm_title_of "$rmm_note_of") name, is there already and" \
            "was started by something else than RMM; if it is not an earlier one of theirs, $(rmm_apart "$rmm_note_of")"
    done
}

# [NAME…]: ends the step, before anything is touched, where a container of that name is known as that of another service
# or environment.
rmm_refuse_names() {
    [ $# -gt 0 ] || return 0
    rmm_mine=$(rmm_own_started)
    rmm_refusal=$({ rmm_others_started; rmm_others_composed; } | while IFS='|' read -r rmm_who rmm_x rmm_noted rmm_name rmm_x rmm_dir; do
        case " $* " in *" $rmm_name "*) ;; *) continue ;; esac
        case $rmm_nl$rmm_mine in *"$rmm_nl$rmm_noted|"*) continue ;; esac
        rmm_wanted=$rmm_name
        [ "$(rmm_id_of "$rmm_there" "$rmm_wanted")" = "$rmm_noted" ] || continue
        printf '%s' "The container $rmm_wanted, which these commands name, is that of $(rmm_title_of "$rmm_who" "$rmm_dir")," \
            " so none was touched; $(rmm_apart "$rmm_who"), or remove it (docker rm -f $rmm_wanted)."
        break
    done)
    [ -z "$rmm_refusal" ] || rmm_fail "$rmm_refusal"
    rmm_say_unknown "$@"
}

# SERVICE ENVIRONMENT [NAME…]: the same before a run begins.
rmm_containers_place() {
    rmm_see_containers || return 0
    rmm_find_note "$1" "$2"
    shift 2
    rmm_refuse_names "$@"
}

# SERVICE ENVIRONMENT: says which containers are not those any more that were started.
rmm_containers_left() {
    rmm_see_containers || return 0
    rmm_find_note "$1" "$2"
    rmm_own_started | while IFS='|' read -r rmm_noted rmm_wanted rmm_kind rmm_x; do
        case $rmm_kind in taken:*) continue ;; esac
        case $rmm_there in *"|$rmm_noted|"*) continue ;; esac
        rmm_x=$(rmm_id_of "$rmm_there" "$rmm_wanted")
        [ -n "$rmm_x" ] || continue
        [ "$rmm_kind" = stays ] || [ "$(rmm_kind_of "$rmm_x")" != "$rmm_kind" ] || continue
        rmm_say "the container $rmm_wanted was replaced since $(rmm_title_of "$rmm_note_of") has started it;" \
            "if that was not by hand, deploy $(rmm_title_of "$rmm_note_of") again"
    done
}

# rmm_containers_watch there|back|goes-on [NAME…]: notes which containers there are before commands that may start or
# remove some. What the commands take from others ends the step; a way back does not end for what the way there has taken,
# and one that has to go on only says it.
rmm_containers_watch() {
    # The commands are ended with this shell, and clear up after themselves.
    trap : HUP INT TERM
    rmm_watching=
    [ -n "${RMM_SERVICE-}" ] && rmm_see_containers || return 0
    rmm_find_note "${RMM_NAME_ON_HOSTS:-$RMM_SERVICE}" "$RMM_ENVIRONMENT"
    rmm_on_taken=$1
    shift
    [ "$rmm_on_taken" = goes-on ] || rmm_refuse_names "$@"
    rmm_be_at_work || return 0
    rmm_watching=yes rmm_began=$(date +%s)
    rmm_known=$(rmm_others_started; rmm_others_composed)
}

# rmm_containers_taken: notes what the commands have started, and ends the step where they have taken what others had.
rmm_containers_taken() {
    [ -n "$rmm_watching" ] || return 0
    rmm_mine=$(rmm_own_started) rmm_before=$rmm_there
    if rmm_there=$(rmm_list_containers); then
        rmm_known_now=$(rmm_others_started)
        rmm_taken=$(rmm_find_taken; rmm_find_taken_beside)
        rmm_note=$(rmm_make_note)
    else
        rmm_taken= rmm_note=$rmm_mine
    fi
    rmm_file=$rmm_note_dir/of-$rmm_note_of
    if [ -n "$rmm_note" ]; then
        { printf '%s\n' "$$ $(date +%s)" "$rmm_note" >"$rmm_file.new" && mv -f "$rmm_file.new" "$rmm_file"; } 2>/dev/null
    else
        rm -f "$rmm_file"
    fi
    rm -f "$rmm_note_dir/busy-$rmm_note_of.$$"
    rmm_taken=$(printf '%s\n' "$rmm_taken" | grep -v '|same|')
    [ -n "$rmm_taken" ] || return 0
    IFS='|' read -r rmm_who rmm_noted rmm_name rmm_what rmm_dir <<RMM_TEXT
$rmm_taken
RMM_TEXT
    rmm_title=$(rmm_title_of "$rmm_who" "$rmm_dir")
    case $rmm_what in
    gone) rmm_x="While these commands ran, the container $rmm_name was removed, which was that of $rmm_title" ;;
    stopped) rmm_x="While these commands ran, the container $rmm_name was stopped, which is that of $rmm_title" ;;
    *) rmm_x="These commands have replaced the container $rmm_name, which was that of $rmm_title" ;;
    esac
    rmm_more=$(printf '%s\n' "$rmm_taken" | sed 1d | while IFS='|' read -r rmm_other rmm_x rmm_name rmm_what rmm_x; do
        [ "$rmm_what" != gone ] || rmm_what=removed
        printf '%s' ", $rmm_name of $(rmm_title_of "$rmm_other") was $rmm_what"
    done)
    rmm_x="$rmm_x${rmm_more:+ (beside it: ${rmm_more#, })}"
    rmm_apart=$(rmm_apart "$rmm_who")
    [ -n "$rmm_noted" ] || rmm_apart="let these commands stop and remove containers of their own only"
    rmm_x="$rmm_x; $rmm_apart, and deploy $(rmm_title_of "$rmm_who") again."
    [ "$rmm_on_taken" = goes-on ] || rmm_fail "$rmm_x"
    rmm_say "$rmm_x"
}

# Prints `WHO|ID|NAME|replaced, gone, stopped or same|FOLDER` of what others had before these commands, and have not any
# more, without the ID for what compose had made. What others may have changed themselves meanwhile is left out; so is what
# people had removed before.
rmm_find_taken() {
    printf '%s\n' "$rmm_known" | while IFS='|' read -r rmm_who rmm_turn rmm_noted rmm_wanted rmm_kind rmm_dir; do
        [ -n "$rmm_turn" ] && [ "$(rmm_turn_of "$rmm_who")" = "$rmm_turn" ] && ! rmm_is_at_work "$rmm_who" || continue
        case $rmm_nl$rmm_mine in *"$rmm_nl$rmm_noted|$rmm_wanted|taken:"*) ;; *"$rmm_nl$rmm_noted|"*) continue ;; esac
        if [ "$rmm_kind" = composed ]; then
            rmm_lost_by_compose
            continue
        fi
        rmm_was=$(rmm_id_of "$rmm_before" "$rmm_wanted") rmm_is=$(rmm_id_of "$rmm_there" "$rmm_wanted")
        [ -n "$rmm_was" ] || continue
        if [ "$rmm_is" = "$rmm_was" ]; then
            case "$rmm_kind$rmm_before" in stays*"|$rmm_noted|$rmm_wanted|Up "*) ;; *) continue ;; esac
            case $rmm_there in *"|$rmm_noted|$rmm_wanted|Exited "*) ;; *) continue ;; esac
            rmm_was_ended "$rmm_noted" || continue
            printf '%s\n' "$rmm_who|$rmm_noted|$rmm_wanted|stopped|$rmm_dir"
            continue
        fi
        if [ "$rmm_was" != "$rmm_noted" ]; then
            # It was taken by an earlier step already.
            [ "$rmm_on_taken" = there ] || continue
            case $rmm_nl$rmm_mine in *"$rmm_nl$rmm_noted|$rmm_wanted|taken:$rmm_who|"*) ;; *) continue ;; esac
            [ -z "$rmm_is" ] || printf '%s\n' "$rmm_who|$rmm_noted|$rmm_wanted|replaced|$rmm_dir"
        elif [ -n "$rmm_is" ]; then
            # What ends and is started again by its own keeper is the same.
            rmm_x=replaced
            [ "$rmm_kind" = stays ] || [ "$(rmm_kind_of "$rmm_is")" != "$rmm_kind" ] || rmm_x=same
            printf '%s\n' "$rmm_who|$rmm_noted|$rmm_wanted|$rmm_x|$rmm_dir"
        else
            [ "$rmm_kind" = stays ] || continue
            case $rmm_there in *"|$rmm_noted|"*) continue ;; esac
            case "$rmm_before" in *"|$rmm_noted|$rmm_wanted|Up "* | *"|$rmm_noted|$rmm_wanted|Restarting "*) ;; *) continue ;; esac
            printf '%s\n' "$rmm_who|$rmm_noted|$rmm_wanted|gone|$rmm_dir"
        fi
    done
}

# The same of one container that compose had made. What its own project has made anew stands in for it.
rmm_lost_by_compose() {
    rmm_what=gone
    while IFS='|' read -r rmm_x rmm_x rmm_name rmm_status rmm_x; do
        [ "$rmm_name" = "$rmm_wanted" ] || continue
        rmm_what=replaced
        # What compose has made of it in another folder, rmm_compose_taken tells.
        [ -n "$rmm_x" ] || break
        [ "$rmm_x" = "$rmm_dir" ] || return 0
        case $rmm_status in Exited*) rmm_what=stopped ;; *) return ;; esac
        break
    done <<RMM_TEXT
$rmm_there
RMM_TEXT
    [ "$rmm_what" = replaced ] || rmm_was_ended "$rmm_noted" || return 0
    printf '%s\n' "$rmm_who||$rmm_wanted|$rmm_what|$rmm_dir"
}

# ID: whether a container was killed or stopped since these commands began; a job ends by itself.
rmm_was_ended() {
    case $rmm_docker in *podman) return 0 ;; esac
    [ -n "$(rmm_ask $rmm_docker events --since "$rmm_began" --until "$(($(date +%s) + 1))" --filter "container=$1" \
        --filter event=kill --format '{{.ID}}' 2>/dev/null)" ]
}

# The same of what others have started, and noted, while these commands ran.
rmm_find_taken_beside() {
    printf '%s\n' "$rmm_known_now" | while IFS='|' read -r rmm_who rmm_turn rmm_noted rmm_wanted rmm_kind rmm_dir; do
        [ -n "$rmm_turn" ] || continue
        case $rmm_known$rmm_before$rmm_there in *"|$rmm_noted|"*) continue ;; esac
        rmm_is=$(rmm_id_of "$rmm_there" "$rmm_wanted")
        [ -n "$rmm_is" ] || continue
        case $rmm_before in *"|$rmm_is|"*) continue ;; esac
        [ "$rmm_kind" = stays ] || [ "$(rmm_kind_of "$rmm_is")" != "$rmm_kind" ] || continue
        printf '%s\n' "$rmm_who|$rmm_noted|$rmm_wanted|replaced|$rmm_dir"
    done
}

# ID NAME: whether a new container is that of others whose step was at work meanwhile, as far as its name tells: it has the
# name of their service or environment, and not of this one.
rmm_is_theirs() {
    for rmm_who in $(printf '%s\n' "$rmm_known_now" | sed -n "s/^\([^|]*\)|[^|]*|$1|.*/\1/p") \
        $(cd "$rmm_note_dir" && for rmm_x in busy-*@*; do rmm_x=${rmm_x#busy-} && printf '%s\n' "${rmm_x%.*}"; done); do
        for rmm_part in "${rmm_who%@*} ${rmm_note_of%@*}" "${rmm_who##*@} ${rmm_note_of##*@}"; do
            [ "${rmm_part% *}" != "${rmm_part#* }" ] || continue
            case $2 in *"${rmm_part#* }"*) continue 2 ;; *"${rmm_part% *}"*) return ;; esac
        done
    done
    return 1
}

# Prints the lines of the own note: of what was in it, what is still there, and what these commands have started.
rmm_make_note() {
    rmm_names=/
    while IFS='|' read -r rmm_who rmm_noted rmm_name rmm_what rmm_dir; do
        [ -n "$rmm_noted" ] || continue
        rmm_names=$rmm_names$rmm_name/
        [ "$rmm_what" = same ] || printf '%s\n' "$rmm_noted|$rmm_name|taken:$rmm_who|$rmm_dir"
    done <<RMM_TEXT
$rmm_taken
RMM_TEXT
    while IFS='|' read -r rmm_noted rmm_name rmm_kind rmm_dir; do
        case $rmm_names in */"$rmm_name"/*) continue ;; esac
        case $rmm_kind in
        taken:*)
            # They have not started it again.
            grep -q "^$rmm_noted|" "$rmm_note_dir/of-${rmm_kind#taken:}" 2>/dev/null || continue
            rmm_names=$rmm_names$rmm_name/
            ;;
        *) case $rmm_there in *"|$rmm_noted|"*) ;; *) continue ;; esac ;;
        esac
        printf '%s\n' "$rmm_noted|$rmm_name|$rmm_kind|$rmm_dir"
    done <<RMM_TEXT
$rmm_mine
RMM_TEXT
    printf '%s\n' "$rmm_there" | while IFS='|' read -r rmm_x rmm_noted rmm_name rmm_x rmm_dir; do
        [ -n "$rmm_noted" ] && [ -z "$rmm_dir" ] || continue
        case $rmm_before in *"|$rmm_noted|"*) continue ;; esac
        case $rmm_names in */"$rmm_name"/*) continue ;; esac
        ! rmm_is_theirs "$rmm_noted" "$rmm_name" || continue
        printf '%s\n' "$rmm_noted|$rmm_name|$(rmm_kind_of "$rmm_noted")|$PWD"
    done
}
