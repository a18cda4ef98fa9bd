# shellcheck shell=sh disable=SC2016,SC2034
# Runs once per step, in a session of its own and with the FIFO at fd 9.
# Arguments: boot id, base directory, directory, command, PROCESS.
rmm_watcher='
# A handler, not "ignore", since an ignored signal stays ignored in children.
# A shell runs handlers only after its foreground child has ended.
trap : HUP INT QUIT PIPE ALRM USR1 USR2 TERM

# Copies the pipe into parts until it has no writer any more. In blocks
# that dd writes as they come, at most 1 MiB before the size is looked at.
rmm_copy() {
    # Ignored in its children, too: the signals are meant for the step. And a
    # limit for the size of files is like a full disk.
    trap "" HUP INT QUIT PIPE ALRM USR1 USR2 TERM
    command trap "" XFSZ
    rmm_part=out rmm_from=0 rmm_told=0 rmm_full=
    set --
    while :; do
        if [ "$rmm_full" = now ] && printf "\nRMM: the disk of the host was full; from here on output is missing.\n" >>"$rmm_part"; then
            rmm_full=told
        fi
        rmm_blocks=128
        rmm_x=$(LC_ALL=C dd bs=8192 count=128 2>&1 >>"$rmm_part") || {
            [ -e claim ] || exec cat
            # The disk is full. The step does not have to wait for room.
            rmm_full=${rmm_full:-now}
            rmm_blocks=1
            rmm_x=$(LC_ALL=C dd bs=65536 count=1 2>&1 >/dev/null)
        }
        # "WHOLE+PARTIAL records in": fewer than were asked for means the end.
        rmm_x=${rmm_x%%" records in"*}
        rmm_x=${rmm_x##*[!0-9+]}
        case $rmm_x in [0-9]*+*[0-9]) ;; *) exec cat ;; esac
        [ $(($rmm_x)) -ge $rmm_blocks ] || return 0
        rmm_size=$(wc -c <"$rmm_part")
        [ "${rmm_size:-0}" -ge 4194304 ] && true >>"out.$((rmm_from + rmm_size))" || continue
        rmm_from=$((rmm_from + rmm_size))
        rmm_part=out.$rmm_from
        set -- "$@" "$rmm_from"
        # The parts that hold the last 15 MiB stay.
        while [ $# -gt 1 ] && [ $((rmm_from - $2)) -ge 15728640 ]; do
            rm -f "out.$1"
            shift
        done
        # Wakes a follower. Unread lines must never fill the FIFO.
        [ "$rmm_told" -ge 4000 ] || [ ! -p alive ] || echo 1<>alive
        rmm_told=$((rmm_told + 1))
    done
}

# Sets rmm_size to how much output was copied.
rmm_measure() {
    rmm_from=0
    for rmm_x in out.*; do
        [ "$rmm_x" = "out.*" ] || [ "${rmm_x#out.}" -le "$rmm_from" ] || rmm_from=${rmm_x#out.}
    done
    rmm_x=out
    [ "$rmm_from" = 0 ] || rmm_x=out.$rmm_from
    rmm_size=$(wc -c <"$rmm_x")
    rmm_size=$((rmm_from + ${rmm_size:-0}))
}

# Ends the copier once it has copied what the step wrote, should something that
# the step left behind hold the pipe open: an empty line is sent after the
# output, and when it alone was added, nothing is before it any more. The next
# one is twice as long, so that no earlier ones are taken for it.
rmm_end_copier() {
    trap "" HUP INT QUIT PIPE ALRM USR1 USR2 TERM
    rmm_n=1 rmm_line="
"
    sleep 0.1 || sleep 1
    rmm_measure
    rmm_first=$rmm_size
    while :; do
        rmm_before=$rmm_size
        printf %s "$rmm_line" 1<>pipe
        sleep "$((rmm_n / 64)).1" || sleep 1
        rmm_measure
        if [ $((rmm_size - rmm_before)) = "$rmm_n" ]; then
            rmm_size=$((rmm_size - rmm_n - rmm_n + 1))
            break
        fi
        # More than any pipe holds, or a disk that takes nothing.
        [ $((rmm_size - rmm_first)) -lt 1200000 ] && [ "$rmm_n" -lt 512 ] || break
        rmm_n=$((rmm_n + rmm_n))
        rmm_line=$rmm_line$rmm_line
    done
    echo "$rmm_size ." >end
    kill -KILL "$rmm_copier"
}

rmm_start=-
rmm_field_22() { rmm_start=${20}; }
{ read -r rmm_line </proc/$$/stat && rmm_field_22 ${rmm_line##*) }; } 2>/dev/null
# One end for reading and one for writing; opening both at once never blocks.
exec 8<>pipe 7<pipe 6>pipe 8>&-
# ln makes the claim appear atomically with its content, for one watcher only.
echo "$$ $rmm_start $1 $5" >"claim.$$.$rmm_start" || exit
ln "claim.$$.$rmm_start" claim || exit
echo reserve >reserve
# By exec: redirections of a function leave copies open in some shells.
(
    exec <&7 6>&- 7<&- 9>&-
    rmm_copy
) &
rmm_copier=$!
exec 7<&-
(
    # Whatever the step leaves behind must not hold the FIFO open.
    exec 6>&- 9>&-
    rmm_directory=$3
    case $rmm_directory in "" | /*) ;; *) rmm_directory=./$rmm_directory ;; esac
    CDPATH= cd -- "$2" && { [ -z "$3" ] || CDPATH= cd -- "$rmm_directory"; } || {
        printf "RMM: the directory %s cannot be entered, so the command was not run.\n" "${3:-$2}"
        exit 126
    }
    unset OLDPWD
    exec sh -c -- "$4"
) </dev/null >&6 2>&1
rmm_status=$?
exec 6>&-
# What the step says about its own end does not count.
[ ! -e status ] && [ ! -h status ] && [ ! -e end ] || rm -rf status end
# On a full disk the result takes the room that was reserved for it, or waits for
# room, unless the host has lost the files.
until echo "$rmm_status ." >status || [ ! -e claim ]; do
    if [ -e reserve ]; then rm -f reserve; else sleep 1; fi
done
# Followers leave what is still copied to their last look.
echo >&9
# What the step left behind must always find a reader.
command exec 8<>pipe 7<pipe 8>&-
(
    exec 7<&- 9>&-
    rmm_end_copier
) &
rmm_ender=$!
until wait "$rmm_copier"; do
    # A signal ends the waiting, too.
    kill -0 "$rmm_copier" || {
        exec 9>&-
        exec setsid cat <&7
    }
done
kill -KILL "$rmm_ender"
'

