//! `ca`: certificates of authorities that RMM trusts where it is told to, beside the public ones.
//!
//! They are no secrets: nothing hides them, and their files may be readable by all users.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::EnvVars;
use super::report::{Located, Report};
use crate::domain::fault::config::{ConfigFault, ConfigHint, FileFault};

/// Bytes; all authorities of a distribution together have a fifth of it.
const LARGEST_FILE: u64 = 1024 * 1024;
/// Bytes of what goes along with every step that needs it.
pub(super) const LARGEST_CARRIED: usize = 64 * 1024;

/// The texts behind all `ca` references of a configuration, in PEM format.
#[derive(Debug, Clone, Default)]
pub struct Authorities(BTreeMap<String, String>);

impl Authorities {
    /// The text behind a reference, spelled as in the configuration (`file:PATH`, `env:NAME`).
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<&str> {
        self.0.get(reference).map(String::as_str)
    }

    /// Takes over those behind other references.
    pub(super) fn add(&mut self, others: Self) {
        for (reference, text) in others.0 {
            self.0.entry(reference).or_insert(text);
        }
    }

    /// Reads what a reference leads to and keeps it, or reports what is wrong with it.
    pub(super) fn look_up(
        &mut self,
        report: &Report<'_>,
        base: &Path,
        environment: &EnvVars,
        reference: &Located<String>,
    ) -> Option<&str> {
        let found = if let Some(path) = reference.value.strip_prefix("file:") {
            file(&base.join(path))
        } else if let Some(name) = reference.value.strip_prefix("env:") {
            environment.get(name).cloned().ok_or_else(|| match name.to_owned() {
                name if environment.is_not_text(&name) => ConfigFault::VariableNotText { name },
                name => ConfigFault::VariableUnset { name },
            })
        } else {
            Err(ConfigFault::NoCertificates)
        };
        match found.and_then(|text| certificates(&text).map(|()| text)) {
            Ok(text) => Some(self.0.entry(reference.value.clone()).or_insert(text)),
            Err(fault) => {
                report.error_hint(&reference.place, fault, ConfigHint::Certificates);
                None
            }
        }
    }
}

fn file(path: &Path) -> Result<String, ConfigFault> {
    let wrong = |fault| ConfigFault::File { path: path.display().to_string(), fault };
    let about = fs::metadata(path).map_err(|error| {
        wrong(match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => FileFault::Missing,
            Some(Errno::LOOP) => FileFault::LinkLoop,
            Some(_) | None => FileFault::Unreadable(error.to_string()),
        })
    })?;
    // A device or pipe could block the start for ever.
    if !about.is_file() || about.len() > LARGEST_FILE {
        return Err(wrong(FileFault::NoSmallFile(LARGEST_FILE)));
    }
    let bytes = fs::read(path).map_err(|error| wrong(FileFault::Unreadable(error.to_string())))?;
    String::from_utf8(bytes).map_err(|_| wrong(FileFault::NotPem))
}

/// Says what is wrong with certificates in PEM format.
fn certificates(text: &str) -> Result<(), ConfigFault> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
        let number = index + 1;
        let certificate = certificate.map_err(|_| ConfigFault::NotPem { number })?;
        store.add(certificate).map_err(|_| ConfigFault::DamagedCertificate { number })?;
    }
    if store.is_empty() {
        return Err(ConfigFault::HoldsNoCertificate { only_key: text.contains("PRIVATE KEY") });
    }
    Ok(())
}
