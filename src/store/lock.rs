//! One process per data directory: an exclusive advisory lock on `rmm.lock` that the system takes back when the
//! process ends, however it ends.
//!
//! Must not: trust the pid in the file for anything but the message (pids are reused), or delete the file (another
//! process could then lock a different one under the same name).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::StoreError;
use super::owner;
use crate::domain::fault::store::FileAct;

/// The name of the lock file in the data directory.
pub const LOCK_FILE: &str = "rmm.lock";
/// How often a lock that is taken is tried again …
const MAX_TRIES: u32 = 20;
/// … after this time.
const RETRY_INTERVAL: Duration = Duration::from_millis(25);

/// Holds the data directory until it is dropped. What root has made there by then is its owner's.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    path: PathBuf,
}

impl DirectoryLock {
    /// Takes the directory, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder's pid when another process has it, [`StoreError::Io`] when the file
    /// cannot be opened.
    pub fn acquire(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| StoreError::io(FileAct::Open, &path, error))?;
        match lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::Locked { path, pid });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io(FileAct::Lock, &path, error)),
        }
        // The lock is held already; the pid only helps the message, and a full disk must not keep RMM from starting.
        let noted = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the pid could not be written into the lock file");
        }
        Ok(Self { file, path })
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A child that was being started when RMM was killed has the lock too, until it has become another program: a moment.
fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..MAX_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY_INTERVAL),
            other => return other,
        }
    }
    file.try_lock()
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if let Some(directory) = self.path.parent()
            && let Err(error) = owner::hand_over(directory)
        {
            tracing::warn!(%error, "not all files of the data directory could be given to its owner");
        }
        // Closing the file would release it too, but not while a forked child still holds the descriptor.
        if let Err(error) = self.file.unlock() {
            tracing::debug!(%error, "the lock of the data directory could not be released by hand");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_with_the_process_that_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(directory.path()).unwrap();
        let error = DirectoryLock::acquire(directory.path()).unwrap_err();
        assert!(matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error:?}");
        let sentence = error.to_string();
        assert!(sentence.contains(&std::process::id().to_string()) && sentence.contains("rmm.lock"), "{sentence}");
        assert!(first.path().ends_with(LOCK_FILE));
        drop(first);
        DirectoryLock::acquire(directory.path()).unwrap();
    }

    #[test]
    fn what_is_free_in_a_moment_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(directory.path()).unwrap();
        let freeing = std::thread::spawn(move || {
            std::thread::sleep(RETRY_INTERVAL);
            drop(first);
        });
        DirectoryLock::acquire(directory.path()).unwrap();
        freeing.join().unwrap();
    }

    #[test]
    fn a_longer_stale_pid_does_not_shine_through() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(LOCK_FILE), "999999999999999\nrest").unwrap();
        let _held = DirectoryLock::acquire(directory.path()).unwrap();
        let text = std::fs::read_to_string(directory.path().join(LOCK_FILE)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
