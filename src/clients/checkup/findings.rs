//! From what the script said to what was found.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{MARK, Wanted, lacks_compose};
use crate::clients::git;
use crate::domain::finding::{Finding, Found, HostFact, State, Topic};
use crate::domain::folder;

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
            out.push(Finding::ok(Topic::Login, HostFact::RunsAs { user: user.to_owned() }));
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
            "" => Finding::ok(Topic::Shell, HostFact::ShellFit),
            missing => {
                let missing: Vec<_> = missing.split(' ').collect();
                let mut packages: Vec<_> = missing.iter().map(|program| package(program)).collect();
                packages.sort_unstable();
                packages.dedup();
                let programs = missing.into_iter().map(str::to_owned).collect();
                Finding::fail(Topic::Shell, HostFact::ShellLacks { programs })
                    .with(format!("sudo apt-get install {}", packages.join(" ")))
            }
        }
    }

    fn run_files(&self, user: &str) -> Option<Finding> {
        Some(match self.all("run-files").next()? {
            [state, folder, ..] if state == "fit" => {
                Finding::ok(Topic::RunFiles, HostFact::RunFilesFit { folder: folder.clone() })
            }
            [_, folder, said, ..] => {
                let fact = HostFact::RunFilesUnfit { folder: folder.clone(), said: said.clone() };
                Finding::fail(Topic::RunFiles, fact).with(if folder::is_shared(folder) {
                    format!("ls -ld {}", quoted(folder))
                } else {
                    format!("sudo chown {} {}", plain(user), quoted(folder))
                })
            }
            [..] => return None,
        })
    }

    fn git(&self) -> Option<Finding> {
        Some(match self.word("git", 0)? {
            "found" => Finding::ok(Topic::Git, self.version("git")),
            _ => Finding::fail(Topic::Git, HostFact::GitMissing).with("sudo apt-get install git"),
        })
    }

    /// What a program says of its version.
    fn version(&self, key: &'static str) -> HostFact {
        HostFact::Installed { version: self.word(key, 1).unwrap_or_default().to_owned() }
    }

    fn repositories(&self, user: &str) -> Vec<Finding> {
        let one = |line: &[String]| match line {
            [url, state] if state == "found" => {
                Some(Finding::ok(Topic::Repository, HostFact::RepositoryAnswers { url: url.clone() }))
            }
            [url, _, why] if let Some(folder) = git::untrusted(why) => {
                let (url, user) = (url.clone(), user.to_owned());
                let remedy = self.trust(&user, folder);
                let fact = HostFact::RepositoryUntrusted { url, folder: folder.to_owned(), user };
                Some(Finding::fail(Topic::Repository, fact).with(remedy))
            }
            [url, _, why] => {
                let (said, advice) = (why.clone(), git::advice(why));
                let fact = HostFact::RepositorySilent { url: url.clone(), said, advice };
                Some(Finding::fail(Topic::Repository, fact).with(format!("git ls-remote -- {} HEAD", quoted(url))))
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
        let said = self.word("docker", 1).unwrap_or_default().to_owned();
        let of = user.to_owned();
        Some(match self.word("docker", 0)? {
            "found" => Finding::ok(Topic::Docker, HostFact::DockerAnswers { user: of, version: said }),
            "failed" => {
                let remedy = if said.contains("permission denied") {
                    format!("sudo usermod -aG docker {}", plain(user))
                } else {
                    "sudo systemctl enable --now docker".to_owned()
                };
                Finding::fail(Topic::Docker, HostFact::DockerSilent { user: of, said }).with(remedy)
            }
            _ => Finding::fail(Topic::Docker, HostFact::DockerMissing)
                .with("curl -fsSL https://get.docker.com | sudo sh"),
        })
    }

    fn compose(&self) -> Option<Finding> {
        let said = self.word("compose", 1).unwrap_or_default();
        let failed = |fact| Finding::fail(Topic::Compose, fact).with("sudo apt-get install docker-compose-plugin");
        match self.word("compose", 0)? {
            "found" => Some(Finding::ok(Topic::Compose, self.version("compose"))),
            "failed" if lacks_compose(said) => Some(failed(HostFact::ComposeMissing)),
            "failed" => Some(failed(HostFact::ComposeFails { said: said.to_owned() })),
            // Without docker there is nothing more to say.
            _ => None,
        }
    }

    /// Free space, once for each file system.
    fn disks(&self) -> Vec<Finding> {
        let mut found: Vec<(Disk, Vec<String>)> = Vec::new();
        let mut unread = Vec::new();
        for line in self.all("space") {
            let [path, row] = line else { continue };
            match Disk::read(row) {
                Some(disk) => match found.iter_mut().find(|(known, _)| known.name == disk.name) {
                    Some((_, paths)) => paths.push(path.clone()),
                    None => found.push((disk, vec![path.clone()])),
                },
                None => unread.push(path.clone()),
            }
        }
        let mut out: Vec<_> = found.into_iter().map(|(disk, paths)| disk.finding(paths)).collect();
        if !unread.is_empty() {
            out.push(Finding::warn(Topic::DiskSpace, HostFact::FreeUnknown { paths: unread }));
        }
        out
    }

    fn clock(&self) -> Option<Finding> {
        self.word("time", 0)?;
        Some(match self.clock {
            Some(off) if off.abs() <= CLOCK => Finding::ok(Topic::Clock, HostFact::ClockAgrees),
            Some(off) => {
                let fact = HostFact::ClockOff { seconds: off };
                Finding::warn(Topic::Clock, fact).with("sudo timedatectl set-ntp true")
            }
            None => Finding::warn(Topic::Clock, HostFact::ClockUnknown),
        })
    }

    /// What can be said about each directory.
    fn directories(&self, user: &str) -> Vec<(Vec<String>, Finding)> {
        let owner = plain(user);
        let one = |line: &[String]| {
            let [path, state, near, ..] = line else { return None };
            let (word, look) = (quoted(path), || format!("ls -ld {}", quoted(path)));
            // A shared folder is given to no user.
            let own_folder = folder::is_shared(path);
            let give = |command: &str| if own_folder { look() } else { format!("sudo {command} {word}") };
            let (path, user) = (path.clone(), user.to_owned());
            let ok = |fact| Finding::ok(Topic::Directory, fact);
            let fail = |fact, remedy: String| Finding::fail(Topic::Directory, fact).with(remedy);
            let make = format!("install -d -o {owner}");
            let chown = format!("chown -R {owner}");
            let paths = vec![path.clone()];
            let finding = match state.as_str() {
                "writable" => ok(HostFact::FolderWritable { path }),
                "there" => ok(HostFact::FolderThere { path }),
                "absent" => fail(HostFact::FolderAbsent { path, user }, give(&make)),
                "creatable" => ok(HostFact::FolderToBeMade { path }),
                "foreign" => {
                    let trust = self.trust(&user, &path);
                    fail(HostFact::FolderOfOther { path, user, own_folder, trust }, give(&chown))
                }
                "readonly" => fail(HostFact::FolderReadOnly { path, user, own_folder }, give(&chown)),
                "dangling" => fail(HostFact::LinkToNowhere { path }, look()),
                "file" => fail(HostFact::NoFolder { path }, look()),
                _ => {
                    let near = near.clone();
                    fail(HostFact::FolderNotToBeMade { path, user, near, own_folder }, give(&make))
                }
            };
            Some((paths, finding))
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
            let found = |fact| Finding::fail(Topic::Directory, fact).with(format!("ls -ld {}", quoted(path)));
            let is_checked_out = |state: &str| !matches!(state, "there" | "absent");
            if is_checked_out(state)
                && folder::plain(path) != folder::plain(real)
                && (folder::is_of_system(real) || folder::is_private(real))
            {
                let fact = HostFact::LinkToSystem { path: path.clone(), real: real.clone() };
                out.push((vec![path.clone()], found(fact)));
            }
            for (other, other_state, _) in lines()
                .take(number)
                .filter(|(other, _, there)| *there == real && folder::plain(other) != folder::plain(path))
            {
                let fact = HostFact::SameFolder { path: path.clone(), other: other.clone(), real: real.clone() };
                let state =
                    if is_checked_out(state) || is_checked_out(other_state) { State::Fail } else { State::Warn };
                out.push((vec![path.clone(), other.clone()], Finding { state, ..found(fact) }));
            }
        }
        out
    }

    /// What runs would find before they touch anything. That a folder is fit is not said beside what is wrong with it.
    fn looks(&self, wanted: &Wanted, wrong: &BTreeSet<String>) -> Vec<Finding> {
        let one = |line: &[String]| {
            let (number, state, said) = match line {
                [number, state] => (number, state, String::new()),
                [number, state, said, ..] => (number, state, said.trim_start_matches("rmm: ").replace(" rmm: ", "; ")),
                [_] | [] => return None,
            };
            let place = wanted.looks.get(number.parse::<usize>().ok()?.checked_sub(1)?)?.place.clone();
            let is_wrong = place.folder.as_ref().is_some_and(|folder| wrong.contains(folder));
            Some(match (state.as_str(), said.is_empty()) {
                ("fit", true) if is_wrong => return None,
                ("fit", true) => Finding::ok(Topic::Place, HostFact::PlaceFit { place }),
                ("fit", false) => Finding::warn(Topic::Place, HostFact::PlaceSays { place, said }),
                _ => Finding::fail(Topic::Place, HostFact::PlaceSays { place, said }),
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

    fn finding(self, paths: Vec<String>) -> Finding {
        let Self { free, total, .. } = self;
        let look = format!("df -h {}", quoted(paths.first().map(String::as_str).unwrap_or_default()));
        let found: Found = HostFact::Free { free, total, paths }.into();
        if free < FULL {
            Finding::fail(Topic::DiskSpace, found).with(look)
        } else if free < NARROW || free < total / 10 {
            Finding::warn(Topic::DiskSpace, found).with(look)
        } else {
            Finding::ok(Topic::DiskSpace, found)
        }
    }
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
