//! `ca`: certificates of authorities that RMM trusts where it is told to, beside the public ones.
//!
//! They are no secrets: nothing hides them, and their files may be readable by all users.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::EnvVars;
use super::report::{Located, Report};

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
            environment.get(name).cloned().ok_or_else(|| format!("the environment variable `{name}` is not set"))
        } else {
            Err("must be `file:PATH`: a file with certificates in PEM format".to_owned())
        };
        match found.and_then(|text| certificates(&text).map(|()| text)) {
            Ok(text) => Some(self.0.entry(reference.value.clone()).or_insert(text)),
            Err(problem) => {
                let hint = "the authority that has signed the server's certificate, or that certificate itself, as \
                            `-----BEGIN CERTIFICATE-----` and so on; several may follow each other";
                report.error_hint(&reference.place, problem, hint);
                None
            }
        }
    }
}

fn file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let about = fs::metadata(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            format!("the file {shown} does not exist")
        } else {
            format!("the file {shown} cannot be read: {error}")
        }
    })?;
    // A device or pipe could block the start for ever.
    if !about.is_file() || about.len() > LARGEST_FILE {
        return Err(format!("the file {shown} is no regular file of at most {LARGEST_FILE} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("the file {shown} is not text in PEM format; is it in DER?"))
}

/// Says what is wrong with certificates in PEM format.
fn certificates(text: &str) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
        let number = index + 1;
        let certificate = certificate.map_err(|_| format!("certificate {number} is not in PEM format"))?;
        let added = store.add(certificate);
        added
            .map_err(|_| format!("certificate {number} is damaged, or of a kind that is not used for TLS any more"))?;
    }
    if store.is_empty() {
        let what = if text.contains("PRIVATE KEY") { ", only a private key" } else { "" };
        return Err(format!("holds no certificate{what}"));
    }
    Ok(())
}
