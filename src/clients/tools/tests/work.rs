//! Stories of work by hand in a folder on a host, and of what a checkout that did not end left there, told as those of
//! `checkout`.

use super::checkout::{is_there, tell, tell_as, tell_with};

#[test]
fn whatever_a_file_is_called_it_is_kept_and_is_there_again() {
    let story = "nl='
'
        # COMMAND: calls it with each name.
        each() {
            for name in \"a$(printf '\\t')b\" 'q\"q' 'back\\slash' '-dash' ' before' 'after ' \"latin$(printf '\\351')\" \"x${nl}y\" \"end$nl\" \
                'per%cent' '\\\"' 'd\\r/\"in\"' 'yarn.lock' 'objects/ab/tmp_x' 'ü ö'; do \"$@\"; done
        }
        # FOLDER TEXT
        put() { case $name in */*) mkdir -p -- \"$1/${name%/*}\" ;; esac && echo \"$2\" >\"$1/$name\"; }
        has_each() { test \"$(cat \"place/$name\")\" = \"$1\" || { echo \"wrong: $name\"; exit 1; }; }
        tag v1; theirs() { each put . theirs; }; tag v2 theirs
        go v1; each put place mine; : >place/.git/index.lock
        go v2; each has_each theirs; kept 'back\\slash' mine
        : >place/.git/index.lock; back v1; each has_each mine
        go v2; each put place mine; dirty=refuse; fails 'worked by hand' there v1
        back v1; each has_each mine";
    for (program, shell) in [("dash", "dash"), ("bash", "bash"), ("busybox", "busybox ash"), ("sh", "sh")] {
        if is_there(program) {
            tell_with(shell, story);
        }
    }
}

#[test]
fn files_that_are_gone_or_are_something_else_are_work_by_hand() {
    tell(
        "tag v1 'mkdir d; echo 1 >d/f; echo 1 >f; echo 1 >\"q\\\"q\"'; tag v2
        go v1; v1=$(id v1)
        for work in 'rm f:deleted f' 'rm d/f:deleted d/f' 'rm -r d:deleted d/f' 'git rm -q f:deleted f' 'chmod +x f:changed f' 'rm q*:deleted .q..q.' \
            'rm f; ln -s /nowhere f:changed f' 'rm f; mkdir f; echo mine >f/in:in the way f/in' 'rm -r d; echo mine >d:in the way d'; do
            (cd place; eval \"${work%%:*}\")
            dirty=refuse; fails 'worked by hand' there v2; is $v1 git -C place rev-parse HEAD
            dirty=keep; says \"by hand: ${work#*:}\" go v2; has f 1; has d/f 1
            rm -rf place/.git/rmm-aside; quiet back v1
        done
        (cd place; rm f; mkdir f; echo mine >f/in; rm -r d; echo mine >d)
        go v2; kept f/in mine; kept d mine; is 'd f' ls place/.git/rmm-aside
        dirty=refuse; quiet go v2",
    );
}

/// A disk that becomes full in the middle of a checkout, or after it: how much room it has, what fills the rest, and what
/// the way there says.
fn back_from_a_full_disk(version: &str, room: &str, fill: &str, says: &str) {
    let namespace = ["unshare", "--user", "--map-root-user", "--mount"];
    let works = std::process::Command::new(namespace[0]).args(&namespace[1..]).arg("true").status();
    if !works.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: nothing can be mounted here, so a full disk was not tested");
        return;
    }
    let way_there = "rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v2 --commit $v2";
    let way_there = if says.is_empty() { format!("run {way_there}") } else { format!("fails '{says}' {way_there}") };
    tell_as(
        &namespace,
        "sh",
        &format!(
            "mount -t tmpfs -o size=12m,nr_inodes=2000 rmm-test $(mkdir place && echo place)
            numbers=$(seq 40); write() {{ for n in $numbers; do echo $1 $n >$1/$n; done; }}
            fill() {{ n=0; while touch place/fill$n; do n=$((n + 1)); done 2>/dev/null; }}
            tag v1 'mkdir a b; echo 1 >a/1; write b'
            tag v2 'write b; {version}; echo 2 >a/1; for file in b/*; do echo 2 >$file; done'
            go v1; v1=$(id v1) v2=$(id v2)
            run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $v2
            df() {{ command df -P $1 place | sed -n '2s/[^ ]* *[0-9]* *\\([0-9]*\\).*/\\1/p'; }}
            inodes=$(df -i) blocks=$(df -k)
            mount -o remount,{room} place
            {way_there}
            {fill}
            quiet back v1; has a/1 1; has b/1 'b 1'; has version v1; test ! -e place/a/2; test ! -e place/c
            echo \"$said\" | grep 'is nearly full'
            is '' git -C place diff HEAD"
        ),
    );
}

#[test]
fn the_way_back_gets_through_where_the_way_there_has_filled_the_disk() {
    let (inodes, no_more_files) = ("nr_inodes=$((inodes + 40))", "its disk can hold .* more files (inodes)");
    // Git gives up at a folder, and the index is still the old one; git goes on to the end, and it is the new one.
    back_from_a_full_disk("mkdir c; write c", inodes, "", no_more_files);
    back_from_a_full_disk("write a", inodes, "", no_more_files);
    // No file can be made at all, and then none can be written.
    back_from_a_full_disk("write a", inodes, "fill", no_more_files);
    let big = "write a; head -c 400000 /dev/urandom >a/big; head -c 400000 /dev/urandom >more";
    back_from_a_full_disk(
        big,
        "size=$((blocks + 500))k",
        "cat /dev/zero >place/fill 2>/dev/null || :",
        "its disk has .* left",
    );
}

#[test]
fn the_way_back_gets_through_where_something_else_has_filled_the_disk() {
    back_from_a_full_disk("write a", "nr_inodes=$((inodes + 140))", "fill", "");
    back_from_a_full_disk("write a", "size=$((blocks + 1500))k", "cat /dev/zero >place/fill 2>/dev/null || :", "");
}

#[test]
fn what_is_kept_has_a_name_behind_all_that_was_kept_before() {
    // Two in one second, or before a clock that was set back, are a second apart.
    tell(
        "tag v1; tag v2; go v1
        cd place; empty=$(git hash-object -t tree /dev/null)
        ahead=$(GIT_COMMITTER_DATE='@4000000000 +0000' git commit-tree $empty -m x)
        git update-ref refs/rmm/kept/20961002T070640Z-zzzzzzz $ahead; cd ..
        echo hand >place/version; go v2
        last=$(git -C place for-each-ref --sort=-refname --count=1 --format='%(refname)' refs/rmm/kept)
        case $last in refs/rmm/kept/20961002T070641Z-*) ;; *) echo $last; exit 1 ;; esac
        is hand git -C place show $last:version
        echo again >place/version; go v1
        last=$(git -C place for-each-ref --sort=-refname --count=1 --format='%(refname)' refs/rmm/kept)
        is again git -C place show $last:version",
    );
}

#[test]
fn a_host_without_dev_zero_is_enough() {
    for shell in ["dash", "bash --posix", "busybox ash"] {
        if !is_there(shell.split(' ').next().unwrap()) {
            continue;
        }
        tell_with(
            shell,
            r#"mkdir bin && real=$(command -v dd)
            printf '#!/bin/sh\ncase "$*" in */dev/zero*) exit 1 ;; esac\nexec %s "$@"\n' "$real" >bin/dd && chmod +x bin/dd
            PATH=$PWD/bin:$PATH
            tag v1; tag v2 'echo new >config'
            go v1; has version v1; go v2; has config new; back v1; has version v1
            is 65536 sh -c 'wc -c <place/.git/rmm-spare/32'"#,
        );
    }
}
