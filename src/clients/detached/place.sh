# shellcheck shell=sh
# How run directories come to be and go, and who may act beside others.

# Takes back what a run has made that may not work here.
withdraw() {
    rm -f "holder.$$"
    if [ "$rmm_word" = new ]; then
        rm -rf steps
        rm -f boot generation.* token
        cd / && rmdir -- "$rmm_dir" 2>/dev/null
    fi
}

# Becomes the holder, if there is none, or if it is a run that is vouched for,
# whichever RMM's. Sets rmm_former to it.
hold() {
    rmm_n=0
    rmm_former=
    { echo "$rmm_token" && echo "${rmm_dir##*/}" && echo "$rmm_process"; } >"holder.$$" 2>/dev/null || rmm_n=9
    until ln "holder.$$" "$rmm_holder" 2>/dev/null; do
        rmm_n=$((rmm_n + 1))
        [ "$rmm_n" -lt 9 ] || answer "fail:::holder_not_made $rmm_holder"
        rmm_x=
        rmm_y=
        rmm_by=
        { read -r rmm_x && read -r rmm_y && read -r rmm_by; } 2>/dev/null <"$rmm_holder"
        if [ "$rmm_x" = "$rmm_token" ]; then
            # A run that has just been begun held this place before: then it was
            # begun, and is over, in another copy of the database.
            [ "$rmm_word.$rmm_when" = new.first ] && [ -n "$rmm_by" ] && [ "$rmm_by" != "$rmm_process" ] || break
            withdraw
            turn_away "foreign:::"
        fi
        case ,$rmm_vouched,:$rmm_x in
        *",$rmm_x,"* | *:-*) ;;
        *:*-*)
            withdraw
            turn_away "stranger:::$rmm_x"
            ;;
        # It names no run, so it binds none.
        *) ;;
        esac
        rmm_former=$rmm_x
        # Another process may have done the same in between: then it goes back.
        mv -f "$rmm_holder" "former.$$" 2>/dev/null || continue
        rmm_y=
        read -r rmm_y 2>/dev/null <"former.$$"
        [ "$rmm_y" = "$rmm_x" ] || ln "former.$$" "$rmm_holder" 2>/dev/null
        rm -f "former.$$"
    done
    rm -f "holder.$$"
}

# Deletes what runs of this RMM have left behind two weeks ago.
sweep() {
    cd -- "${rmm_dir%/*}/" 2>/dev/null || return
    for rmm_x in */token; do
        rmm_y=${rmm_x%/token}
        [ "$rmm_y" != "${rmm_dir##*/}" ] && [ ! -L "./$rmm_y" ] || continue
        read -r rmm_x 2>/dev/null <"./$rmm_x" && [ "${rmm_x%%-*}" = "${rmm_token%%-*}" ] || continue
        [ -z "$(find "./$rmm_y" -prune -mtime +13 2>/dev/null)" ] || rm -rf "./$rmm_y" 2>/dev/null
    done
}

# Ends what other runs have left at work in this place, whichever RMM's: nothing
# of theirs can start any more where another run is the holder. Sets rmm_ended to
# those steps: "TOKEN/KEY ".
end_others() {
    rmm_ended=
    for rmm_claim in "$rmm_place"/*/steps/*/claim; do
        case $rmm_claim in "$rmm_dir"/*) continue ;; esac
        cd -- "${rmm_claim%/claim}" 2>/dev/null && read -r rmm_other 2>/dev/null <../../token || continue
        find_group && [ -n "$rmm_group" ] && group_lives "$rmm_group" ||
            continue
        rmm_step=${rmm_claim%/claim}
        rmm_ended="$rmm_ended$rmm_other/${rmm_step##*/} "
        signal_group TERM 143
        group_ends 50 || { signal_group KILL 137 && group_ends 50; } ||
            answer "fail:::earlier_at_work $rmm_group $rmm_other"
    done
}

# WHEN VOUCHED KEYS: makes the run directory and marks it with the token. The directory's
# mode protects everything in it, so that steps can run with the host's umask.
# What the steps KEYS need is made at once, which saves each of them two
# programs; a step makes whatever is missing. WHEN is "first" until RMM has
# noted that the directory is there: steps that run in it already are then
# of another run. VOUCHED are tokens that may hold here before it, with commas.
# The answer names the former holder, who was turned away meanwhile, and the
# steps of others that were ended, and the processes that had the run before,
# with commas.
prepare() {
    umask 077
    rmm_when=$1 rmm_vouched=$2
    shift 2
    for rmm_x; do
        shift
        set -- "$@" "steps/$rmm_x"
    done
    look_for_remover
    [ -z "$rmm_later" ] || [ "$rmm_when" = first ] || [ -e "$rmm_dir/token" ] || turn_away "fenced:::$rmm_later"
    { mkdir -p -- "$rmm_dir" && cd -- "$rmm_dir"; } 2>/dev/null ||
        answer "fail:::directory_not_made $rmm_dir"
    [ -O . ] || answer "fail:::directory_of_other_user $rmm_dir"
    rmm_word=same
    if [ ! -e token ]; then
        chmod 700 . && mkdir -p steps "$@" && echo "$rmm_boot" >boot &&
            echo "$rmm_token" >"token.$$" || answer "fail:::directory_not_written $rmm_dir"
        for rmm_x; do
            shift
            set -- "$@" "$rmm_x/alive" "$rmm_x/pipe"
        done
        [ $# = 0 ] || mkfifo "$@" 2>/dev/null
        # ln fails if another RMM was faster.
        ln "token.$$" token 2>/dev/null && rmm_word=new
        rm -f "token.$$"
    fi
    read -r rmm_x 2>/dev/null <token || answer "fail:::directory_not_marked $rmm_dir"
    [ "$rmm_x" = "$rmm_token" ] || answer fenced:::
    if [ "$rmm_word.$rmm_when" = same.first ]; then
        for rmm_x in steps/*/claim; do
            [ ! -e "$rmm_x" ] || turn_away "foreign:::"
        done
    fi
    fence
    hold
    end_others
    cd -- "$rmm_dir" 2>/dev/null || answer lost::0:run_files_lost
    look_for_others
    rmm_later=
    for rmm_x in generation.*; do
        read -r rmm_by 2>/dev/null <"$rmm_x" && rmm_later="$rmm_later,${rmm_x#generation.} $rmm_by"
    done
    [ "$rmm_word" = same ] || sweep
    answer "$rmm_word:::$rmm_former;$rmm_met;$rmm_ended;${rmm_later#,}"
}

# SUCCESSOR: leaves word that this process is alive, though that one has its run.
protest() {
    { echo "$rmm_token $rmm_generation $rmm_process $1" >"$rmm_place/turned-away"; } 2>/dev/null
    answer gone:::
}

# Names who was turned away here since the last look.
met() {
    look_for_others
    answer "met:::$rmm_met"
}

# Ends what any run has left at work in this place.
clear() {
    end_others
    answer "clear:::$rmm_ended"
}

# Names the run that was the last one in this place, if one is known, and tells
# how many steps are at work there.
last() {
    rmm_count=0
    for rmm_claim in "$rmm_place"/*/steps/*/claim; do
        cd -- "${rmm_claim%/claim}" 2>/dev/null && find_group && [ -n "$rmm_group" ] && group_lives "$rmm_group" ||
            continue
        rmm_count=$((rmm_count + 1))
    done
    rmm_x=
    read -r rmm_x 2>/dev/null <"$rmm_holder"
    answer "last::$rmm_count:$rmm_x"
}

# Deletes the run directory: the token last, so that it can be repeated. The
# answer names who was turned away meanwhile.
remove() {
    rmm_met=
    [ -d "$rmm_dir" ] || answer gone:::
    cd -- "$rmm_dir" 2>/dev/null || answer "fail:::directory_not_entered $rmm_dir"
    if read -r rmm_x 2>/dev/null <token; then
        [ "$rmm_x" = "$rmm_token" ] || answer fenced:::
        fence
        look_for_others
        set -- generation.*
        [ $# -lt 2 ] || { echo "$rmm_token $rmm_generation $rmm_process" >"$rmm_place/removed"; } 2>/dev/null
        rm -rf steps && rm -f boot generation.* process.* holder.* former.* token.* && rm -f token
    fi
    cd / && rmdir -- "$rmm_dir" 2>/dev/null || [ ! -d "$rmm_dir" ] ||
        answer "fail:::directory_not_deleted $rmm_dir"
    answer "gone:::$rmm_met"
}

