//! From what the script said to what people read.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Finding, MARK, State, Wanted, lacks_compose};
use crate::clients::git;
use crate::domain::folder;
use crate::wording::git_advice;

/// A clock that is further off makes times misleading, in seconds.
const CLOCK: i64 = 30;
const MIB: u64 = 1024 * 1024;
/// Less free space than this stops deploys, in bytes.
const FULL: u64 = 200 * MIB;
/// Less free space than this will soon, in bytes.
const NARROW: u64 = 2048 * MIB;

/// What the host has said so far.
pub(super) struct Said {
    asked: Timestamp,
    /// Seconds that the host's clock is off.
    clock: Option<i64>,
    lines: Vec<Vec<String>>,
}

impl Said {
    pub(super) fn new(asked: Timestamp) -> Self {
        Self { asked, clock: None, lines: Vec::new() }
    }

    /// Takes a line of the script; other lines are passed over. Whether it was one.
    pub(super) fn hear(&mut self, line: &[u8], now: &(dyn Fn() -> Timestamp + Sync)) -> bool {
        let line = String::from_utf8_lossy(line);
        let Some(at) = line.find(MARK) else { return false };
        let words: Vec<String> = line[at + MARK.len()..].trim_end_matches('\n').split('\t').map(visible).collect();
        if let [key, seconds] = words.as_slice()
            && key == "time"
        {
            self.clock = seconds.parse().ok().map(|host: i64| off(host, self.asked, now()));
        }
        self.lines.push(words);
        true
    }

    /// Whether the script has said anything.
    pub(super) fn has_begun(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether the script came to its end.
    pub(super) fn complete(&self) -> bool {
        self.all("end").next().is_some()
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = &[String]> {
        self.lines.iter().filter(move |line| line[0] == key).map(|line| &line[1..])
    }

    fn word(&self, key: &'static str, at: usize) -> Option<&str> {
        self.all(key).next()?.get(at).map(String::as_str)
    }

    /// Everything that can be said. `trouble` is why it is not more.
    pub(super) fn findings(&self, wanted: &Wanted, trouble: Option<Finding>) -> Vec<Finding> {
        let mut out = Vec::new();
        let user = self.word("user", 0).unwrap_or_default();
        if !user.is_empty() {
            out.push(Finding::ok("login", format!("commands run as {user}")));
        }
        match trouble {
            Some(trouble) => out.push(trouble),
            None => out.push(self.shell()),
        }
        out.extend(self.run_files(user));
        if wanted.git {
            out.extend(self.git());
        }
        out.extend(self.repositories(user));
        if wanted.docker {
            out.extend(self.docker(user));
            out.extend(self.compose());
        }
        out.extend(self.disks());
        out.extend(self.clock());
        let directories = self.directories(user);
        let failed = directories.iter().filter(|(_, finding)| finding.state == State::Fail);
        let wrong: BTreeSet<_> = failed.flat_map(|(paths, _)| paths.clone()).collect();
        let denied = |(paths, finding): &(Vec<_>, Finding)| {
            finding.state == State::Ok && paths.iter().any(|path| wrong.contains(path))
        };
        out.extend(directories.into_iter().filter(|found| !denied(found)).map(|(_, finding)| finding));
        out.extend(self.looks(wanted, &wrong));
        out
    }

    fn shell(&self) -> Finding {
        match self.word("tools", 0).unwrap_or_default() {
            "" => Finding::ok("shell", "sh is there, and every program that RMM's scripts call"),
            missing => {
                let missing: Vec<_> = missing.split(' ').collect();
                let mut packages: Vec<_> = missing.iter().map(|program| package(program)).collect();
                packages.sort_unstable();
                packages.dedup();
                Finding::fail(
                    "shell",
                    format!("missing on the host: {}", missing.join(", ")),
                    Some(format!("sudo apt-get install {}", packages.join(" "))),
                )
            }
        }
    }

    fn run_files(&self, user: &str) -> Option<Finding> {
        const NAME: &str = "run files";
        Some(match self.all("run-files").next()? {
            [state, base, ..] if state == "fit" => Finding::ok(NAME, format!("{base} takes the files of steps")),
            [_, base, why, ..] => Finding::fail(
                NAME,
                format!("{base} does not take the files of steps, which need plain files, hard links and FIFOs: {why}"),
                Some(if folder::is_shared(base) {
                    format!("ls -ld {}", quoted(base))
                } else {
                    format!("sudo chown {} {}", plain(user), quoted(base))
                }),
            ),
            [..] => return None,
        })
    }

    fn git(&self) -> Option<Finding> {
        Some(match self.word("git", 0)? {
            "found" => Finding::ok("git", self.word("git", 1).unwrap_or_default()),
            _ => Finding::fail(
                "git",
                "git is missing, and surfaces are checked out here",
                Some("sudo apt-get install git".to_owned()),
            ),
        })
    }

    fn repositories(&self, user: &str) -> Vec<Finding> {
        let one = |line: &[String]| match line {
            [url, state] if state == "found" => {
                Some(Finding::ok("repository", format!("{url} answers git on the host")))
            }
            [url, _, why] if let Some(folder) = git::untrusted(why) => {
                let detail =
                    format!("{url} does not answer git on the host: {folder} belongs to another user than {user}");
                Some(Finding::fail("repository", detail, Some(self.trust(user, folder))))
            }
            [url, _, why] => {
                let advice = git::advice(why).map(git_advice).unwrap_or_default();
                let detail = format!("{url} does not answer git on the host: {why}{advice}");
                Some(Finding::fail("repository", detail, Some(format!("git ls-remote -- {} HEAD", quoted(url)))))
            }
            [..] => None,
        };
        self.all("repository").filter_map(one).collect()
    }

    /// What lets the git of steps trust a folder: they have a home that may be another than the system knows.
    fn trust(&self, user: &str, folder: &str) -> String {
        let [home, settings] = [0, 1].map(|at| self.word("home", at));
        git::trust(&format!("sudo -u {}", plain(user)), home, settings, folder)
    }

    fn docker(&self, user: &str) -> Option<Finding> {
        let said = self.word("docker", 1).unwrap_or_default();
        Some(match self.word("docker", 0)? {
            "found" => Finding::ok("docker", format!("the daemon answers {user}: version {said}")),
            "failed" => {
                let denied = said.contains("permission denied");
                let fix = if denied {
                    format!("sudo usermod -aG docker {}", plain(user))
                } else {
                    "sudo systemctl enable --now docker".to_owned()
                };
                Finding::fail("docker", format!("the daemon does not answer {user}: {said}"), Some(fix))
            }
            _ => Finding::fail(
                "docker",
                "docker is missing, and surfaces are deployed with it here",
                Some("curl -fsSL https://get.docker.com | sudo sh".to_owned()),
            ),
        })
    }

    fn compose(&self) -> Option<Finding> {
        let said = self.word("compose", 1).unwrap_or_default();
        let install = || Some("sudo apt-get install docker-compose-plugin".to_owned());
        match self.word("compose", 0)? {
            "found" => Some(Finding::ok("compose", said)),
            "failed" if lacks_compose(said) => Some(Finding::fail(
                "compose",
                "docker has no plugin `compose`, and surfaces are started with it",
                install(),
            )),
            "failed" => Some(Finding::fail("compose", format!("`docker compose` does not work: {said}"), install())),
            // Without docker there is nothing more to say.
            _ => None,
        }
    }

    /// Free space, once for each file system.
    fn disks(&self) -> Vec<Finding> {
        let mut found: Vec<(Disk, Vec<&str>)> = Vec::new();
        let mut unread = Vec::new();
        for line in self.all("space") {
            let [path, row] = line else { continue };
            match Disk::read(row) {
                Some(disk) => match found.iter_mut().find(|(known, _)| known.name == disk.name) {
                    Some((_, paths)) => paths.push(path),
                    None => found.push((disk, vec![path])),
                },
                None => unread.push(path.as_str()),
            }
        }
        let mut out: Vec<_> = found.iter().map(|(disk, paths)| disk.finding(&paths.join(", "))).collect();
        if !unread.is_empty() {
            let paths = unread.join(", ");
            out.push(Finding::warn("disk space", format!("`df` does not say how much is free for {paths}"), None));
        }
        out
    }

    fn clock(&self) -> Option<Finding> {
        self.word("time", 0)?;
        let fix = || Some("sudo timedatectl set-ntp true".to_owned());
        Some(match self.clock {
            Some(off) if off.abs() <= CLOCK => Finding::ok("clock", "agrees with RMM's"),
            Some(off) if off > 0 => Finding::warn("clock", format!("is {off} s ahead of RMM's"), fix()),
            Some(off) => Finding::warn("clock", format!("is {} s behind RMM's", off.abs()), fix()),
            None => Finding::warn("clock", "the host does not tell the time", None),
        })
    }

    /// What can be said about each directory.
    fn directories(&self, user: &str) -> Vec<(Vec<String>, Finding)> {
        let owner = plain(user);
        let one = |line: &[String]| {
            let [path, state, near, ..] = line else { return None };
            let word = quoted(path);
            // A shared folder is given to no user.
            let shared = folder::is_shared(path);
            let give = |command: &str| if shared { format!("ls -ld {word}") } else { format!("sudo {command} {word}") };
            let own = if shared { "; give the surface a folder of its own (`directory`)" } else { "" };
            let finding = match state.as_str() {
                "writable" => Finding::ok("directory", format!("{path} can be written")),
                "there" => Finding::ok("directory", format!("{path} is there; nothing is checked out in it")),
                "absent" => Finding::fail(
                    "directory",
                    format!(
                        "{path} is not there for {user}, and RMM checks nothing out in it: no command can run there"
                    ),
                    Some(give(&format!("install -d -o {owner}"))),
                ),
                "creatable" => Finding::ok("directory", format!("{path} is not there yet; it can be made")),
                "foreign" => Finding::fail(
                    "directory",
                    format!(
                        "{path} belongs to another user than {user}, and git refuses to work in it{own}; or let {user}'s git do \
                         so all the same: `{}`",
                        self.trust(user, path)
                    ),
                    Some(give(&format!("chown -R {owner}"))),
                ),
                "readonly" => Finding::fail(
                    "directory",
                    format!("{path} cannot be written by {user}{own}"),
                    Some(give(&format!("chown -R {owner}"))),
                ),
                "dangling" => Finding::fail(
                    "directory",
                    format!("{path} is a symbolic link that leads to no folder; make the folder that it names"),
                    Some(format!("ls -ld {word}")),
                ),
                "file" => Finding::fail("directory", format!("{path} is no directory"), Some(format!("ls -ld {word}"))),
                _ => Finding::fail(
                    "directory",
                    format!("{path} is not there and {user} cannot make it in {near}{own}"),
                    Some(give(&format!("install -d -o {owner}"))),
                ),
            };
            Some((vec![path.clone()], finding))
        };
        self.all("directory").filter_map(one).chain(self.links()).collect()
    }

    /// What symbolic links hide from `rmm.toml`: two directories that are one, and one that is the system's.
    fn links(&self) -> Vec<(Vec<String>, Finding)> {
        let lines = || {
            self.all("directory")
                .filter_map(|line| if let [path, state, _, real] = line { Some((path, state, real)) } else { None })
        };
        let mut out = Vec::new();
        for (number, (path, state, real)) in lines().enumerate() {
            let look = || Some(format!("ls -ld {}", quoted(path)));
            let is_checked_out = |state: &str| !matches!(state, "there" | "absent");
            if is_checked_out(state)
                && folder::plain(path) != folder::plain(real)
                && (folder::is_of_system(real) || folder::is_private(real))
            {
                let detail = format!(
                    "{path} leads to {real} here, where no code may be checked out; give the surface a folder of its own (`directory`)"
                );
                out.push((vec![path.clone()], Finding::fail("directory", detail, look())));
            }
            for (other, other_state, _) in lines()
                .take(number)
                .filter(|(other, _, there)| *there == real && folder::plain(other) != folder::plain(path))
            {
                let detail = format!(
                    "{path} and {other} are one folder here, {real}; give each surface a folder of its own, or write both alike (`directory`)"
                );
                let state =
                    if is_checked_out(state) || is_checked_out(other_state) { State::Fail } else { State::Warn };
                out.push((
                    vec![path.clone(), other.clone()],
                    Finding { state, ..Finding::fail("directory", detail, look()) },
                ));
            }
        }
        out
    }

    /// What runs would find before they touch anything. That a folder is fit is not said beside what is wrong with it.
    fn looks(&self, wanted: &Wanted, wrong: &BTreeSet<String>) -> Vec<Finding> {
        const NAME: &str = "place";
        let one = |line: &[String]| {
            let (title, state, said) = match line {
                [title, state] => (title, state, String::new()),
                [title, state, said, ..] => (title, state, said.trim_start_matches("rmm: ").replace(" rmm: ", "; ")),
                [_] | [] => return None,
            };
            let folder = || wanted.looks.iter().find(|look| visible(&look.title) == *title)?.folder.as_ref();
            Some(match (state.as_str(), said.as_str()) {
                ("fit", "") if folder().is_some_and(|folder| wrong.contains(folder)) => return None,
                ("fit", "") => Finding::ok(NAME, format!("{title}: nothing else uses it, and there is room")),
                ("fit", said) => Finding::warn(NAME, format!("{title}: {said}"), None),
                (_, said) => Finding::fail(NAME, format!("{title}: {said}"), None),
            })
        };
        self.all("look").filter_map(one).collect()
    }
}

/// The package of Debian that a program is in.
fn package(program: &str) -> &'static str {
    match program {
        "setsid" => "util-linux",
        "find" | "xargs" => "findutils",
        "grep" => "grep",
        "sed" => "sed",
        _ => "coreutils",
    }
}

/// A row of `df -Pk`.
struct Disk {
    total: u64,
    free: u64,
    /// Names the file system; the numbers may change from one row to the next.
    name: String,
}

impl Disk {
    /// Names at both ends of the row may hold blanks, so it is read around the percentage.
    fn read(row: &str) -> Option<Self> {
        let words: Vec<&str> = row.split_whitespace().collect();
        let percent = words.iter().position(|word| {
            word.strip_suffix('%')
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        })?;
        let kib = |back: usize| words.get(percent.checked_sub(back)?)?.parse::<u64>().ok()?.checked_mul(1024);
        let name = format!("{} {}", words[..percent.checked_sub(3)?].join(" "), words[percent + 1..].join(" "));
        Some(Self { total: kib(3)?, free: kib(1)?, name })
    }

    fn finding(&self, paths: &str) -> Finding {
        let detail = format!("{} of {} free for {paths}", size(self.free), size(self.total));
        let fix = || Some(look(paths));
        if self.free < FULL {
            Finding::fail("disk space", detail, fix())
        } else if self.free < NARROW || self.free < self.total / 10 {
            Finding::warn("disk space", detail, fix())
        } else {
            Finding::ok("disk space", detail)
        }
    }
}

fn size(bytes: u64) -> String {
    let mib = bytes / MIB;
    if mib < 10 * 1024 { format!("{mib} MiB") } else { format!("{} GiB", mib / 1024) }
}

fn look(paths: &str) -> String {
    let first = paths.split(", ").next().unwrap_or(paths);
    format!("df -h {}", quoted(first))
}

/// Seconds that a host's clock is off, if it was read between two times.
fn off(host: i64, before: Timestamp, after: Timestamp) -> i64 {
    let (before, after) = (before.as_second(), after.as_second());
    if host < before { host.saturating_sub(before) } else { host.saturating_sub(after).max(0) }
}

/// Text of a host without anything that a terminal would obey.
pub(super) fn clean(bytes: &[u8]) -> String {
    visible(&String::from_utf8_lossy(bytes))
}

fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// A user's name as a word of a command; what is none becomes a place to fill in.
fn plain(user: &str) -> &str {
    let fits = !user.is_empty()
        && !user.starts_with('-')
        && user.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fits { user } else { "USER" }
}

/// How a user gets a shell that runs commands.
pub(super) fn other_shell(user: &str) -> String {
    format!("sudo usermod --shell /bin/sh {}", plain(user))
}

/// A path as a word of a command.
fn quoted(path: &str) -> String {
    crate::domain::plan::shell_word(path)
}
