//! The key of the audit chain: 32 random bytes in a file beside the database, as hex, readable by the owner only.
//!
//! Must not: put the key into the database, a log or an error; replace a key that exists; make a new key for a
//! database that has history.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretBox};

use super::error::StoreError;

/// The secret that signs every event. Its `Debug` shows nothing.
#[derive(Debug)]
pub struct AuditKey(SecretBox<[u8; 32]>);

impl Clone for AuditKey {
    fn clone(&self) -> Self {
        Self::from_bytes(*self.0.expose_secret())
    }
}

impl AuditKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
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
            Err(error) => return Err(StoreError::io("read", path, error)),
        };
        match from_hex(text.trim()) {
            Some(bytes) => Ok(Some(Self::from_bytes(bytes))),
            None => Err(invalid(path)),
        }
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
        let temporary = super::with_suffix(path, ".partial");
        let io = |error| StoreError::io("write", &temporary, error);
        if let Err(error) = fs::remove_file(&temporary)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(io(error));
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(io)?;
        writeln!(file, "{}", to_hex(self.0.expose_secret())).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&temporary, path).map_err(|error| StoreError::io("create", path, error))?;
        sync_directory_of(path)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

fn invalid(path: &Path) -> StoreError {
    StoreError::KeyInvalid {
        path: path.to_owned(),
        why: "it must hold 64 hexadecimal digits; restore it from your backup".to_owned(),
    }
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

/// Lower-case hex.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

/// Exactly 64 hex digits as 32 bytes.
#[must_use]
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// Makes a rename or a new file in the directory of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| StoreError::io("sync", directory, error))
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
        assert!(!format!("{key:?}").contains(&to_hex(key.bytes())));
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
