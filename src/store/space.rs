//! How much room the database takes, and how much there is.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use rustix::fs::statvfs;

use super::with_suffix;

/// Room on the disk, in bytes; none where it cannot be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What the database takes.
    pub database: Option<u64>,
    /// What was written lately and is still to be taken into it.
    pub log: Option<u64>,
    /// What RMM may still write.
    pub free: Option<u64>,
}

impl Space {
    /// Of a database.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        let size = |path: &Path| fs::metadata(path).ok().map(|file| file.len());
        let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { database: size(database), log: size(&with_suffix(database, "-wal")), free: free_in(folder) }
    }
}

/// What RMM may still write on the disk of a folder, in bytes.
#[must_use]
pub fn free_in(folder: &Path) -> Option<u64> {
    statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The newest file in a folder: its name, its size in bytes, and when it was written.
#[must_use]
pub fn newest_in(folder: &Path) -> Option<(String, u64, Timestamp)> {
    let files = fs::read_dir(folder).ok()?.filter_map(Result::ok).filter_map(|file| {
        let about = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let written = about.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let written = Timestamp::from_second(i64::try_from(written.as_secs()).ok()?).ok()?;
        Some((file.file_name().to_string_lossy().into_owned(), about.len(), written))
    });
    files.max_by_key(|(.., written)| *written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_measured_where_the_database_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("rmm.db");
        assert_eq!(Space::of(&database).database, None);
        fs::write(&database, [0; 9]).unwrap();
        let space = Space::of(&database);
        assert_eq!((space.database, space.log), (Some(9), None));
        assert!(space.free.is_some_and(|free| free > 0));
        assert_eq!(newest_in(folder.path()).map(|(name, bytes, _)| (name, bytes)), Some(("rmm.db".to_owned(), 9)));
        assert_eq!(newest_in(&folder.path().join("nowhere")), None);
    }
}
