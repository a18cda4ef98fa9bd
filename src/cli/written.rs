//! Files that RMM writes for people into a folder of theirs: all of them or none, and over nothing that says something else
//! unless it is told to.

use std::path::{Path, PathBuf};

use crate::assets::File;
use crate::wording::Language::{self, En, Ru};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    New,
    Replaced,
    AsItWas,
}

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// The folder to write into is not there.
    NoFolder(PathBuf),
    /// These files are there and say something else.
    Others(Vec<PathBuf>),
    /// The system does not allow it.
    Failed(PathBuf, std::io::Error),
}

pub(super) fn not_written(language: Language, wrong: &NotWritten) -> String {
    match (language, wrong) {
        (En, NotWritten::NoFolder(folder)) => {
            format!("{} is no folder", folder.display())
        }
        (Ru, NotWritten::NoFolder(folder)) => {
            format!("{} — не папка", folder.display())
        }
        (language, NotWritten::Others(files)) => {
            let files: String = files.iter().map(|file| format!("\n  {}", file.display())).collect();
            match language {
                En => format!(
                    "nothing was written, as these files are there and say something else:{files}\n\
                     Look at what is in them; --force replaces them."
                ),
                Ru => format!(
                    "ничего не записано: эти файлы уже есть, и в них другое:{files}\n\
                     Посмотрите, что в них; --force их заменит."
                ),
            }
        }
        (En, NotWritten::Failed(path, error)) => format!("{} cannot be written: {error}", path.display()),
        (Ru, NotWritten::Failed(path, error)) => format!("{} не записать: {error}", path.display()),
    }
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
pub(super) fn write(folder: &Path, files: &[File], force: bool) -> Result<Vec<(PathBuf, Written)>, NotWritten> {
    if !folder.is_dir() {
        return Err(NotWritten::NoFolder(folder.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| NotWritten::Failed(path, error)
    };
    let mut planned = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let there = match std::fs::read(&path) {
            Ok(there) if there == file.text.as_bytes() => Written::AsItWas,
            Ok(_) => Written::Replaced,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Written::New,
            Err(error) => return Err(failed(&path)(error)),
        };
        planned.push((path, there));
    }
    let others = planned.iter().filter(|(_, there)| *there == Written::Replaced).map(|(path, _)| path.clone());
    let others: Vec<_> = others.collect();
    if !others.is_empty() && !force {
        return Err(NotWritten::Others(others));
    }
    for (file, (path, there)) in files.iter().zip(&planned) {
        if *there != Written::AsItWas {
            let parent = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).map_err(failed(parent))?;
            std::fs::write(path, &file.text).map_err(failed(path))?;
        }
    }
    Ok(planned)
}
