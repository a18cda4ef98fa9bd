//! The binary that is copied to servers needs nothing that is on them. `RMM_STATIC` names it (`cargo dist` builds it, which takes too long for
//! every run of the tests); without it these tests say so and are skipped, unless `RMM_REQUIRE_STATIC` is set.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The most that it may weigh, so that growth is noticed.
const MOST_BYTES: u64 = 50_000_000;
/// What steps on the machine itself and git are run by.
const PROGRAMS: [&str; 3] = ["busybox", "git", "setsid"];

/// The static binary; none: the tests are skipped.
fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("RMM_STATIC").map(PathBuf::from);
    assert!(
        named.is_some() || std::env::var_os("RMM_REQUIRE_STATIC").is_none(),
        "RMM_STATIC does not name a static binary"
    );
    if named.is_none() {
        eprintln!("RMM_STATIC does not name a static binary (cargo dist builds it), so it is not tried");
    }
    named
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the loader of dynamic programs would bring to it.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let found = text(&output(Command::new("ldd").arg(program)).stdout);
    found.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

#[test]
fn it_is_static_and_small() {
    let Some(binary) = binary() else { return };
    let told = output(Command::new("ldd").arg(&binary));
    let told = text(&told.stdout) + &text(&told.stderr);
    assert!(told.contains("not a dynamic executable") || told.contains("statically linked"), "{told}");
    let bytes = fs::metadata(&binary).unwrap().len();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
}

/// Puts a file where it is outside.
fn place(root: &Path, file: &Path) {
    let to = root.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    if !to.exists() {
        fs::copy(file, to).unwrap();
    }
}

/// A program and its libraries, under the name that it has on the path.
fn install(root: &Path, program: &str) {
    let found = output(Command::new("which").arg(program));
    let path = PathBuf::from(text(&found.stdout).trim());
    assert!(path.is_absolute(), "{program} is not installed");
    place(root, &path);
    for library in libraries(&path) {
        place(root, &library);
    }
}

/// A root folder with git, the programs of busybox, and nothing else.
fn empty_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["bin", "dev", "proc", "tmp", "root"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    for program in PROGRAMS {
        install(root.path(), program);
    }
    let busybox = text(&output(Command::new("which").arg("busybox")).stdout);
    let list = output(Command::new("busybox").arg("--list"));
    for applet in text(&list.stdout).lines().filter(|applet| !PROGRAMS.contains(applet)) {
        symlink(busybox.trim(), root.path().join("bin").join(applet)).unwrap();
    }
    // Git calls itself by these names.
    let git = text(&output(Command::new("which").arg("git")).stdout);
    for name in ["git-upload-pack", "git-receive-pack"] {
        symlink(git.trim(), root.path().join("bin").join(name)).unwrap();
    }
    for (name, number) in [("null", "3"), ("zero", "5"), ("urandom", "9")] {
        let device = root.path().join("dev").join(name);
        assert!(
            output(Command::new("mknod").args(["-m", "666"]).arg(device).args(["c", "1", number])).status.success()
        );
    }
    root
}

#[test]
fn the_demo_runs_where_there_is_nothing_but_git_and_a_shell() {
    let Some(binary) = binary() else { return };
    let root = empty_root();
    fs::copy(&binary, root.path().join("rmm")).unwrap();
    // A mount of its own shows processes, and goes with the last of them.
    let script = "mount -t proc proc \"$1/proc\" && exec chroot \"$1\" /rmm demo --once";
    let mut demo = Command::new("unshare");
    demo.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"]).arg(root.path());
    demo.env_clear().env("PATH", "/bin:/usr/bin:/usr/local/bin:/sbin:/usr/sbin").env("HOME", "/root");
    let done = output(&mut demo);
    let told = text(&done.stdout) + &text(&done.stderr);
    assert!(done.status.success(), "{told}");
    assert!(told.contains("checks held"), "{told}");
}
