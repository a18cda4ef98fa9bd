//! Why functions end a step: every sentence with which they do is run, and read back as a fault.
//!
//! What a function asks of git, of docker and of others stands here as functions of the same name.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::clients::tools::with;
use crate::domain::fault::tool::ToolFault;
use crate::wording::{Language, tool_fault};

/// How a call that ends a step begins; each place is told by its number.
const CALL: &str = "rmm_fail ";

/// Fault, and what leads to it.
const STORIES: &[(&str, &str)] = &[
    ("certificates_not_written", "RMM_CA_PEM=x TMPDIR=/nowhere; rmm_ca"),
    ("git_missing", "git() { return 127; }; rmm_git_begin x"),
    ("no_address", "rmm_git_begin /srv/shop --from -x"),
    ("dead_link", "ln -s nowhere link; rmm_dir=link; rmm_open"),
    ("not_a_folder", ": >file; rmm_dir=file; rmm_open"),
    ("folder_not_made", ": >file; rmm_dir=file/shop; rmm_open"),
    ("folder_not_written", "cd() { return 1; }; mkdir a; rmm_dir=a; rmm_open"),
    ("other_owner", "rmm_dir=/srv/shop; rmm_refuse_owner"),
    ("other_owner", "rmm_dir=/etc/shop; rmm_refuse_owner"),
    ("folder_not_marked", "RMM_SERVICE=shop RMM_ENVIRONMENT=stage rmm_gitdir=/nowhere; rmm_claim"),
    ("folder_held", "rmm_dir=/srv/shop rmm_holder='api stage' rmm_me='shop stage'; rmm_refuse_holder"),
    ("not_made_repository", "git() { echo no; return 1; }; rmm_dir=. rmm_commit=; rmm_make_repository"),
    (
        "not_made_repository",
        "rmm_mend_config() { :; }; rmm_make_repository() { :; }; rmm_git_may() { :; }; rmm_git() { echo no; return 1; }
        mkdir a; rmm_dir=a; rmm_open",
    ),
    (
        "git_at_work",
        "rmm_git() { :; }; rmm_find_git() { rmm_pid=7; }; sleep() { :; }
        : >x.lock; rmm_gitdir=. rmm_dir=.; rmm_remove_locks",
    ),
    (
        "lock_stays",
        "rmm_git() { :; }; rmm_find_git() { return 1; }; rm() { return 1; }
        : >x.lock; rmm_gitdir=. rmm_dir=.; rmm_remove_locks",
    ),
    ("no_repository", "rmm_git() { :; }; rmm_url= rmm_dir=/srv/shop; rmm_set_remote"),
    (
        "address_not_noted",
        "rmm_git() { case $2 in --get-all) ;; *) echo no; return 1 ;; esac; }; rmm_url=x rmm_dir=/srv/shop; rmm_set_remote",
    ),
    ("tag_not_set", "rmm_git() { echo no; return 1; }; rmm_tag=v1 rmm_gone= rmm_dir=/srv/shop; rmm_set_tag"),
    ("repository_not_read", "unread; rmm_error='fatal: no'; rmm_fetch"),
    ("repository_not_trusted", "unread; rmm_error=\"fatal: dubious ownership in repository at '/srv/a'\"; rmm_fetch"),
    ("commit_not_to_be_had", "unread; rmm_bring_commit() { return 1; }; rmm_tag= rmm_commit=c rmm_error=; rmm_fetch"),
    (
        "commit_not_fetched",
        "unread; rmm_peel_commit() { :; }; rmm_is_there() { return 1; }; rmm_has_commit() { return 1; }
        rmm_bring_commit() { return 1; }; rmm_back= rmm_commit=c rmm_error=no rmm_dir=/srv/shop; rmm_checkout",
    ),
    ("clone_not_mended", "damaged; rmm_git() { echo no; return 1; }; rmm_mend_clone"),
    ("clone_lost", "damaged; rmm_git() { :; }; rmm_renew_clone"),
    ("clone_not_fetched", "damaged; rmm_git() { :; }; rmm_mend_head() { rmm_error=no; return 1; }; rmm_renew_clone"),
    ("no_room", "little_room; rmm_room_at auto /srv/shop /srv/shop"),
    ("no_room", "little_room; rmm_free=600000 rmm_inodes=3; rmm_room_at auto /srv/shop /srv/shop"),
    (
        "no_room",
        "little_room; rmm_find_images() { rmm_root=/srv/docker; }
        rmm_disk_of() { rmm_size=100000000 rmm_free=5000; [ $1 = /srv/docker ] || rmm_free=$rmm_size; }
        rmm_room auto /srv/shop docker",
    ),
    ("clone_not_written", "rmm_why_full() { :; }; rmm_dir=/srv/shop; rmm_cannot_write"),
    ("clone_on_full_disk", "little_room; rmm_dir=/srv/shop; rmm_cannot_write"),
    ("clone_on_full_disk", "little_room; rmm_inodes=3; rmm_dir=/srv/shop; rmm_cannot_write"),
    ("files_in_the_way", "work; rmm_git() { return 1; }; rmm_dirty=keep; rmm_refuse_work"),
    ("work_refused", "work; rmm_git() { :; }; rmm_dirty=refuse; rmm_refuse_work"),
    ("work_refused", "work; : >in_way; rmm_dirty=refuse; rmm_refuse_work"),
    ("work_not_kept", "work; rmm_keep() { echo no >&2; return 1; }; rmm_set_aside"),
    ("file_not_moved", "work; mv() { return 1; }; rmm_why_full() { :; }; rmm_set_aside"),
    ("file_not_moved", "work; mv() { return 1; }; little_room; rmm_set_aside"),
    ("not_checked_out", "rmm_git() { echo 'fatal: no'; return 1; }; no_files; rmm_switch"),
    ("not_checked_out", "rmm_git() { echo 'fatal: No space left'; return 1; }; no_files; little_room; rmm_switch"),
    ("other_commit", "rmm_git() { echo other; }; rmm_commit=c rmm_dir=/srv/shop; rmm_check_tree"),
    (
        "files_differ",
        "rmm_git() { echo c; }; rmm_differing() { rmm_x='a, b'; }; rmm_switch() { :; }
        rmm_back= rmm_commit=c rmm_dir=/srv/shop; rmm_check_tree",
    ),
    ("submodules_unnamed", "submodules '- sub has no address in .gitmodules' ''; rmm_bring_submodules"),
    ("submodules_lack_commit", "submodules '+ sub' 'fatal: upload-pack: not our ref 1'; rmm_bring_submodules"),
    ("submodules_not_read", "submodules '+ sub' 'fatal: no'; rmm_bring_submodules"),
    ("lfs_missing", "large_files; rmm_lfs=; rmm_bring_large_files"),
    ("large_files_not_read", "large_files; rmm_lfs=there; rmm_bring_large_files"),
    (
        "volumes_left",
        "rmm_natural() { rmm_x=old; }; rmm_projects() { :; }; rmm_has_volumes() { :; }; rmm_is_new_here() { return 1; }
        rmm_wanted=new; rmm_refuse_left_over",
    ),
    ("project_taken", "docker_is_there; rmm_stranger() { echo /srv/a; }; rmm_compose_place /nowhere shop default"),
    (
        "composed_name_taken",
        r"docker_is_there; compose() { printf 'name: x\nservices:\n  a:\n    container_name: web\n'; }
        rmm_made() { echo '|web|shop|/srv/a'; }; rmm_compose_ask . containers compose",
    ),
    (
        "composed_replaced",
        "rmm_others='|web|shop|/srv/b' rmm_own=; rmm_made() { echo '|web|shop|/srv/a'; }; rmm_compose_taken 0",
    ),
    (
        "project_entered",
        "rmm_others='|web|shop|/srv/b' rmm_own=; rmm_made() { echo '|new|shop|/srv/a'; }; rmm_compose_taken 0",
    ),
    (
        "name_taken",
        "docker_is_there; rmm_others_started() { echo 'api@stage|at 1|id1|web|stays|/srv/api'; }
        rmm_others_composed() { :; }; rmm_id_of() { echo id1; }; rmm_refuse_names web",
    ),
    ("containers_taken", "taken 'api@stage|id1|web|gone|/srv/api'; rmm_containers_taken"),
    ("containers_taken", "taken 'api@stage|id1|web|replaced|'; rmm_containers_taken"),
    (
        "containers_taken",
        r"taken 'api@stage||web|stopped|/srv/api\na@b|i|c|gone|\nd@e|j|f|replaced|/g\n'; rmm_containers_taken",
    ),
    (
        "not_well",
        r"docker_is_there; rmm_containers() { echo id; }; rmm_services=
        rmm_ask() { printf '%s\n' 'a|running|0|0|t|unhealthy||0|s||i' 'b|exited|0|0|t|||1|s||i' 'c|exited|3|0|t|||0|s||i' \
            'd|restarting|1|9|t|||0|s||i' 'e|created|0|0|t|||0|s||i' 'f|paused|0|0|t|||0|s||i'; }
        rmm_look_at_containers; rmm_sick=; rmm_judge",
    ),
    (
        "not_well",
        "docker_is_there; rmm_ask() { :; }; rmm_sick= rmm_seen=' a:2:1 b:1:0' rmm_before=' a:1:0 b:1:0'; rmm_ends_again",
    ),
    ("docker_silent", "rmm_find_docker() { return 1; }; rmm_said=no; rmm_compose_well declared"),
    ("docker_silent", "rmm_find_docker() { return 1; }; rmm_compose_well declared"),
    ("docker_silent", "rmm_find_docker() { return 1; }; rmm_said='no\nis it on?'; rmm_compose_well declared"),
    ("still_starting", "looked \"rmm_starting=' a b'\"; rmm_compose_well declared"),
    ("nothing_runs", "looked rmm_starting=; rmm_compose_well declared"),
    ("no_containers", "rmm_projects() { :; }; COMPOSE_PROJECT_NAME=shop; rmm_find_elsewhere declared"),
];

/// What several stories begin with.
const BEGINNINGS: &str = r#"
rmm_user() { echo deploy; }
unread() {
    rmm_git_begin() { :; }; rmm_open() { :; }; rmm_set_remote() { :; }; rmm_bring_tag() { return 1; }
    rmm_tag=v1 rmm_gone= rmm_shown=https://git.example.com/shop.git
}
damaged() {
    rmm_is_sound() { return 1; }; rmm_set_remote() { :; }; rmm_list_empty() { :; }; rmm_mend_refs() { :; }
    rmm_mend_modules() { :; }; rmm_mend_shallow() { :; }; rmm_mend_head() { :; }; rmm_lost_head() { echo c; }
    rmm_new_damaged() { echo old; }
    rmm_gitdir=. rmm_dir=/srv/shop rmm_back= rmm_shown=https://git.example.com/shop.git rmm_commit=c
}
little_room() {
    rmm_disk_of() { rmm_size=100000000; }
    rmm_count_inodes() { :; }
    rmm_free=5000 rmm_inodes=
}
work() {
    rmm_done() { :; }; rmm_keep() { :; }; rmm_each_submodule() { :; }
    : >changed; : >gone; echo f >in_way; : >f
    rmm_work=. rmm_gitdir=git rmm_dir=/srv/shop rmm_hand=1 rmm_alone= rmm_back=
}
no_files() {
    rmm_set_remote() { :; }; rmm_files_are_there() { return 1; }; rmm_is_as_it_was() { return 1; }
    rmm_commit=c rmm_dir=/srv/shop
}
submodules() {
    rmm_wrong=$1 rmm_words=$2
    rmm_git() { echo '160000 x'; }; rmm_wrong_submodules() { printf '%s\n' "$rmm_wrong"; }; rmm_set_remote() { :; }
    rmm_sync_submodules() { :; }; rmm_submodule() { printf '%s\n' "$rmm_words"; return 1; }
    rmm_bring_whole_submodules() { return 1; }; rmm_leave_as_before() { :; }
    rmm_back= rmm_commit=c
}
large_files() {
    rmm_pointers() { echo a; echo b; }; rmm_set_remote() { :; }; rmm_leave_as_before() { :; }
    rmm_git() { [ "$1" != lfs ] || echo 'error: no'; return 1; }
    rmm_back= rmm_commit=c rmm_dir=/srv/shop
}
docker_is_there() {
    rmm_find_docker() { rmm_docker=docker; }; rmm_find_notes() { :; }; rmm_own_started() { :; }
    rmm_note_of=shop@stage
}
taken() {
    rmm_words=$1
    rmm_own_started() { :; }; rmm_list_containers() { :; }; rmm_others_started() { :; }; rmm_make_note() { :; }
    rmm_find_taken() { printf "$rmm_words"; }; rmm_find_taken_beside() { :; }
    rmm_watching=yes rmm_note_dir=. rmm_note_of=shop@stage rmm_on_taken=there
}
looked() {
    rmm_words=$1
    rmm_find_docker() { rmm_docker=:; }; rmm_containers() { echo id; }; rmm_judge() { :; }; sleep() { :; }
    rmm_look_at_containers() { rmm_ill= rmm_seen= rmm_running=0; eval "$rmm_words"; }
    COMPOSE_PROJECT_NAME=shop
}
"#;

/// The functions, with the places numbered that end a step, and how many there are.
fn numbered() -> (String, usize) {
    let text = with("");
    let mut parts = text.split(CALL);
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    let mut places = 0;
    for part in parts {
        numbered.push_str(&format!("rmm_fail_at {places} {part}"));
        places += 1;
    }
    numbered.push_str("rmm_fail_at() { echo \"$1\" >>\"$PLACES\"; shift; rmm_fail \"$@\"; }\n");
    (numbered, places)
}

/// What a story says last.
fn told(tools: &str, story: &str, places: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{tools}{BEGINNINGS}{story}")])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder.path())
        .env("PLACES", places);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!output.status.success(), "{story}: {said}");
    said.lines().rev().find(|line| line.starts_with("rmm: ")).unwrap_or(&said).to_owned()
}

#[test]
fn every_sentence_that_ends_a_step_is_read_as_a_fault() {
    let (tools, places) = numbered();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut faults = BTreeSet::new();
    for (code, story) in STORIES {
        let said = told(&tools, story, file.path());
        let fault = said.strip_prefix("rmm: ").and_then(tool_fault);
        let fault = serde_json::to_value(fault).unwrap();
        assert_eq!(fault["code"], *code, "{story}: {said}");
        assert!(!fault.to_string().contains("\"told\""), "{story}: {fault}");
        faults.insert(fault["code"].as_str().unwrap().to_owned());
    }
    let met = std::fs::read_to_string(file.path()).unwrap();
    let met: BTreeSet<usize> = met.lines().map(|line| line.parse().unwrap()).collect();
    let missed: Vec<_> = (0..places).filter(|place| !met.contains(place)).collect();
    let missed = missed.iter().map(|place| tools.split(&format!("rmm_fail_at {place} ")).nth(1).unwrap_or_default());
    let missed: Vec<_> = missed.map(|behind| behind.lines().next().unwrap_or_default()).collect();
    assert!(missed.is_empty(), "no story ends a step with {missed:#?}");
    // What docker, or the watcher of a step, says is no function's.
    let elsewhere = ["compose_missing", "folder_not_entered", "output_missing"];
    for fault in ToolFault::shapes(&mut |name| name.to_owned()) {
        let code = serde_json::to_value(&fault).unwrap()["code"].as_str().unwrap().to_owned();
        assert!(faults.contains(&code) || elsewhere.contains(&code.as_str()), "no function says {code}");
    }
}

#[test]
fn the_watcher_of_a_step_has_the_same_words() {
    let watcher = include_str!("../../detached/watcher.sh");
    let entered = Language::En.tool(&ToolFault::FolderNotEntered { folder: "%s".into() });
    for words in [entered, Language::En.tool(&ToolFault::OutputMissing)] {
        assert!(watcher.contains(&format!("RMM: {words}\\n")), "{words}");
    }
}
