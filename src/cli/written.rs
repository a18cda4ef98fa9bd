//! Files that RMM writes for people into a folder of theirs: all of them or none, and over nothing that says something else
//! unless it is told to.

use std::path::{Path, PathBuf};

use crate::assets::File;
use crate::domain::fault::cli::CliFault;
use crate::wording::Language::{self, En, Ru};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    New,
    Replaced,
    AsItWas,
}

pub(super) fn said(language: Language, files: &[(PathBuf, Written)]) -> String {
    let word = |written: Written| match (language, written) {
        (En, Written::New) => "written",
        (En, Written::Replaced) => "replaced",
        (En, Written::AsItWas) => "unchanged",
        (Ru, Written::New) => "записан",
        (Ru, Written::Replaced) => "заменён",
        (Ru, Written::AsItWas) => "без изменений",
    };
    files.iter().map(|(path, written)| format!("{}: {}\n", path.display(), word(*written))).collect()
}

/// Writes them, or none of them.
pub(super) fn write(folder: &Path, files: &[File], force: bool) -> Result<Vec<(PathBuf, Written)>, CliFault> {
    if !folder.is_dir() {
        return Err(CliFault::NoFolder { folder: folder.display().to_string() });
    }
    let mut planned = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let there = match std::fs::read(&path) {
            Ok(there) if there == file.text.as_bytes() => Written::AsItWas,
            Ok(_) => Written::Replaced,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Written::New,
            Err(error) => return Err(failed(&path, &error)),
        };
        planned.push((path, there));
    }
    let others = planned.iter().filter(|(_, there)| *there == Written::Replaced);
    let others: Vec<_> = others.map(|(path, _)| path.display().to_string()).collect();
    if !others.is_empty() && !force {
        return Err(CliFault::OthersThere { files: others });
    }
    for (file, (path, there)) in files.iter().zip(&planned) {
        if *there != Written::AsItWas {
            let parent = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
            std::fs::write(path, &file.text).map_err(|error| failed(path, &error))?;
        }
    }
    Ok(planned)
}

/// The system does not allow it.
pub(super) fn failed(path: &Path, error: &std::io::Error) -> CliFault {
    CliFault::NotWritten { file: path.display().to_string(), said: error.to_string() }
}
