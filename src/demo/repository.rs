//! The git repository that `rmm demo` releases: a guestbook in three versions, the last of which fails in production.
//!
//! It is written with `git fast-import`, so it needs no work tree, and its commit ids are the same on every machine.
//! It must not depend on, or touch, the git configuration or the git environment of the person who runs the demo.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The first version, the one that adds a migration, and the one that is ill in production.
pub const TAGS: [&str; 3] = ["v1.0.0", "v1.1.0", "v1.2.0"];

/// A bare repository on this machine.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The folder `guestbook.git`; git can clone and fetch from it by this path.
    pub path: PathBuf,
    /// Tag → the commit (not the tag object: the tags are annotated) that it points at.
    pub commits: BTreeMap<String, String>,
    binary: PathBuf,
}

impl Repository {
    /// The variables that `./migrate` and `./serve` of one environment need. `data` must be absolute.
    pub fn settings(&self, environment: &str, port: u16, data: &Path) -> Vec<(&'static str, OsString)> {
        vec![
            ("GUESTBOOK_BIN", self.binary.clone().into_os_string()),
            ("GUESTBOOK_PORT", port.to_string().into()),
            ("GUESTBOOK_DATA", data.into()),
            ("ENVIRONMENT", environment.into()),
        ]
    }
}

/// Makes `dir/guestbook.git`. `binary` is the `rmm` whose hidden subcommand `demo-service` the scripts call.
///
/// # Errors
/// When the folder exists already, or git is missing or refuses.
pub fn create(dir: &Path, binary: &Path) -> Result<Repository> {
    let binary = std::path::absolute(binary).context("the path of the rmm binary cannot be made absolute")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create the folder {}", dir.display()))?;
    let dir = dir.canonicalize().with_context(|| format!("cannot resolve the folder {}", dir.display()))?;
    let path = dir.join("guestbook.git");
    ensure!(!path.exists(), "{} exists already", path.display());

    // An empty template means no hooks and no description: nothing of the user's machine gets in.
    let mut init = git(&dir);
    init.args(["-c", "init.defaultBranch=main", "init", "--quiet", "--bare", "--template="]).arg(&path);
    run(init, b"")?;

    let mut import = git(&path);
    import.args(["fast-import", "--quiet", "--date-format=raw"]);
    run(import, &history())?;

    let mut list = git(&path);
    list.args(["for-each-ref", "--format=%(refname:strip=2) %(*objectname)", "refs/tags"]);
    let listed = String::from_utf8(run(list, b"")?.stdout).context("git printed tags that are not UTF-8")?;
    let commits: BTreeMap<String, String> =
        listed.lines().filter_map(|line| line.split_once(' ')).map(|(tag, id)| (tag.into(), id.into())).collect();
    ensure!(TAGS.iter().all(|tag| commits.contains_key(*tag)), "git lost a tag of the demo, it lists: {listed}");
    Ok(Repository { path, commits, binary })
}

/// `git` which knows nothing of the user: no configuration, and no GIT_DIR or the like from a hook that started us.
fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    // Before git 2.32 only this one keeps the system's file out.
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    command
}

fn run(mut command: Command, input: &[u8]) -> Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("git cannot be started: is it installed?")?;
    // A git that ends early closes its input: its own words say more than our broken pipe, so the status goes first.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().context("git was started, but its end could not be awaited")?;
    if !output.status.success() {
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        bail!("`git {}` failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    written.context("git did not read the history of the demo to its end")?;
    Ok(output)
}

/// One version: what it changes in the tree of the version before.
struct Version {
    tag: &'static str,
    message: &'static str,
    files: &'static [File],
}

struct File {
    path: &'static str,
    content: &'static str,
    executable: bool,
}

const fn text(path: &'static str, content: &'static str) -> File {
    File { path, content, executable: false }
}

const fn script(path: &'static str, content: &'static str) -> File {
    File { path, content, executable: true }
}

/// The stream for `git fast-import`. Names and dates are fixed, hence the ids too.
fn history() -> Vec<u8> {
    const WHO: &str = "RMM demo <demo@rmm.invalid>";
    const FIRST_DAY: u64 = 1_767_607_200; // 2026-01-05 10:00 UTC
    let mut stream = Vec::new();
    for (day, version) in (0_u64..).zip(VERSIONS) {
        let signature = format!("{WHO} {} +0000", FIRST_DAY + day * 86_400);
        stream.extend(format!("commit refs/heads/main\nauthor {signature}\ncommitter {signature}\n").bytes());
        push_data(&mut stream, version.message);
        for file in version.files {
            let mode = if file.executable { "100755" } else { "100644" };
            stream.extend(format!("M {mode} inline {}\n", file.path).bytes());
            push_data(&mut stream, file.content);
        }
        stream.extend(format!("tag {}\nfrom refs/heads/main\ntagger {signature}\n", version.tag).bytes());
        push_data(&mut stream, version.message);
    }
    stream.extend(b"done\n");
    stream
}

fn push_data(stream: &mut Vec<u8>, content: &str) {
    stream.extend(format!("data {}\n{content}\n", content.len()).bytes());
}

const VERSIONS: &[Version] = &[
    Version {
        tag: TAGS[0],
        message: "A guestbook that lists its guests\n",
        files: &[
            // A checkout must not turn the scripts' line ends, whatever core.autocrlf says.
            text(".gitattributes", "* -text\n"),
            script("migrate", MIGRATE),
            script("serve", SERVE),
            text(
                "guestbook.toml",
                r#"version = "1.0.0"

[page]
title = "Guestbook"
guests = "SELECT name FROM guests ORDER BY id"
"#,
            ),
            text(
                "migrations/001_guests.up.sql",
                "CREATE TABLE guests (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO guests (name) VALUES ('Ada'), ('Grace'), ('Edsger');
",
            ),
            text("migrations/001_guests.down.sql", "DROP TABLE guests;\n"),
        ],
    },
    Version {
        tag: TAGS[1],
        message: "Greet every guest by name\n",
        files: &[
            text(
                "guestbook.toml",
                r#"version = "1.1.0"

[page]
title = "Guestbook with greetings"
guests = "SELECT greeting FROM guests ORDER BY id"
"#,
            ),
            text(
                "migrations/002_greetings.up.sql",
                "ALTER TABLE guests ADD COLUMN greeting TEXT NOT NULL DEFAULT 'Welcome!';
UPDATE guests SET greeting = 'Welcome, ' || name || '!';
",
            ),
            text("migrations/002_greetings.down.sql", "ALTER TABLE guests DROP COLUMN greeting;\n"),
        ],
    },
    Version {
        tag: TAGS[2],
        message: "Guests can donate\n",
        files: &[
            // The fault of the demo: stage pays in the sandbox, so only production misses the key of the live account.
            text(
                "guestbook.toml",
                r#"version = "1.2.0"

[page]
title = "Guestbook with greetings and donations"
guests = "SELECT greeting || ' You gave ' || cents || ' cents.' FROM guests JOIN donations ON guest = id ORDER BY id"

[payments]
stage = "sandbox"
production = "live"     # reads GUESTBOOK_PAYMENT_KEY
"#,
            ),
            text(
                "migrations/003_donations.up.sql",
                "CREATE TABLE donations (guest INTEGER NOT NULL REFERENCES guests (id), cents INTEGER NOT NULL);
INSERT INTO donations (guest, cents) SELECT id, 500 FROM guests;
",
            ),
            text("migrations/003_donations.down.sql", "DROP TABLE donations;\n"),
        ],
    },
];

const MIGRATE: &str = r#"#!/bin/sh
# Moves the database of this environment: ./migrate up | ./migrate down TAG
set -eu
cd "$(dirname "$0")"

case "${1:-}" in
up)
    exec "$GUESTBOOK_BIN" demo-service migrate up --code .
    ;;
down)
    if [ -z "${2:-}" ]; then
        echo "no release to go back to: nothing to reverse"
        exit 0
    fi
    # What the tree of TAG contains stays. If TAG does not exist, git fails and the script ends here.
    keep=$(git ls-tree --name-only "$2" migrations/)
    exec "$GUESTBOOK_BIN" demo-service migrate down --code . --keep "$keep"
    ;;
*)
    echo "usage: ./migrate up | ./migrate down TAG" >&2
    exit 2
    ;;
esac
"#;

const SERVE: &str = r#"#!/bin/sh
# Stops the old process of this environment and starts the code that is checked out here.
set -eu
cd "$(dirname "$0")"
exec "$GUESTBOOK_BIN" demo-service restart --code .
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn show(repository: &Repository, args: &[&str]) -> String {
        let mut command = git(&repository.path);
        command.args(args);
        String::from_utf8(run(command, b"").unwrap().stdout).unwrap()
    }

    #[test]
    fn has_three_versions_and_the_same_commits_every_time() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repository = create(one.path(), Path::new("rmm")).unwrap();
        assert_eq!(repository.commits.keys().collect::<Vec<_>>(), TAGS.iter().collect::<Vec<_>>());
        assert_eq!(repository.commits, create(two.path(), Path::new("other")).unwrap().commits);
        for (tag, commit) in &repository.commits {
            assert_eq!(show(&repository, &["rev-parse", &format!("{tag}^{{commit}}")]).trim(), commit);
        }
        assert_eq!(show(&repository, &["symbolic-ref", "HEAD"]).trim(), "refs/heads/main");
        assert_eq!(show(&repository, &["rev-parse", "main"]).trim(), repository.commits["v1.2.0"]);
        assert!(!repository.path.join("hooks").exists());
    }

    #[test]
    fn keeps_the_executable_bit_and_adds_one_migration_per_version() {
        let dir = tempfile::tempdir().unwrap();
        let repository = create(dir.path(), Path::new("rmm")).unwrap();
        for (tag, migrations) in TAGS.iter().zip([2, 4, 6]) {
            let tree = show(&repository, &["ls-tree", "-r", tag]);
            assert_eq!(tree.lines().filter(|line| line.contains("migrations/")).count(), migrations, "{tree}");
            for name in ["migrate", "serve"] {
                assert!(tree.lines().any(|l| l.starts_with("100755 ") && l.ends_with(&format!("\t{name}"))), "{tree}");
            }
        }
    }

    #[test]
    fn refuses_to_overwrite() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), Path::new("rmm")).unwrap();
        let error = create(dir.path(), Path::new("rmm")).unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
    }
}
