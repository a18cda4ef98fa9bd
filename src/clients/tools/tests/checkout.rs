//! Stories of a folder on a host, with real git: each is a shell script that uses the words of `tests.sh`.

use std::path::Path;
use std::process::{Command, Stdio};

/// Tells a story in a folder of its own, with the functions run by a shell.
pub(super) fn tell_with(shell: &str, story: &str) {
    tell_as(&[], shell, story);
}

/// Tells it in a namespace that a command makes.
pub(super) fn tell_as(namespace: &[&str], shell: &str, story: &str) {
    let folder = tempfile::tempdir().unwrap();
    let teller = [namespace, &["sh"]].concat();
    let mut command = Command::new(teller[0]);
    command
        .args(&teller[1..])
        .args(["-eu", "-c", &format!("{}\n{story}", include_str!("../tests.sh"))])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder.path())
        .env("TOOLS", crate::clients::tools::with(""))
        .env("RMM_SHELL", shell)
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

pub(super) fn tell(story: &str) {
    tell_with("sh", story);
}

pub(super) fn is_there(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|path| Path::join(&path, program).exists())
}

#[test]
fn every_shell_goes_there_and_back() {
    for (program, shell) in [("dash", "dash"), ("bash", "bash"), ("bash", "bash --posix"), ("busybox", "busybox ash")] {
        if !is_there(program) {
            continue;
        }
        tell_with(
            shell,
            "tag v1
            tag v2 'echo new >config'
            go v1; has version v1
            echo mine >place/config; echo hand >place/version; : >place/.git/index.lock
            go v2; has version v2; has config new; kept config mine; kept version hand
            back v1; has version v1; has config mine
            says 'checked out already' back v1",
        );
    }
}

// What is fetched -----------------------------------------------------------------------------------------------------

#[test]
fn only_the_commit_is_fetched_and_a_clone_with_history_keeps_it() {
    tell(
        "tag v1; tag v2; tag v3
        go v3
        is 1 git -C place rev-list --count HEAD
        is v3 git -C place tag
        git clone -q origin other && git -C other checkout -q v1
        place=other; tag v4; go v4
        is 4 git -C other rev-list --count HEAD",
    );
}

#[test]
fn names_that_change_upstream_stop_nothing() {
    tell(
        "tag v1; upstream git branch a; upstream git tag x
        git clone -q origin place; go v1
        upstream git branch -D a; upstream git branch a/b; upstream git tag -d x; tag x/y
        go x/y; has version x/y
        upstream git tag -d x/y; upstream git tag -d v1; tag x
        go x; is x git -C place tag --list 'x*'
        back v1; has version v1",
    );
}

#[test]
fn a_server_that_gives_little_is_asked_for_more() {
    tell(
        "tag v1; upstream git commit -q --allow-empty -m between; between=$(upstream git rev-parse HEAD); tag v2
        git clone -q --bare origin bare; git -C bare update-server-info
        git -C bare config protocol.version 0
        git config --global protocol.version 0
        # No tag, and no single commits: everything with a name is fetched.
        origin=$PWD/bare; commit=$between
        run rmm_fetch \"$PWD/place\" --from \"$origin\" --commit $between
        run rmm_checkout \"$PWD/place\" --from \"$origin\" --commit $between
        is $between git -C place rev-parse HEAD
        is '' git -C place for-each-ref refs/rmm/all
        go v2; has version v2",
    );
}

#[test]
fn the_repository_may_move() {
    tell(
        "tag v1; go v1; mv origin elsewhere; origin=$PWD/elsewhere; (cd elsewhere && commit v2)
        go v2; has version v2",
    );
}

#[test]
fn a_tag_that_moved_or_is_gone_is_told_apart_from_a_repository_that_does_not_answer() {
    tell(
        "tag v1; tag v2; go v1
        was=$(id v2)
        upstream git tag -f v2 v1 >/dev/null
        run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $was
        ends 86 rmm_verify_tag \"$PWD/place\" --tag v2 --commit $was
        upstream git tag -d v2
        run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $was
        ends 87 rmm_verify_tag \"$PWD/place\" --tag v2 --commit $was
        # What production runs already goes on without its tag.
        run rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v2 --commit $was; has version v2
        mv origin away
        fails 'could not be read: fatal:' rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v1 --commit $(git -C away rev-parse v1)",
    );
}

#[test]
fn a_way_back_fetches_what_is_missing() {
    tell(
        "tag v1; tag v2; go v2; back v1; has version v1
        rm -rf place; back v1; has version v1
        rm -rf place/.git; back v1; has version v1; back v2
        mv origin away; back v1; has version v1",
    );
}

// What the way there left ---------------------------------------------------------------------------------------------

#[test]
fn stale_locks_go() {
    tell(
        "tag v1; tag v2; go v1
        for lock in index HEAD config shallow packed-refs refs/tags/v2 refs/rmm/tag; do : >place/.git/$lock.lock; done
        says 'removed the lock' there v2; has version v2
        : >place/.git/index.lock; : >place/.git/HEAD.lock
        back v1; has version v1",
    );
}

#[test]
fn a_half_clone_is_completed() {
    tell(
        "tag v1
        mkdir -p place/.git/objects; : >place/.git/config.lock; : >place/.git/HEAD; go v1; has version v1
        printf broken >place/.git/config; : >place/.git/HEAD; tag v2; quiet go v2; has version v2
        : >place/.git/index; tag v3; go v3; has version v3
        printf garbage >place/.git/index; back v2; has version v2
        for config in broken '\\0\\0\\0' '[core]\\n\\tbare = tr\\n' '[core'; do
            printf \"$config\" >place/.git/config; says 'made anew\\|is completed' go v3; quiet back v2
        done",
    );
}

#[test]
fn an_unfinished_checkout_is_no_work_by_hand() {
    tell(
        "tag v1; tag v2 'mkdir d; echo a >d/a; echo b >d/b; echo 2 >more'; go v1
        run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $(id v2)
        # As git leaves it when it is killed: some files are there, one in part, and the index is the old one.
        id v2 >place/.git/rmm-unfinished; echo v2 >place/version; mkdir place/d; echo a >place/d/a; printf '' >place/d/b
        quiet back v1; has version v1; test ! -e place/d
        id v2 >place/.git/rmm-unfinished; mkdir place/d; printf '' >place/d/b
        quiet back v1; test ! -e place/d
        id v2 >place/.git/rmm-unfinished; mkdir place/d; printf '' >place/d/b
        dirty=refuse; go v2; has d/b b",
    );
}

#[test]
fn objects_that_a_power_failure_emptied_are_fetched_again() {
    tell(
        "tag v1; tag v2; go v1; go v2
        blob=$(git -C place rev-parse v1:version)
        file=place/.git/objects/$(echo $blob | cut -c 1-2)/$(echo $blob | cut -c 3-)
        chmod u+w $file; : >$file
        back v1; has version v1",
    );
}

// Work by hand --------------------------------------------------------------------------------------------------------

#[test]
fn a_folder_that_is_not_empty_becomes_a_checkout() {
    tell(
        "tag v1; mkdir place; echo A=1 >place/.env; go v1; has .env A=1; has version v1
        rm -rf place/.git place/version; tag v2 'echo theirs >.env'
        fails 'files that git does not know and the release would overwrite (.env)' \
            rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $(id v2)
        has .env A=1; test ! -e place/version
        # On the way back it is kept aside instead.
        back v2; has .env theirs; kept .env A=1; back v1; has .env A=1",
    );
}

#[test]
fn every_kind_of_work_by_hand_is_kept_aside() {
    tell(
        "tag v1 'echo x >tracked; echo y >staged; echo old >file'
        tag v2 'git rm -q file; mkdir file; echo in >file/in; echo z >tracked; echo new >link; mkdir data; echo d >data/d; echo i >ignored; echo \"ü\" >\"ü 1\"'
        go v1
        cd place
        echo hand >tracked; echo hand >staged; git add staged; echo added >extra; git add extra; echo edited >file
        ln -s /nowhere link; echo mine >data; echo ignored >.git/info_exclude; echo mine >ignored; echo mine >'ü 1'; echo left >untouched
        mkdir -p .git/info; echo ignored >.git/info/exclude
        cd ..
        go v2
        has tracked z; has file/in in; has link new; has data/d d; has ignored i; has 'ü 1' ü; has untouched left
        kept tracked hand; kept staged hand; kept extra added; kept file edited; kept data mine; kept ignored mine; kept 'ü 1' mine
        is '' git -C place diff --stat HEAD
        back v1; has tracked x; has ignored mine; has data mine; test -L place/link; has untouched left",
    );
}

#[test]
fn hidden_changes_are_found() {
    tell(
        "tag v1; tag v2; go v1
        git -C place update-index --assume-unchanged version; echo hand >place/version
        go v2; has version v2; kept version hand
        git -C place update-index --skip-worktree version; echo again >place/version
        back v1; has version v1; kept version again
        git -C place sparse-checkout set nothing; rm -f place/version
        go v2; has version v2",
    );
}

#[test]
fn commits_made_by_hand_are_kept() {
    tell(
        "tag v1; tag v2; go v1
        cd place; echo hand >version; git commit -qam hand; hand=$(git rev-parse HEAD); cd ..
        says \"by hand: commit $hand\" go v2; has version v2; kept version hand
        git -C place checkout -q v1; quiet go v2",
    );
}

#[test]
fn with_refuse_the_way_there_stops_and_the_way_back_does_not() {
    tell(
        "tag v1; tag v2; dirty=refuse; go v1; go v2; echo hand >place/version
        fails 'somebody has worked by hand' there v1; has version hand
        back v1; has version v1; kept version hand",
    );
}

#[test]
fn what_is_kept_is_bounded_and_not_doubled() {
    tell(
        "tag v1; tag v2; go v1
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $n >place/version; back v1; done
        is 10 sh -c 'git -C place for-each-ref refs/rmm/kept | wc -l'
        echo 12 >place/version; back v1; echo 12 >place/version; back v1
        is 10 sh -c 'git -C place for-each-ref refs/rmm/kept | wc -l'",
    );
}

// What is checked out is the commit -----------------------------------------------------------------------------------

#[test]
fn users_configuration_and_environment_change_nothing() {
    tell(
        "printf 'a\\nb\\n' >text; tag v1 'cp ../text text; printf \"* text=auto\\n\" >.gitattributes'
        git config --global core.autocrlf true; git config --global fetch.prune true; git config --global submodule.recurse true
        git config --global core.hooksPath $PWD/hooks; mkdir hooks; printf '#!/bin/sh\\nexit 1\\n' >hooks/post-checkout; chmod +x hooks/*
        git config --global color.ui always; git config --global status.showUntrackedFiles all; git config --global commit.gpgSign true
        RMM_SHELL='env GIT_DIR=/nowhere GIT_INDEX_FILE=/nowhere/i GIT_WORK_TREE=/nowhere sh'
        go v1
        cmp text place/text",
    );
}

#[test]
fn files_that_git_always_takes_for_changed_are_no_work_by_hand() {
    tell(
        "upstream git config core.autocrlf false
        tag v1 'printf \"a\\r\\n\" >text; git add text; git commit -qm crlf; printf \"* text\\n\" >.gitattributes'
        tag v2
        dirty=refuse; go v1; touch -d '2001-01-01' place/text; quiet go v2; quiet back v1",
    );
}

#[test]
fn a_file_that_does_not_stay_as_it_was_checked_out_fails_the_way_there_alone() {
    tell(
        "tag v1; tag v2; go v1
        git config --global filter.odd.smudge 'cat; date +%N'; mkdir -p place/.git/info
        echo 'version filter=odd' >place/.git/info/attributes
        fails 'after the checkout these files .*: version; look what writes them' there v2
        says 'after the checkout these files' back v1",
    );
}

#[test]
fn submodules_follow_the_commit_there_and_back() {
    tell(
        "mkdir lib; (cd lib; git init -q; commit L1)
        tag v0
        tag v1 'git -c protocol.file.allow=always submodule --quiet add ../lib lib'
        (cd lib; commit L2); tag v2 'cd lib; git -c protocol.file.allow=always pull -q; cd ..'
        go v1; has lib/version L1; go v2; has lib/version L2
        echo hand >place/lib/version; : >place/.git/modules/lib/index.lock; back v1; has lib/version L1
        is hand git -C place/lib show \"$(git -C place/lib for-each-ref --format='%(refname)' refs/rmm/kept):version\"
        echo built >place/lib/built
        back v0; test ! -e place/lib/version; has lib/built built; rm place/lib/built
        go v2; has lib/version L2; back v0; test ! -e place/lib
        # A clone of the submodule that was not made wholly.
        rm -rf place/.git/modules/lib; mkdir -p place/.git/modules/lib/objects
        go v2; has lib/version L2
        back v0; rm -rf place/.git/modules; mv lib gone
        fails 'the submodules of' there v1; has version v0; is '' git -C place status --short
        go v0",
    );
}

#[test]
fn work_by_hand_in_a_submodule_is_kept_or_a_reason_to_stop() {
    // Names tell seconds only.
    let kept = "last_kept() { echo refs/rmm/kept/$(ls -t place/.git/modules/lib/refs/rmm/kept | head -n 1); }";
    tell(&format!(
        "mkdir lib; (cd lib; git init -q; echo '*.env' >.gitignore; git add .gitignore; commit L1)
        tag v1 'git -c protocol.file.allow=always submodule --quiet add ../lib lib'
        (cd lib; echo theirs >new.txt; echo theirs >a.env; git add -f new.txt a.env; commit L2)
        tag v2 'cd lib; git -c protocol.file.allow=always pull -q; cd ..'
        {kept}
        go v1
        # Files that git does not know there, ignored or not, where the next commit has some.
        echo mine >place/lib/new.txt; echo mine >place/lib/a.env; echo mine >place/lib/other
        dirty=refuse; fails 'worked by hand' there v2; has lib/new.txt mine; dirty=keep
        says 'lib/new.txt (in a submodule)' there v2
        has lib/new.txt theirs; has lib/a.env theirs; has lib/other mine
        is mine git -C place/lib show \"$(last_kept):new.txt\"; is mine git -C place/lib show \"$(last_kept):a.env\"
        # A commit.
        go v2; (cd place/lib; echo ours >ours; git add ours; git commit -q -m ours)
        ours=$(git -C place/lib rev-parse HEAD)
        dirty=refuse; fails 'worked by hand' there v1; dirty=keep
        says \"lib (commit $ours) (in a submodule)\" back v1
        has lib/version L1; is ours git -C place/lib show \"$(last_kept):ours\"
        dirty=refuse; quiet go v2; quiet back v1",
    ));
}

#[test]
fn a_deleted_file_comes_back_and_that_is_said() {
    tell(
        "tag v1 'echo a >a'; tag v2; go v1; rm place/a
        dirty=refuse; fails 'worked by hand.*(a)' there v2; dirty=keep
        says 'deleted a' there v2
        has a a",
    );
}

#[test]
fn a_submodule_without_an_address_is_refused() {
    tell(
        "tag v1 'mkdir inner; cd inner; git init -q; commit x; cd ..'
        fails 'submodules of .* (inner): .gitmodules does not say where they come from; name them there' there v1",
    );
}

#[test]
fn what_a_submodule_tracks_is_no_work_by_hand_where_it_becomes_a_folder() {
    tell(
        "mkdir lib; (cd lib; git init -q; commit L1 'mkdir in; echo 1 >in/file; echo 1 >\"u ü\"')
        tag v1 'git -c protocol.file.allow=always submodule --quiet add ../lib lib'
        tag v2 'git rm -qf lib; mkdir -p lib/in; echo 2 >lib/in/file; echo 2 >\"lib/u ü\"; echo 2 >lib/other'
        go v1; dirty=refuse; quiet go v2; has lib/in/file 2
        quiet back v1; has lib/in/file 1
        echo mine >place/lib/other; fails 'worked by hand in .*(lib/other)' there v2
        dirty=keep; says 'by hand: in the way lib/other' go v2; kept lib/other mine; has lib/other 2
        back v1; echo mine >place/lib/in/file; dirty=refuse; fails 'worked by hand' there v2",
    );
}

#[test]
fn a_submodule_that_comes_back_from_elsewhere_is_brought_from_there() {
    tell(
        "mkdir lib sub; (cd sub; git init -q; commit S1); (cd lib; git init -q; commit L1 'git -c protocol.file.allow=always submodule --quiet add ../sub sub')
        tag v1 'git -c protocol.file.allow=always submodule --quiet add ../lib lib'
        tag v2 'git rm -qf lib'
        go v1; has lib/sub/version S1; go v2; test ! -e place/lib/version
        mv lib moved; mv sub away; (cd away; commit S2)
        (cd moved; git config --file .gitmodules submodule.sub.url ../away; git submodule --quiet sync; cd sub
            git -c protocol.file.allow=always pull -q; cd ..; commit L2)
        tag v3 'rm -rf .git/modules/lib; git -c protocol.file.allow=always submodule --quiet add --name lib ../moved lib'
        go v3; has lib/version L2; has lib/sub/version S2",
    );
}

#[test]
fn large_files_are_real_or_the_step_says_so() {
    let pointer = "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%064d\\nsize 3\\n' 1 >big.bin; \
                   echo '*.bin filter=lfs diff=lfs merge=lfs -text' >.gitattributes";
    tell(&format!(
        "tag v0; tag v1 \"{pointer}\"; go v0
        git config --global filter.lfs.required true; git config --global filter.lfs.smudge 'no-such-program %f'
        fails 'big.bin' there v1
        has version v0; test ! -e place/big.bin; (! there v1 2>&1) | grep -q 'nothing was changed'
        back v1
        git config --global --remove-section filter.lfs
        git -C place config lfs.fetchexclude '*'; tag v2
        says 'only pointers' there v2",
    ));
}

#[test]
fn large_files_come_and_go_with_their_versions_where_the_host_has_git_lfs() {
    if !is_there("git-lfs") {
        return eprintln!("git-lfs is not installed; skipped");
    }
    let without = "mkdir bin; for each in $(echo $PATH | tr : ' '); do for program in $each/*; do \
                   case ${program##*/} in git-lfs) ;; *) ln -sf $program bin/ ;; esac; done; done";
    tell(&format!(
        "upstream git lfs install --local >/dev/null
        tag v0
        tag v1 'git lfs track \"*.bin\" >/dev/null; echo one >big.bin'; tag v2 'echo two >big.bin'
        go v1; has big.bin one; go v2; has big.bin two; back v1; has big.bin one; back v0; test ! -e place/big.bin
        {without}
        export PATH=$PWD/bin; place=other
        go v0; fails 'only pointers of Git LFS (big.bin): git-lfs was not found on this host; install git-lfs there' there v2
        has version v0; test ! -e other/big.bin",
    ));
}

#[test]
fn large_files_of_submodules_are_no_less_real() {
    let pointer = "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%064d\\nsize 3\\n' 1 >big.bin; \
                   echo '*.bin filter=lfs diff=lfs merge=lfs -text' >.gitattributes";
    tell(&format!(
        "git init -q lib; (cd lib; {pointer}; commit large)
        tag v1 'git -c protocol.file.allow=always submodule --quiet add ../lib lib'
        fails 'lib' there v1",
    ));
}

// Whose folder it is --------------------------------------------------------------------------------------------------

#[test]
fn a_folder_has_one_holder() {
    tell(
        "tag v1; go v1; RMM_SERVICE=store; export RMM_NAME_ON_HOSTS=shop; go v1; RMM_SERVICE=shop; RMM_ENVIRONMENT=stage
        fails 'is held by shop on production, so shop on stage must not use it' there v1
        fails 'is held by shop on production' rmm_checkout \"$PWD/place\" --from \"$origin\" --commit $(id v1) --back
        : >place/.git/rmm-place; go v1; is 'shop stage' cat place/.git/rmm-place",
    );
}

#[test]
fn of_two_that_come_at_once_one_holds_the_folder() {
    tell(
        "tag v1
        git init -q place
        for service in a b c d; do
            (RMM_SERVICE=$service; run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v1 --commit $(id v1) && echo $service >>won) >/dev/null 2>&1 &
        done
        wait
        is 1 sh -c 'wc -l <won'; is \"$(cat won) production\" cat place/.git/rmm-place",
    );
}

#[test]
fn a_place_that_cannot_be_used_is_told() {
    tell(
        "tag v1; echo file >place; fails 'is not a folder' there v1; rm place; ln -s nowhere place; fails 'leads to no folder' there v1
        mkdir nowhere; go v1; has version v1; is \"$(cd nowhere && git rev-parse HEAD)\" git -C place rev-parse HEAD
        place=nowhere; go v1; place=place; rm -r place nowhere; git init -q .; go v1; has version v1; test ! -e version",
    );
}

#[test]
fn a_folder_of_another_user_is_refused_before_anything_is_made_there() {
    // Only root can give a folder away.
    if !rustix::process::geteuid().is_root() {
        return eprintln!("not root; skipped");
    }
    tell(
        "tag v1; mkdir place; chown 1:1 place
        fails 'belongs to another user than root, and git refuses' there v1; test ! -e place/.git
        git config --global --add safe.directory \"$PWD/other\"; fails 'belongs to another user' there v1
        git config --global --add safe.directory \"$PWD/place\"; go v1; has version v1
        chown -R 1:1 place; tag v2; go v2; has version v2
        git config --global --unset-all safe.directory; fails 'safe.directory' there v2",
    );
}

#[test]
fn a_repository_of_another_user_is_told_with_what_lets_git_trust_it() {
    // Only root can give a folder away.
    if !rustix::process::geteuid().is_root() {
        return eprintln!("not root; skipped");
    }
    tell(
        "tag v1; chown -R 1:1 origin
        fails \"sudo -u root env HOME=$HOME git config --global --add safe.directory $PWD/origin/.git\" there v1",
    );
}

// What a checkout that did not end left, and the way back from it --------------------------------------------------------

#[test]
fn what_made_way_for_a_version_that_never_came_is_there_again() {
    tell(
        "tag v1 'echo .env >.gitignore'
        go v1; echo secret >place/.env
        tag v2 'echo new >.env; git add -f .env'
        run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $(id v2)
        # git is killed at the very start of its checkout.
        mkdir bin; real=$(command -v git)
        printf '#!/bin/sh\\ncase \" $* \" in *\" checkout \"*) exit 137 ;; esac\\nexec %s \"$@\"\\n' $real >bin/git
        chmod +x bin/git; PATH=$PWD/bin:$PATH
        fails 'cannot be checked out' rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v2 --commit $(id v2)
        rm bin/git
        back v1; has .env secret; has version v1",
    );
}

#[test]
fn a_file_that_git_cannot_replace_is_no_reason_to_fail_where_it_is_the_right_one() {
    tell(
        "tag v1; tag v2; go v1; v1=$(id v1) v2=$(id v2)
        run rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $v2
        # As git leaves it when it may not replace a file: everything but the file is of the new version.
        git -C place update-ref --no-deref HEAD $v2; git -C place read-tree $v2
        mkdir bin; real=$(command -v git)
        printf '#!/bin/sh\\ncase \" $* \" in *\" checkout \"*) echo \"error: unable to unlink old version: Permission denied\" >&2; exit 1 ;; esac\\nexec %s \"$@\"\\n' $real >bin/git
        chmod +x bin/git; PATH=$PWD/bin:$PATH
        quiet back v1; has version v1
        is '' git -C place status --porcelain",
    );
}

#[test]
fn a_link_in_the_place_of_a_folder_is_work_by_hand() {
    tell(
        "tag v1 'mkdir conf; echo 1 >conf/a'; go v1
        mkdir elsewhere; echo mine >elsewhere/a
        rm -r place/conf; ln -s ../elsewhere place/conf
        tag v2 'echo 2 >conf/a'
        dirty=refuse; fails '(conf)' there v2; dirty=keep
        says 'in the way conf' there v2; has conf/a 2
        is mine cat elsewhere/a
        kept conf ../elsewhere",
    );
}

#[test]
fn the_id_of_an_annotated_tag_itself_stands_for_its_commit() {
    tell(
        "tag v1; tag v2; go v1; upstream git tag -f -a -m v2 v2 v2; object=$(git -C origin rev-parse refs/tags/v2)
        with() { run $1 \"$PWD/place\" --from \"$origin\" --tag v2 --commit $object; }
        with rmm_fetch; with rmm_verify_tag; with rmm_checkout; has version v2
        commit=$(id v2); right; says 'checked out already' with rmm_checkout
        tag v3; object=$(git -C origin rev-parse v3); ends 86 rmm_verify_tag \"$PWD/place\" --tag v2 --commit $object",
    );
}

// What a failure has left --------------------------------------------------------------------------------------------

#[test]
fn a_checkout_that_fails_says_whether_it_has_changed_anything() {
    tell(
        "tag v1; tag v2 'mkdir sub; echo 1 >sub/x'
        unchanged() { printf '%s\n' \"$said\" | grep -qx 'rmm: nothing was changed'; }
        checkout() { fails \"$2\" rmm_checkout \"$PWD/place\" --from \"$origin\" --tag $1 --commit $(id $1) --dirty $dirty; }
        # The first one: the folder has a file in the way, or there is no such commit.
        mkdir place; echo mine >place/version
        checkout v1 'move them away'; unchanged
        rm place/version
        fails 'cannot be fetched' rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v9 --commit 1111111111111111111111111111111111111111; unchanged
        test ! -e place/version
        go v1
        dirty=refuse; echo hand >place/version
        checkout v2 'worked by hand'; unchanged; has version hand
        echo v1 >place/version
        # Git cannot write, and has not replaced anything; a note of what was begun is not left.
        fake=$PWD/bin; mkdir bin; real=$(command -v git)
        printf '#!/bin/sh\ncase \" $* \" in *\" checkout \"*) %s; echo \"error: no\" >&2; exit 128 ;; esac\nexec %s \"$@\"\n' : $real >bin/git; chmod +x bin/git
        PATH=$fake:$PATH; checkout v2 'cannot be checked out'; unchanged; test ! -e place/.git/rmm-unfinished
        # It has written one file of the new version.
        printf '#!/bin/sh\ncase \" $* \" in *\" checkout \"*) mkdir sub; echo 1 >sub/x; exit 128 ;; esac\nexec %s \"$@\"\n' $real >bin/git
        checkout v2 'cannot be checked out'; ! unchanged; test -e place/.git/rmm-unfinished
        rm bin/git; go v2; has sub/x 1",
    );
}
