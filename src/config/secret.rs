//! Looks up what `env:NAME` and `file:PATH` refer to, and keeps the values where nothing prints them.
//!
//! The environment comes in as a parameter. Files are read here, once, when the configuration is loaded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::EnvVars;
use super::authorities::Authorities;
use super::report::{Located, Report};

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

    /// What has been looked up so far, and the data directory, is RMM's own from here on: whoever edits services in the
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
            let sentence = format!(
                "is out of reach: a service of the dashboard may refer to files below {} alone, and not to those of RMM's data \
                 directory",
                self.base.display()
            );
            self.report.error_hint(
                &reference.place,
                sentence,
                "put the secret into a file there, or define the service in the file",
            );
        }
        reached
    }

    /// Whether a step of a service of the dashboard may get this value.
    fn is_for_steps(&self, reference: &Located<String>, value: &SecretString) -> bool {
        let is_own = |own: &SecretString| own.expose_secret() == value.expose_secret();
        let kept = self.report.is_of_dashboard(&reference.place) && self.own.borrow().secrets.iter().any(is_own);
        if kept {
            let sentence = "is a secret that RMM itself uses; a service of the dashboard cannot have it";
            self.report.error(&reference.place, sentence);
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
            self.report.warn(
                &reference.place,
                format!("the secret is shorter than {SHORTEST} characters: it cannot be hidden well in outputs"),
            );
        }
        self.found.borrow_mut().0.insert(reference.value.clone(), value.clone());
        Some(value)
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
            let rule = format!("holds more than {most} bytes; name only the authorities that the repository needs");
            self.report.error(&reference.place, rule);
        }
        fits
    }

    pub fn into_parts(self) -> (Secrets, Authorities) {
        (self.found.into_inner(), self.authorities.into_inner())
    }

    fn variable(&self, reference: &Located<String>, name: &str) -> Option<SecretString> {
        let problem = match self.environment.get(name) {
            Some(value) if !value.is_empty() => return Some(value.as_str().into()),
            Some(_) => format!("the environment variable `{name}` is empty"),
            None if name.is_empty() => "`env:` must be followed by the name of an environment variable".into(),
            None => {
                self.report.unset(&reference.place, format!("the environment variable `{name}` is not set"));
                return None;
            }
        };
        self.report.error(&reference.place, problem);
        None
    }

    fn file(&self, reference: &Located<String>, path: &str) -> Option<SecretString> {
        if path.is_empty() {
            self.report.error(&reference.place, "`file:` must be followed by the path of a file");
            return None;
        }
        let path = self.base.join(path);
        let shown = path.display();
        match read(&path) {
            Ok((text, open)) => {
                if open {
                    self.report.warn(
                        &reference.place,
                        format!("the file {shown} can be read by every user of this machine; `chmod 600` it"),
                    );
                }
                Some(text)
            }
            Err(problem) => {
                self.report.error(&reference.place, format!("the file {shown} {problem}"));
                None
            }
        }
    }
}

/// The text of a file without its trailing line break, and whether all users may read it.
fn read(path: &Path) -> Result<(SecretString, bool), String> {
    let describe = |error: std::io::Error| {
        if error.kind() == ErrorKind::NotFound {
            "does not exist".to_owned()
        } else {
            format!("cannot be read: {error}")
        }
    };
    let about = fs::metadata(path).map_err(describe)?;
    // A device or pipe could block the start for ever.
    if !about.is_file() {
        return Err("is not a regular file".into());
    }
    if about.len() > LARGEST_FILE {
        return Err(format!("is larger than {LARGEST_FILE} bytes"));
    }
    let bytes = fs::read(path).map_err(describe)?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err("is empty".into());
    }
    Ok((text.into(), readable_by_all(&about)))
}

#[cfg(unix)]
fn readable_by_all(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn readable_by_all(_: &fs::Metadata) -> bool {
    false
}
