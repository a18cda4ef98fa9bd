//! A whole installation in one file, for moving to another machine: an archive (tar) that begins with a list of what is in it.
//!
//! Must not: write a file that the list does not name, or outside of the folder that it is told.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::error::StoreError;
use super::{replaced, with_suffix};
use crate::domain::fault::store::{Damage, FileAct};

/// The database.
pub const DATABASE: &str = "rmm.db";
/// The key of the record.
pub const KEY: &str = "audit.key";
/// The configuration.
pub const CONFIG: &str = "rmm.toml";
/// What else lies in the data directory and tells hosts and RMM itself that it is the same installation.
pub const BESIDE: [&str; 4] = ["audit.key.head", "rmm.db.numbers", "instance", "generation"];
/// The list.
const LIST: &str = "rmm-export.json";
/// No list is longer.
const LONGEST_LIST: u64 = 1 << 20;
/// What this version writes and reads.
const FORMAT: u32 = 1;

/// What is in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The version of RMM that made it.
    pub version: String,
    /// When.
    pub made_at: Timestamp,
    files: BTreeMap<String, Sum>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Whether a file is in it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

/// Writes an export of these files, by their names in it.
///
/// # Errors
/// When one cannot be read, or `out` takes no more.
pub fn write(out: impl Write, files: &[(&str, PathBuf)], made_at: Timestamp) -> Result<(), StoreError> {
    let mut sums = BTreeMap::new();
    for (name, path) in files {
        let file = File::open(path).map_err(|error| StoreError::io(FileAct::Read, path, error))?;
        let sum = copy(file, io::sink()).map_err(|error| StoreError::io(FileAct::Read, path, error))?;
        sums.insert((*name).to_owned(), sum);
    }
    let manifest = Manifest { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), made_at, files: sums };
    let list = super::columns::to_json(&manifest)?;
    let mut archive = Builder::new(out);
    let failed = |error| StoreError::io(FileAct::Write, Path::new("the export"), error);
    append(&mut archive, LIST, list.len() as u64, made_at, list.as_bytes()).map_err(failed)?;
    for (name, path) in files {
        let bytes = manifest.files[*name].bytes;
        let file = File::open(path).map_err(|error| StoreError::io(FileAct::Read, path, error))?;
        append(&mut archive, name, bytes, made_at, file).map_err(failed)?;
    }
    archive.into_inner().and_then(|mut out| out.flush()).map_err(failed)
}

fn append<W: Write>(
    archive: &mut Builder<W>,
    name: &str,
    bytes: u64,
    at: Timestamp,
    from: impl Read,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(at.as_second().unsigned_abs());
    archive.append_data(&mut header, name, from)
}

/// Takes an export apart into a folder, and checks that every file is there as it was.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is none, is cut off or was changed; otherwise what the disk says.
pub fn read(input: impl Read, folder: &Path) -> Result<Manifest, StoreError> {
    let unsound = |detail: Damage| StoreError::Corrupt { detail };
    let told = |error: io::Error| unsound(Damage::Export(error.to_string()));
    let mut archive = Archive::new(input);
    let mut entries = archive.entries().map_err(told)?;
    let first = entries.next().transpose().map_err(told)?;
    let Some(first) = first.filter(|first| first.path_bytes().as_ref() == LIST.as_bytes()) else {
        return Err(unsound(Damage::NoExport));
    };
    let manifest: Manifest = serde_json::from_reader(first.take(LONGEST_LIST))
        .map_err(|error| unsound(Damage::Export(error.to_string())))?;
    if manifest.format != FORMAT {
        return Err(unsound(Damage::ExportForm { version: manifest.version }));
    }
    let mut missing = manifest.files.clone();
    for entry in entries {
        let entry = entry.map_err(told)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(expected) = missing.remove(&name).filter(|_| is_known(&name)) else {
            return Err(unsound(Damage::ExportStranger { name }));
        };
        let path = folder.join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| StoreError::io(FileAct::Create, &path, error))?;
        // One byte more than expected is enough to know.
        let found = copy(entry.take(expected.bytes + 1), &file).map_err(told)?;
        if found != expected {
            return Err(unsound(Damage::ExportChanged { name }));
        }
        file.sync_all().map_err(|error| StoreError::io(FileAct::Sync, &path, error))?;
    }
    match missing.keys().next() {
        Some(name) => Err(unsound(Damage::ExportLacks { name: name.clone() })),
        None => Ok(manifest),
    }
}

fn is_known(name: &str) -> bool {
    [DATABASE, KEY, CONFIG].contains(&name) || BESIDE.contains(&name)
}

fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<Sum> {
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        bytes += read as u64;
    }
    Ok(Sum { bytes, sha256: hex::encode(hash.finalize()) })
}

/// Puts the files of an export from one folder into another in which RMM does not start until all of them are there. What was there is
/// kept: the database as `….before-restore`, the other files as `….before-import`. Gives back where the database is that was there.
///
/// # Errors
/// When the disk does not take them; then the import can be run again.
pub fn place(manifest: &Manifest, from: &Path, to: &Path) -> Result<Option<PathBuf>, StoreError> {
    let database = to.join(DATABASE);
    // One that was broken off has kept what was there before it.
    let kept = if replaced::is_half_imported(&database) {
        Some(with_suffix(&database, replaced::SUFFIX)).filter(|kept| kept.exists())
    } else {
        for file in BESIDE.into_iter().chain([KEY]).map(|name| to.join(name)).filter(|file| file.exists()) {
            replaced::keep_file(&file, &with_suffix(&file, ".before-import"))?;
        }
        replaced::keep(&database)?
    };
    replaced::begin_import(&database)?;
    put(manifest, from, to)?;
    replaced::end_import(&database)?;
    Ok(kept)
}

fn put(manifest: &Manifest, from: &Path, to: &Path) -> Result<(), StoreError> {
    for name in BESIDE.into_iter().chain([KEY, DATABASE]) {
        let target = to.join(name);
        if manifest.has(name) {
            fs::rename(from.join(name), &target).map_err(|error| StoreError::io(FileAct::Create, &target, error))?;
        } else if let Err(error) = fs::remove_file(&target)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(StoreError::io(FileAct::Remove, &target, error));
        }
    }
    super::key::sync_directory_of(&to.join(DATABASE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<(&'static str, PathBuf)> {
        [(DATABASE, "a database"), (KEY, "a key"), (CONFIG, "[server]")]
            .map(|(name, text)| {
                fs::write(folder.join(name), text).unwrap();
                (name, folder.join(name))
            })
            .to_vec()
    }

    fn exported() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = Vec::new();
        write(&mut archive, &files(folder.path()), Timestamp::UNIX_EPOCH).unwrap();
        archive
    }

    fn refusal(archive: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        read(archive, folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let [from, to] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let manifest = read(exported().as_slice(), from.path()).unwrap();
        assert!(manifest.has(KEY) && !manifest.has("instance"));
        fs::write(to.path().join("instance"), "another one").unwrap();
        place(&manifest, from.path(), to.path()).unwrap();
        assert_eq!(fs::read_to_string(to.path().join(DATABASE)).unwrap(), "a database");
        assert!(!to.path().join("instance").exists(), "nothing of another installation stays");
    }

    #[test]
    fn what_is_cut_off_changed_or_put_in_is_refused() {
        let whole = exported();
        for end in [0, 300, 600, 1100, 1600, 2600] {
            assert!(!refusal(&whole[..end]).is_empty());
        }
        let mut changed = whole.clone();
        let at = whole.windows(10).position(|bytes| bytes == b"a database").unwrap();
        changed[at] = b'A';
        assert!(refusal(&changed).contains("rmm.db is not what was exported"));
        assert!(refusal(b"SQLite format 3\0").contains("the export"));
        let mut put_in = Builder::new(Vec::new());
        let list = r#"{"format":1,"version":"1","made_at":"2026-01-01T00:00:00Z","files":{"../evil":{"bytes":1,"sha256":""}}}"#;
        append(&mut put_in, LIST, list.len() as u64, Timestamp::UNIX_EPOCH, list.as_bytes()).unwrap();
        append(&mut put_in, "evil", 1, Timestamp::UNIX_EPOCH, &b"x"[..]).unwrap();
        assert!(refusal(&put_in.into_inner().unwrap()).contains("evil does not belong there"));
    }
}
