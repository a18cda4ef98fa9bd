# The host's side of RMM's durable steps. It runs as
#
#   sh -c THIS-FILE rmm FUNCTION DIR TOKEN GENERATION PROCESS [ARGUMENTS]
#
# on dash, bash and busybox ash. DIR may begin with "~/". Beside the run
# directories of one service and environment, DIR among them, lies
#
#   holder           the run that may start steps here: its token
#                    (INSTANCE-RUN-WORD, or INSTANCE-RUN from before there were
#                    words), the name of its directory, and the word of the
#                    process that made it. It is made by ln, too.
#                    It stays when that directory goes. A run only follows one
#                    that its RMM can vouch for; else two copies of a database
#                    work here, or the database is older than what was done here,
#                    or another instance works here, or did before it was lost.
#   turned-away      who was turned away here last: "TOKEN GENERATION PROCESS",
#                    and after it by whom if it has heard of that: then it lives.
#                    The holder tells it to its RMM
#   removed          who deleted a run directory that several processes had
#
# The run directory DIR holds
#
#   token            whose run this is; every function checks it
#   generation.N     an RMM process of this generation has been here; one that
#                    has a lower number is turned away, and so is another
#                    process with the same number: it holds the word of one
#   boot             the boot id of the host when a step was last begun
#   steps/KEY/claim  who runs the step: "PID START-TIME BOOT-ID PROCESS", or
#                    "stop"
#   steps/KEY/out    the beginning of what the step wrote, up to 5 MiB
#   steps/KEY/out.N  a later part, from byte N on, as large; the parts that hold
#                    the last 15 MiB stay, those before them are deleted
#   steps/KEY/pipe   a FIFO that the step writes to
#   steps/KEY/end    the size of the output and a full stop, if something that
#                    the step left behind kept the pipe open
#   steps/KEY/alive  a FIFO which the watcher holds open as long as it lives
#   steps/KEY/status the step's exit status and a full stop; without the full
#                    stop it does not count
#   steps/KEY/reserve  room for the status, should the disk become full
#   steps/KEY/stopped  the status to assume once RMM has signalled the step
#   steps/KEY/settled  a stop is complete: never signal that group again
#
# The step writes into a pipe. A child of the watcher, the copier, takes what
# comes there at once, with or without a follower, and keeps it in parts, so that the step
# neither waits nor fills the disk. While the disk is full the copier throws
# away what it reads. When the step has ended, the copier meets the end of the
# pipe. If something that the step left behind holds the pipe open, the watcher
# finds out when the step's own output is copied, ends the copier, and leaves a
# `cat` in a session of its own to throw away what still comes. The watcher
# holds the FIFO `alive` until then; a line in it says that there is a new part,
# or that the step has ended.
#
# Output goes to stdout. The answer goes to stderr as one line
# "rmm:MARK:WORD:STATUS:SIZE:TEXT"; bytes after it are the end of the output.
# MARK is a random word of each call that the step cannot know: it comes in the
# variable rmm_mark, which is not passed on. Of a step whose output goes on in
# another part the answer is "part" with the place where this one ends, or "gap"
# with the place, as the text, where what is still there goes on.
#
# Every variable is called rmm_…: the environment of the step passes through
# this script, and an assignment to one of its names would change it.

# Answers and ends: WORD:STATUS:SIZE:SENTENCE.
answer() {
    printf '\nrmm:%s:%s\n' "$rmm_mark" "$1" >&2
    exit 0
}

# Goes into the run directory if it is there and belongs to this run.
enter() {
    cd -- "$rmm_dir" 2>/dev/null && read -r rmm_x 2>/dev/null <token ||
        lost run_files_lost
    [ "$rmm_x" = "$rmm_token" ] || answer fenced:::
    fence
}

# Says that another process acts here, and notes it for that one.
turn_away() {
    { echo "$rmm_token $rmm_generation $rmm_process" >"$rmm_place/turned-away"; } 2>/dev/null
    answer "$1"
}

# Sets rmm_met to another one who was turned away since the last look.
look_for_others() {
    rmm_met=
    read -r rmm_met 2>/dev/null <"$rmm_place/turned-away" || return 0
    rm -f "$rmm_place/turned-away"
    case $rmm_met in "$rmm_token $rmm_generation $rmm_process"*) rmm_met= ;; esac
}

# Sets rmm_later to the process that has taken this run over: "GENERATION PROCESS".
look_for_successor() {
    rmm_later=
    for rmm_x in "$rmm_dir"/generation.*; do
        rmm_y=${rmm_x##*.}
        rmm_by=
        read -r rmm_by 2>/dev/null <"$rmm_x"
        case $rmm_by in "$rmm_process") rmm_by= ;; esac
        if [ "$rmm_y" -gt "$rmm_generation" ] 2>/dev/null || [ "$rmm_y:${rmm_by:+x}" = "$rmm_generation:x" ]; then
            rmm_later="$rmm_y $rmm_by"
            return
        fi
    done
}

# Sets rmm_later to the process that has deleted the files of this run, if it was another.
look_for_remover() {
    rmm_x= rmm_later=
    read -r rmm_x rmm_later 2>/dev/null <"$rmm_place/removed"
    [ "$rmm_x" = "$rmm_token" ] && [ "$rmm_later" != "$rmm_generation $rmm_process" ] || rmm_later=
}

# Ends where files of this run are missing, for which the sentence gives the reason if they were not deleted.
lost() {
    look_for_remover
    [ -z "$rmm_later" ] || answer "fenced:::$rmm_later"
    answer "lost::0:$1"
}

# Turns away an RMM process that has a successor. The marks only become more,
# so that two processes at once cannot bring back the lower number.
fence() {
    if [ ! -e "generation.$rmm_generation" ]; then
        # ln, so that of two copies of a process only one can win.
        { echo "$rmm_process" >"process.$$" && ln "process.$$" "generation.$rmm_generation"; } 2>/dev/null
        rm -f "process.$$"
    fi
    look_for_successor
    [ -z "$rmm_later" ] || turn_away "fenced:::$rmm_later"
}

# Whether this run may start and stop steps here.
check_holder() {
    rmm_x=
    read -r rmm_x 2>/dev/null <"$rmm_holder"
    [ "$rmm_x" = "$rmm_token" ] || turn_away "fenced:::$rmm_x"
}

# Goes into the step's directory and makes it if need be.
enter_step() {
    [ -d "steps/$1" ] || mkdir -p "steps/$1" 2>/dev/null
    cd "steps/$1" 2>/dev/null || answer fail:::step_directory
}

# Waits until no watcher lives, however it ended, or until there is a part
# behind the one that is followed. Opening for reading and writing never blocks,
# so that the end for reading opens at once.
wait_for_watchers() {
    # `command`, because a plain exec that fails ends the shell: the files may be gone.
    { command exec 7<>alive 8<alive 7>&-; } 2>/dev/null || return 0
    while read -r rmm_x <&8; do
        [ -n "$rmm_part" ] || continue
        find_part
        [ -z "$rmm_next" ] || return 0
        # What is sent into the pipe after the step's end is no output.
        [ ! -e status ] || [ -z "$rmm_tail" ] || kill "$rmm_tail" 2>/dev/null
    done
}

# Sets rmm_part to the last part that begins at rmm_offset or before it,
# rmm_begin to where it begins, and rmm_next to where the part after it does.
find_part() {
    rmm_begin=0 rmm_next=
    for rmm_x in out.*; do
        rmm_x=${rmm_x#out.}
        if [ "$rmm_x" = "*" ]; then
            break
        elif [ "$rmm_x" -gt "$rmm_offset" ]; then
            [ -n "$rmm_next" ] && [ "$rmm_x" -gt "$rmm_next" ] || rmm_next=$rmm_x
        elif [ "$rmm_x" -gt "$rmm_begin" ]; then
            rmm_begin=$rmm_x
        fi
    done
    rmm_part=out
    [ "$rmm_begin" = 0 ] || rmm_part=out.$rmm_begin
}

# Sets rmm_started to the start time of process $1, or to nothing.
start_of() {
    rmm_started=
    if [ -r /proc/self/stat ]; then
        { read -r rmm_line <"/proc/$1/stat"; } 2>/dev/null || return 0
        # shellcheck disable=SC2086
        set -- ${rmm_line##*) }
        [ "$1" = Z ] || rmm_started=${20}
    elif kill -0 "$1" 2>/dev/null; then
        rmm_started=-
    fi
}

# Sets rmm_lives to whether session $1 has a member of any user, and
# rmm_apart to those that are not in its first process group: a step is a session
# of its own, but a program like timeout makes a group of its own in it. A zombie,
# which some containers never reap, is no member, though kill finds it.
find_members() {
    rmm_lives= rmm_apart=
    [ -r /proc/self/stat ] || {
        ! kill -0 "-$1" 2>/dev/null || rmm_lives=1
        return 0
    }
    for rmm_x in /proc/[0-9]*/stat; do
        { read -r rmm_line <"$rmm_x"; } 2>/dev/null || continue
        # shellcheck disable=SC2086
        set -- "$1" ${rmm_line##*) }
        [ "$2" != Z ] && { [ "$4" = "$1" ] || [ "$5" = "$1" ]; } || continue
        rmm_lives=1 rmm_x=${rmm_x#/proc/}
        [ "$4" = "$1" ] || rmm_apart="$rmm_apart ${rmm_x%/stat}"
    done
}

# Whether session $1 has a member.
group_lives() {
    find_members "$1"
    [ -n "$rmm_lives" ]
}

# Whether the step in this directory may have processes at work that are to be
# ended: sets rmm_group to their group, or to nothing if its number was given
# out again, and rmm_led to whether their leader lives. What an ended step left
# behind on purpose is not touched.
find_group() {
    rmm_group= rmm_led=
    read -r rmm_group rmm_start rmm_booted rmm_by 2>/dev/null <claim
    [ "${rmm_group:-stop}" != stop ] && [ ! -e settled ] && [ "$rmm_booted" = "$rmm_boot" ] &&
        { [ ! -e status ] || [ -e stopped ]; } || return 1
    start_of "$rmm_group"
    if [ "$rmm_started" = "$rmm_start" ]; then
        rmm_led=1
    elif [ -n "$rmm_started" ]; then
        rmm_group=
    fi
}

# SIGNAL STATUS: signals the processes that find_group has found.
signal_group() {
    [ -n "$rmm_group" ] || return 0
    # Before the signal, so that no follower takes the end for a loss. KILL has
    # the last word, also when the process that sends TERM is slow.
    if [ -n "$rmm_led" ] && echo "$2" >"stopped.$$"; then
        if [ "$1" = KILL ]; then mv "stopped.$$" stopped; else ln "stopped.$$" stopped 2>/dev/null; fi
    fi
    find_members "$rmm_group"
    # shellcheck disable=SC2086
    kill "-$1" "-$rmm_group" $rmm_apart 2>/dev/null
    return 0
}

# TENTHS: waits until no process is left of the group, at most TENTHS/10 s.
group_ends() {
    rmm_n=0
    while [ -n "$rmm_group" ] && group_lives "$rmm_group"; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -le "$1" ] || return 1
        sleep 0.1 2>/dev/null || sleep 1
    done
    true >settled
}

# Sets rmm_verdict (WORD:STATUS) and rmm_text once no watcher lives.
judge() {
    rmm_text=
    rmm_end=
    if read -r rmm_x rmm_end 2>/dev/null <status && [ "$rmm_end" = . ] ||
        read -r rmm_x 2>/dev/null <stopped; then
        rmm_verdict=exit:$rmm_x
        [ ! -e stopped ] || rmm_verdict=stopped:$rmm_x
    elif read -r rmm_pid rmm_x rmm_booted rmm_by 2>/dev/null <claim; then
        rmm_verdict=lost:
        if [ "$rmm_pid" = stop ]; then
            rmm_verdict=never: rmm_text=stopped_before
        elif [ "$rmm_booted" != "$rmm_boot" ]; then
            rmm_text=restarted_during
        else
            rmm_text=watcher_killed
        fi
    elif [ -e ../../token ]; then
        rmm_verdict=never: rmm_text=not_startable
    else
        lost run_files_lost
    fi
}

# Who begins a step for the first time can only meet its own claim. Another
# process made this one: it has a copy of RMM's data.
check_claim() {
    [ "$rmm_again" = 0 ] && read -r rmm_pid rmm_x rmm_booted rmm_by 2>/dev/null <claim || return 0
    [ "$rmm_pid" = stop ] || [ "$rmm_by" = "$rmm_process" ] || turn_away "foreign:::"
}

# Follows the output from rmm_offset to the end of its part or of the step, then
# answers.
follow() {
    [ -p alive ] || lost step_files_lost
    check_claim
    rmm_tail=
    find_part
    if [ -z "$rmm_next" ]; then
        if [ ! -e status ]; then
            tail -c "+$((rmm_offset - rmm_begin + 1))" -f "$rmm_part" 2>/dev/null &
            rmm_tail=$!
        fi
        wait_for_watchers
        [ -z "$rmm_tail" ] || kill "$rmm_tail" 2>/dev/null
        check_claim
        # A process that was overtaken meanwhile takes no end of the step for its own.
        look_for_successor
        [ -z "$rmm_later" ] || answer "fenced:::$rmm_later"
        find_part
    fi
    # The size is taken once. What tail had no time for is at the end mostly:
    # send that end along.
    rmm_size=
    [ ! -s "$rmm_part" ] || rmm_size=$(wc -c 2>/dev/null <"$rmm_part")
    rmm_size=$((rmm_begin + ${rmm_size:-0}))
    if [ -z "$rmm_next" ]; then
        read -r rmm_x rmm_end 2>/dev/null <end && [ "$rmm_end" = . ] && rmm_size=$rmm_x
        judge
    elif [ "$rmm_offset" -lt "$rmm_size" ]; then
        rmm_verdict=part: rmm_text=
    else
        rmm_verdict=gap: rmm_text=$rmm_next rmm_size=0
    fi
    rmm_from=$((rmm_size - 16384))
    [ "$rmm_from" -gt "$rmm_offset" ] || rmm_from=$rmm_offset
    printf '\nrmm:%s:%s:%s:%s\n' "$rmm_mark" "$rmm_verdict" "$rmm_size" "$rmm_text" >&2
    [ "$rmm_from" -ge "$rmm_size" ] || tail -c "+$((rmm_from - rmm_begin + 1))" "$rmm_part" >&2 2>/dev/null
    # Last, since GNU tail needs some 10 ms to die. RMM does not wait for it.
    [ -z "$rmm_tail" ] || wait "$rmm_tail" 2>/dev/null
}

# KEY OFFSET AGAIN DIRECTORY COMMAND: starts the step or finds it again.
run() {
    rmm_offset=$2 rmm_again=$3
    for rmm_x in setsid tail mkfifo mkdir ln wc dd cat; do
        command -v "$rmm_x" >/dev/null ||
            answer "never::0:program_missing $rmm_x"
    done
    rmm_base=$PWD
    enter
    enter_step "$1"
    for rmm_x in alive pipe; do
        { [ -p "$rmm_x" ] || mkfifo "$rmm_x" || [ -p "$rmm_x" ]; } 2>/dev/null && true >>out ||
            answer fail:::step_files
    done
    # Pipelines rather than "&": a background job would run with SIGINT
    # ignored, and so would the step. And when this shell is killed, the
    # follower still ends with the step and takes its tail along.
    if [ -e claim ]; then
        true | follow
        return
    fi
    check_holder
    # A claim that was not on the disk yet is gone after a power failure.
    rmm_x=
    read -r rmm_x 2>/dev/null <../../boot
    if [ "$rmm_x" != "$rmm_boot" ]; then
        [ "$3" = 0 ] ||
            answer lost::0:restarted_since
        echo "$rmm_boot" >../../boot
    fi
    # The follower waits for the line, hence until the FIFO is held open.
    {
        echo
        exec setsid sh -c "$rmm_watcher" rmm-step \
            "$rmm_boot" "$rmm_base" "$4" "$5" "$rmm_process" </dev/null >/dev/null 2>&1
    } 9<>alive | {
        read -r rmm_x
        follow
    }
}

# KEY OFFSET: the output from OFFSET to the present end of its part.
rest() {
    enter
    rmm_offset=$2
    cd "steps/$1" && find_part && exec tail -c "+$((rmm_offset - rmm_begin + 1))" "$rmm_part"
}

# KEY: how many seconds the step has been at work, as the host counts them. Of
# two processes' start times, since they are counted alike in every container.
age() {
    enter
    rmm_start=
    read -r rmm_x rmm_start rmm_booted rmm_by 2>/dev/null <"steps/$1/claim"
    # shellcheck disable=SC2086
    rmm_now=$({ read -r rmm_line </proc/self/stat && set -- ${rmm_line##*) } && echo "${20}"; } 2>/dev/null)
    [ "$rmm_booted" = "$rmm_boot" ] && [ "${rmm_now:-x}" -ge "${rmm_start:-x}" ] 2>/dev/null || answer unknown:::
    rmm_x=$(getconf CLK_TCK 2>/dev/null)
    answer "age::$(((rmm_now - rmm_start) / ${rmm_x:-100})):"
}

# KEY SIGNAL STATUS TENTHS: signals the step's process group and waits for its
# end, for the rest of the group after the watcher's end at most TENTHS/10 s.
stop() {
    enter
    check_holder
    enter_step "$1"
    if [ ! -e claim ]; then
        echo stop >"claim.stop.$$" && ln "claim.stop.$$" claim 2>/dev/null
    fi
    [ -e claim ] || answer fail:::not_claimed
    if find_group; then
        signal_group "$2" "$3"
        [ "$2" = KILL ] || [ ! -p alive ] || wait_for_watchers
        group_ends "$4" || [ "$2" != KILL ] ||
            answer "lost::0:processes_stay $rmm_group"
    elif [ -p alive ]; then
        # The watcher may be about to end.
        wait_for_watchers
    fi
    judge
    answer "$rmm_verdict:0:$rmm_text"
}

# KEY: how a step ended that is not at work any more.
result() {
    enter
    cd "steps/$1" 2>/dev/null || answer lost::0:step_files_lost
    judge
    answer "$rmm_verdict:0:$rmm_text"
}

# Unset, so that it is no variable of the environment any more.
rmm_x=$rmm_mark
unset rmm_mark
rmm_mark=$rmm_x
rmm_part=
rmm_boot=-
[ ! -r /proc/sys/kernel/random/boot_id ] || read -r rmm_boot </proc/sys/kernel/random/boot_id
rmm_function=$1 rmm_dir=$2 rmm_token=$3 rmm_generation=$4 rmm_process=$5
shift 5
case $rmm_dir in
"~/"*)
    [ -n "$HOME" ] || answer fail:::no_home
    rmm_dir=$HOME/${rmm_dir#??}
    ;;
esac
rmm_place=${rmm_dir%/*}
rmm_holder=$rmm_place/holder
# What is no file, such as a pipe that a step has put there, would be waited for without end.
for rmm_x in "$rmm_holder" "$rmm_dir/token"; do
    [ ! -e "$rmm_x" ] || [ -f "$rmm_x" ] ||
        answer "fail:::not_our_file $rmm_x"
done
"$rmm_function" "$@"
