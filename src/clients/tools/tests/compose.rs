//! The functions as the shells of hosts run them. Those that ask docker are told about in `tests/ssh/compose`.

use std::path::Path;
use std::process::{Command, Output};

use crate::clients::tools::text;
use crate::domain::run::{Project, Script};

/// The shells that are here, of those that hosts have.
fn shells() -> Vec<Vec<&'static str>> {
    let known = [vec!["dash"], vec!["bash", "--posix"], vec!["busybox", "ash"], vec!["sh"]];
    known
        .into_iter()
        .filter(|shell| Command::new(shell[0]).args(&shell[1..]).args(["-c", ":"]).output().is_ok())
        .collect()
}

/// Runs a command as a step would, on a host without docker.
fn run(shell: &[&str], folder: &Path, script: &Script) -> Output {
    let tools = folder.join("bin");
    std::fs::create_dir_all(&tools).unwrap();
    for name in ["df", "sed", "cat", "cksum", "tr", "mkdir", "sort", "grep"] {
        let found = ["/usr/bin", "/bin"].iter().map(|bin| Path::new(bin).join(name)).find(|path| path.exists());
        let _ = std::os::unix::fs::symlink(found.unwrap(), tools.join(name));
    }
    let path = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|bin| bin.join(shell[0]))
        .find(|path| path.exists());
    Command::new(path.unwrap())
        .args(&shell[1..])
        .args(["-c", &text(script)])
        .current_dir(folder)
        .env_clear()
        .env("PATH", &tools)
        .env("HOME", folder)
        .output()
        .unwrap()
}

fn call(command: &str, project: Option<Project>) -> Script {
    Script { command: command.into(), directory: None, tools: true, project, watch: None, containers: None }
}

fn words(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[test]
fn a_command_of_the_service_runs_as_its_project_also_without_docker() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project { name: "shop-web-stage".into(), ..Project::default() };
    for shell in shells() {
        let shown = run(&shell, folder.path(), &call("echo $COMPOSE_PROJECT_NAME; exit 7", Some(project.clone())));
        assert_eq!((words(&shown).as_str(), shown.status.code()), ("shop-web-stage\n", Some(7)), "{shell:?}");
    }
}

#[test]
fn a_command_that_is_watched_ends_as_it_does_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    for shell in shells() {
        for (command, said, status) in [
            ("echo a; exit 7", "a\n", 7),
            ("set -e; echo 'it'\"'\"'s'; (exit 3); echo no", "it's\n", 3),
            ("trap 'echo bye' EXIT; rmm_stand; echo $rmm_at/ >/dev/null", "bye\n", 0),
            ("cat <<END\na\nEND\n# )", "a\n", 0),
        ] {
            let script = Script { watch: Some(vec!["/srv/a b".into()]), ..call(command, None) };
            let ended = run(&shell, folder.path(), &script);
            assert_eq!((words(&ended).as_str(), ended.status.code()), (said, Some(status)), "{shell:?} {command}");
        }
    }
}

#[test]
fn a_command_that_needs_nothing_is_what_was_written() {
    let script = Script { tools: false, ..call("make", None) };
    assert_eq!(text(&script), "make");
}

#[test]
fn only_the_way_back_removes_what_the_other_version_brought_unless_the_service_says_no() {
    let folder = tempfile::tempdir().unwrap();
    let back = Project { name: "shop".into(), chosen: true, remove_orphans: true, siblings: Vec::new() };
    for shell in shells() {
        let told = |project: &Project, command: &str| {
            words(&run(&shell, folder.path(), &call(command, Some(project.clone()))))
        };
        assert_eq!(told(&back, "echo $COMPOSE_REMOVE_ORPHANS"), "true\n", "{shell:?}");
        let forward = Project { remove_orphans: false, ..back.clone() };
        assert_eq!(told(&forward, "echo $COMPOSE_REMOVE_ORPHANS"), "\n", "{shell:?}");
    }
}

#[test]
fn a_full_disk_is_told_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    for shell in shells() {
        let full =
            run(&shell, folder.path(), &call("rmm_room 999000000000000000 /new/folder docker\necho touched", None));
        let said = words(&full);
        assert_eq!(full.status.code(), Some(1), "{shell:?}: {said}");
        assert!(
            said.starts_with("rmm: The disk of /new/folder has ") && said.contains("`min_free`"),
            "{shell:?}: {said}"
        );
        for enough in ["0", "1"] {
            let room =
                run(&shell, folder.path(), &call(&format!("rmm_room {enough} /new/folder docker\necho touched"), None));
            assert_eq!(words(&room), "touched\n", "{shell:?}");
        }
    }
}

#[test]
fn that_dockers_disk_is_nearly_full_is_told_on_the_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    let images = folder.path().join("images");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir(&images).unwrap();
    let docker = format!("#!/bin/sh\n[ $1 != info ] || echo {}\n", images.display());
    let df = "#!/bin/sh\ncase $2 in */images) n='100000000 99900000 100000' ;; *) n='100000000 1000000 99000000' ;; esac\n\
              printf 'Filesystem a b c\\n/dev/x %s 99%% /\\n' \"$n\"\n";
    for (name, text) in [("docker", docker.as_str()), ("df", df)] {
        std::fs::write(bin.join(name), text).unwrap();
        std::fs::set_permissions(bin.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    for shell in shells().into_iter().filter(|shell| shell[0] != "busybox") {
        let said = words(&run(&shell, folder.path(), &call("rmm_tell_image_room\necho goes on", None)));
        let told =
            format!("rmm: the disk of docker's images ({}) is nearly full: it has 97 MiB free", images.display());
        assert!(said.starts_with(&told) && said.ends_with("the way back goes on\ngoes on\n"), "{shell:?}: {said}");
    }
}

#[test]
fn a_disk_that_can_hold_no_more_files_is_told_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let df = "#!/bin/sh\ncase $1 in -Pi) n='1000000 999900 100' ;; *) n='100000000 1000000 99000000' ;; esac\n\
              printf 'Filesystem a b c\\n/dev/x %s 99%% /\\n' \"$n\"\n";
    std::fs::write(bin.join("df"), df).unwrap();
    std::fs::set_permissions(bin.join("df"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // Busybox asks a `df` of its own.
    for shell in shells().into_iter().filter(|shell| shell[0] != "busybox") {
        let said = |bytes: &str| {
            words(&run(&shell, folder.path(), &call(&format!("rmm_room {bytes} /new/folder\necho touched"), None)))
        };
        assert!(said("auto").starts_with("rmm: The disk of /new/folder can hold 100 more files"), "{}", said("auto"));
        assert_eq!(said("0"), "touched\n", "{shell:?}");
    }
}

/// What is said of how containers are, in each shell, with this for docker; no time passes meanwhile.
fn well_by(docker: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, text) in [("docker", docker), ("sleep", "#!/bin/sh\n")] {
        std::fs::write(bin.join(name), text).unwrap();
        std::fs::set_permissions(bin.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    // Busybox has a `sleep` of its own.
    let shells = shells().into_iter().filter(|shell| shell[0] != "busybox");
    let say = |shell: Vec<&str>| {
        let _ = std::fs::remove_file(folder.path().join("looks"));
        let project = Project { name: "shop".into(), chosen: true, ..Project::default() };
        words(&run(&shell, folder.path(), &call("rmm_compose_well declared", Some(project))))
    };
    shells.map(say).collect()
}

#[test]
fn a_container_that_starts_for_minutes_is_waited_for() {
    let docker = "#!/bin/sh
case \"$*\" in
'compose config --services') echo web ;;
ps*--no-trunc*) echo 'id|' ;;
inspect*)
    echo >>looks
    [ $(grep -c '' looks) -gt 150 ] && health=healthy || health=starting
    echo \"/web-1|running|0|0|then|$health||0|web||id\" ;;
esac
";
    for said in well_by(docker) {
        assert!(said.ends_with("are well (1 run)\n"), "{said}");
    }
}

#[test]
fn a_container_that_is_started_again_and_again_is_named() {
    let docker = "#!/bin/sh
case \"$*\" in
'compose config --services') printf 'web\\nstore\\n' ;;
ps*--no-trunc*) printf 'id|\\nother|\\n' ;;
ps*) echo 'Up Less than a second' ;;
inspect*State.Status*)
    echo >>looks
    n=$(grep -c '' looks)
    echo \"/store-1|running|0|0|then|||0|store||other\"
    echo \"/web-1|running|1|$n|$n||always|0|web||id\" ;;
logs*) echo 'no config' ;;
esac
";
    for said in well_by(docker) {
        assert!(said.ends_with("Not well: web-1 ended and was started again within seconds.\n"), "{said}");
        assert!(said.contains("the last lines of web-1"), "{said}");
    }
}

#[test]
fn where_docker_is_missing_the_recipe_says_so_and_own_commands_go_on() {
    let folder = tempfile::tempdir().unwrap();
    for shell in shells() {
        let project = || Some(Project { name: "shop".into(), ..Project::default() });
        let recipe = run(&shell, folder.path(), &call("rmm_compose_well declared", project()));
        assert!(!recipe.status.success() && words(&recipe).contains("docker was not found"), "{shell:?}");
        let own = run(&shell, folder.path(), &call("rmm_compose_well any\nrmm_compose_keep 2 abc", project()));
        assert!(
            own.status.success() && words(&own).contains("nothing tells that this is well"),
            "{shell:?}: {}",
            words(&own)
        );
    }
}
