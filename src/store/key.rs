//! The key of the audit chain: 32 random bytes in a file beside the database, as hex, readable by the owner only. Keys
//! that were replaced stay behind it, each with the last event it has signed.
//!
//! Must not: put the key into the database, a log or an error; replace a key that exists; make a new key for a
//! database that has history.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretBox};

use super::error::StoreError;
use crate::domain::fault::store::FileAct;

/// The secret that signs every event. Its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct AuditKey {
    current: Arc<SecretBox<[u8; 32]>>,
    /// Earlier keys with the last event that each has signed, the oldest first.
    retired: Vec<(i64, Arc<SecretBox<[u8; 32]>>)>,
}

impl AuditKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { current: Arc::new(SecretBox::new(Box::new(bytes))), retired: Vec::new() }
    }

    /// A new key from the system's random numbers.
    ///
    /// # Errors
    /// [`StoreError::Random`] when the system gives none.
    pub fn random() -> Result<Self, StoreError> {
        random_bytes().map(Self::from_bytes)
    }

    /// Reads the key file; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::KeyInvalid`] when the content is not 64 hex digits, [`StoreError::Io`] when it cannot be read.
    pub fn load(path: &Path) -> Result<Option<Self>, StoreError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(invalid(path)),
            Err(error) => return Err(StoreError::io(FileAct::Read, path, error)),
        };
        Self::parse(&text).map(Some).ok_or_else(|| invalid(path))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.trim().lines();
        let mut key = Self::from_bytes(from_hex(lines.next()?.trim())?);
        for line in lines {
            let (old, last) = line.trim().split_once(' ')?;
            key.retired.push((last.parse().ok()?, Self::from_bytes(from_hex(old)?).current));
        }
        Some(key)
    }

    /// Writes the key to a new file (mode 0600) and makes it durable, so that no event is signed with a key that a
    /// crash could take away.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file is there already, [`StoreError::Io`] when it cannot be written.
    pub fn save_new(&self, path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        self.save(path)
    }

    /// Puts the key into the place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be written; then the earlier one is there.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        let mut text = hex::encode(self.bytes()) + "\n";
        for (last, key) in &self.retired {
            text.push_str(&format!("{} {last}\n", hex::encode(key.expose_secret())));
        }
        replace(path, text.as_bytes())
    }

    /// A new key for the events after `last`. The old one stays with it: it says whether those before are sound.
    ///
    /// # Errors
    /// [`StoreError::Random`] when the system gives no random numbers.
    pub fn rotated(&self, last: i64) -> Result<Self, StoreError> {
        let mut new = Self::random()?;
        new.retired.clone_from(&self.retired);
        new.retired.push((last, self.current.clone()));
        Ok(new)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.current.expose_secret()
    }

    /// Every key with the last event that it signs, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (i64, &[u8; 32])> {
        let retired = self.retired.iter().map(|(last, key)| (*last, key.expose_secret()));
        retired.chain([(i64::MAX, self.bytes())])
    }
}

/// Writes a file for the owner only, so that after any crash it is there as a whole or as it was.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let new = super::with_suffix(path, ".new");
    let io = |error| StoreError::io(FileAct::Write, &new, error);
    // One that is left from a crash may belong to more than the owner.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(io(error));
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(io)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&new, path).map_err(|error| StoreError::io(FileAct::Write, path, error))?;
    sync_directory_of(path)
}

fn invalid(path: &Path) -> StoreError {
    StoreError::KeyInvalid { path: path.to_owned() }
}

/// 32 bytes from the system's random numbers.
///
/// # Errors
/// [`StoreError::Random`] when the system gives none.
pub fn random_bytes() -> Result<[u8; 32], StoreError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Random(error.to_string()))?;
    Ok(bytes)
}

/// Exactly 64 hex digits as 32 bytes.
#[must_use]
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

/// Makes a rename or a new file in the directory of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| StoreError::io(FileAct::Sync, directory, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_survives_its_file_and_is_for_the_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.key");
        assert!(AuditKey::load(&path).unwrap().is_none());
        let key = AuditKey::random().unwrap();
        key.save_new(&path).unwrap();
        assert_eq!(AuditKey::load(&path).unwrap().unwrap().bytes(), key.bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(AuditKey::random().unwrap().save_new(&path), Err(StoreError::Exists { .. })));
        assert!(!format!("{key:?}").contains(&hex::encode(key.bytes())));
    }

    #[test]
    fn a_broken_key_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.key");
        for content in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            fs::write(&path, content).unwrap();
            let error = AuditKey::load(&path).unwrap_err();
            assert!(matches!(error, StoreError::KeyInvalid { .. }), "{content}");
            assert!(error.to_string().contains("audit.key"));
        }
    }
}
