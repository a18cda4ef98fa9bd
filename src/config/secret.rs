//! Looks up what `env:NAME` and `file:PATH` refer to, and keeps the values where nothing prints them.
//!
//! The environment comes in as a parameter. Files are read here, once, when the configuration is loaded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use secrecy::{ExposeSecret, SecretString};

use super::EnvVars;
use super::authorities::Authorities;
use super::report::{Located, Report};
use crate::domain::fault::config::{ConfigFault, ConfigHint, FileFault};

/// Characters; what is shorter stands in other texts by chance.
const TELLING: usize = 8;

/// Bytes; a secret that is longer is a wrong path.
const LARGEST_FILE: u64 = 64 * 1024;

/// Characters; shorter text occurs in any output by chance, and hiding it, or what is left of it in base64, would spoil
/// the output.
const SHORTEST: usize = 5;

/// The values of all references of a configuration. Its `Debug` shows references, never values.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<String, SecretString>);

impl Secrets {
    /// The value behind a reference, spelled as in the configuration (`env:NAME`, `file:PATH`).
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<&SecretString> {
        self.0.get(reference)
    }

    /// Where they come from: `env:NAME` and `file:PATH`, as the configuration spells them.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every value, for the redactor.
    pub fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.0.values()
    }

    /// Takes over those behind other references.
    pub(super) fn add(&mut self, others: Self) {
        for (reference, value) in others.0 {
            self.0.entry(reference).or_insert(value);
        }
    }

    /// Whether nothing is secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Looks references up and remembers them.
pub(super) struct Keyring<'a> {
    report: &'a Report<'a>,
    pub base: &'a Path,
    environment: &'a EnvVars,
    found: RefCell<Secrets>,
    authorities: RefCell<Authorities>,
    own: RefCell<Own>,
}

/// What RMM itself needs, and services of the dashboard do not get.
#[derive(Default)]
struct Own {
    secrets: Vec<SecretString>,
    data_dir: PathBuf,
}

/// Whether a value is a secret, spelled with other blanks and line breaks perhaps, or has it in it.
fn holds(value: &str, secret: &str) -> bool {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let (value, secret) = (bare(value), bare(secret));
    value == secret || secret.chars().count() >= TELLING && value.contains(&secret)
}

/// Whether a value is a reference to a secret.
pub(super) fn is_reference(value: &str) -> bool {
    value.starts_with("env:") || value.starts_with("file:")
}

impl<'a> Keyring<'a> {
    pub fn new(report: &'a Report<'a>, base: &'a Path, environment: &'a EnvVars) -> Self {
        Self {
            report,
            base,
            environment,
            found: RefCell::default(),
            authorities: RefCell::default(),
            own: RefCell::default(),
        }
    }

    /// What has been looked up so far, and the data directory, is RMM's own from here on: a person who edits services in the
    /// dashboard must not read it by way of a step.
    pub fn keep_own(&self, data_dir: &Path) {
        let secrets = self.found.borrow().values().cloned().collect();
        *self.own.borrow_mut() = Own { secrets, data_dir: data_dir.to_owned() };
    }

    /// Whether a definition of the dashboard may refer to this file.
    fn is_within_reach(&self, reference: &Located<String>) -> bool {
        let Some(path) =
            reference.value.strip_prefix("file:").filter(|_| self.report.is_of_dashboard(&reference.place))
        else {
            return true;
        };
        // A file that is not there leads nowhere.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (path, base, data) = (real(&self.base.join(path)), real(self.base), real(&self.own.borrow().data_dir));
        let climbs = path.components().any(|part| part == Component::ParentDir);
        let reached = path.starts_with(&base) && !path.starts_with(data) && !climbs;
        if !reached {
            let fault = ConfigFault::OutOfReach { folder: self.base.display().to_string() };
            self.report.error_hint(&reference.place, fault, ConfigHint::SecretBelow);
        }
        reached
    }

    /// Whether a step of a service of the dashboard may get this value.
    fn is_for_steps(&self, reference: &Located<String>, value: &SecretString) -> bool {
        let is_own = |own: &SecretString| holds(value.expose_secret(), own.expose_secret());
        let kept = self.report.is_of_dashboard(&reference.place) && self.own.borrow().secrets.iter().any(is_own);
        if kept {
            self.report.error(&reference.place, ConfigFault::SecretOfRmm);
        }
        !kept
    }

    /// Remembers the value behind a reference and answers it, or reports why there is none.
    pub fn look_up(&self, reference: &Located<String>) -> Option<SecretString> {
        if !self.is_within_reach(reference) {
            return None;
        }
        let value = if let Some(name) = reference.value.strip_prefix("env:") {
            self.variable(reference, name)
        } else if let Some(path) = reference.value.strip_prefix("file:") {
            self.file(reference, path)
        } else {
            None
        };
        let value = value.filter(|value| self.is_for_steps(reference, value))?;
        if value.expose_secret().chars().count() < SHORTEST {
            self.report.warn(&reference.place, ConfigFault::ShortSecret { least: SHORTEST });
        }
        self.found.borrow_mut().0.insert(reference.value.clone(), value.clone());
        Some(value)
    }

    /// Remembers a secret that comes by a way of its own.
    pub fn keep(&self, reference: &str, value: String) {
        self.found.borrow_mut().0.insert(reference.to_owned(), value.into());
    }

    /// Remembers the certificates behind a reference; false, and reported, where they are of no use.
    pub fn trust(&self, reference: &Located<String>, largest: Option<usize>) -> bool {
        if !self.is_within_reach(reference) {
            return false;
        }
        let mut authorities = self.authorities.borrow_mut();
        let Some(text) = authorities.look_up(self.report, self.base, self.environment, reference) else { return false };
        let fits = largest.is_none_or(|largest| text.len() <= largest);
        if !fits {
            let most = largest.unwrap_or_default();
            self.report.error(&reference.place, ConfigFault::TooManyCertificates { most });
        }
        fits
    }

    /// As [`Keyring::trust`], for the address `url` under `key`; also reported where no certificate is looked at there.
    pub fn trust_at(&self, reference: &Located<String>, key: &str, url: Option<&str>) -> bool {
        if url.is_some_and(|url| !url.starts_with("https://")) {
            self.report.error(&reference.place, ConfigFault::NotHttps { key: key.to_owned() });
            return false;
        }
        self.trust(reference, None)
    }

    pub fn into_parts(self) -> (Secrets, Authorities) {
        (self.found.into_inner(), self.authorities.into_inner())
    }

    fn variable(&self, reference: &Located<String>, name: &str) -> Option<SecretString> {
        let problem = match self.environment.get(name) {
            Some(value) if !value.is_empty() => return Some(value.as_str().into()),
            Some(_) => ConfigFault::VariableEmpty { name: name.to_owned() },
            None if name.is_empty() => ConfigFault::NoVariableNamed,
            None if self.environment.is_not_text(name) => ConfigFault::VariableNotText { name: name.to_owned() },
            None => {
                self.report.unset(&reference.place, ConfigFault::VariableUnset { name: name.to_owned() });
                return None;
            }
        };
        self.report.error(&reference.place, problem);
        None
    }

    fn file(&self, reference: &Located<String>, path: &str) -> Option<SecretString> {
        if path.is_empty() {
            self.report.error(&reference.place, ConfigFault::NoFileNamed);
            return None;
        }
        let path = self.base.join(path);
        let shown = path.display().to_string();
        let opened = if self.report.is_of_dashboard(&reference.place) {
            open_beneath(self.base, &path).map_err(|error| unread(&error, FileFault::ByLink))
        } else {
            let opened = OpenOptions::new().read(true).custom_flags(WITHOUT_WAITING).open(&path);
            opened.map_err(|error| unread(&error, FileFault::LinkLoop))
        };
        match opened.and_then(read) {
            Ok((text, open)) => {
                if open && is_reached_by_all(&path) {
                    self.report.warn(&reference.place, ConfigFault::ReadableByAll { path: shown });
                }
                Some(text)
            }
            Err(Unread::Denied(fault)) => {
                self.report.unset(&reference.place, ConfigFault::File { path: shown, fault });
                None
            }
            Err(Unread::Wrong(fault)) => {
                self.report.error(&reference.place, ConfigFault::File { path: shown, fault });
                None
            }
        }
    }
}

/// Why a file says nothing.
enum Unread {
    /// The user of this process may not read it; RMM's own user may.
    Denied(FileFault),
    Wrong(FileFault),
}

impl From<FileFault> for Unread {
    fn from(fault: FileFault) -> Self {
        Self::Wrong(fault)
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        unread(&error, FileFault::LinkLoop)
    }
}

/// `by_links`: what is wrong where a link is in the way.
fn unread(error: &io::Error, by_links: FileFault) -> Unread {
    let cannot = FileFault::Unreadable(error.to_string());
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => Unread::Wrong(FileFault::Missing),
        Some(Errno::ACCESS | Errno::PERM) => Unread::Denied(cannot),
        Some(Errno::LOOP) => Unread::Wrong(by_links),
        Some(_) | None => Unread::Wrong(cannot),
    }
}

/// A pipe in the place of a file must not hold up the start.
const WITHOUT_WAITING: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Opens a file below a folder, through no link: what is put in its place after it was looked at is not reached.
fn open_beneath(folder: &Path, path: &Path) -> io::Result<File> {
    let within = path.strip_prefix(folder).map_err(|_| Errno::NOENT)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let ways = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    Ok(openat2(File::open(folder)?, within, flags, Mode::empty(), ways)?.into())
}

/// The text of a file without its trailing line break, and whether all users may read it who reach it.
fn read(mut file: File) -> Result<(SecretString, bool), Unread> {
    let about = file.metadata()?;
    // A device or pipe could block the start for ever.
    if !about.is_file() {
        return Err(FileFault::NotRegular.into());
    }
    if about.len() > LARGEST_FILE {
        return Err(FileFault::TooLarge(LARGEST_FILE).into());
    }
    let mut bytes = Vec::new();
    file.by_ref().take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| FileFault::NotUtf8)?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err(FileFault::Empty.into());
    }
    Ok((text.into(), readable_by_all(&about)))
}

#[cfg(unix)]
fn readable_by_all(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o004 != 0
}

/// Whether all users may pass the folders on the way to a file. What cannot be looked at counts as open.
#[cfg(unix)]
fn is_reached_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_open = |folder: &Path| fs::metadata(folder).map_or(true, |about| about.permissions().mode() & 0o001 != 0);
    real.ancestors().skip(1).all(is_open)
}

#[cfg(not(unix))]
fn readable_by_all(_: &fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_reached_by_all(_: &Path) -> bool {
    false
}
