//! `[backup]`: copies of the database that RMM makes by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::Section;
use super::report::Located;
use crate::domain::fault::config::{ConfigFault, Needed};
use crate::domain::rule::Rule;

/// What stands in a command of `send` for the finished file.
pub const FILE: &str = "{file}";
/// … and for its name alone.
pub const NAME: &str = "{name}";

const EVERY: Duration = Duration::from_hours(24);
const SHORTEST: Duration = Duration::from_secs(60);
const TIME_LIMIT: Duration = Duration::from_hours(1);
const KEEP: u32 = 14;

/// Copies that RMM makes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where they are; absolute.
    pub folder: PathBuf,
    /// Between two of them.
    pub every: Duration,
    /// How many are kept.
    pub keep: u32,
    /// Between two tests of the newest.
    pub test_every: Duration,
    /// How long each of the commands may take.
    pub time_limit: Duration,
    /// Is fed with the copy; what it prints becomes the file. Empty: the copy is the file.
    pub pipe: Vec<String>,
    /// Leads back from what `pipe` printed.
    pub open: Vec<String>,
    /// Is handed the finished file.
    pub send: Vec<String>,
}

pub(super) fn read(root: &Section<'_>, base: &Path) -> Option<Backup> {
    let section = root.section("backup")?;
    let every = section.duration("every", SHORTEST).map_or(EVERY, |every| every.value);
    let keep = section.number("keep", 1..=10_000).and_then(|keep| u32::try_from(keep.value).ok());
    let [pipe, open, send] = ["pipe", "open", "send"].map(|key| command(&section, key));
    if !open.is_empty() && pipe.is_empty() {
        section.report.error(&section.at("open"), ConfigFault::OpenWithoutPipe);
    }
    if !send.is_empty() && !send.iter().any(|word| word.contains(FILE)) {
        section.report.error(&section.at("send"), ConfigFault::SendWithoutFile { placeholder: FILE.to_owned() });
    }
    let test_every = section.duration("test_every", SHORTEST).map_or(every.max(EVERY), |every| every.value);
    let time_limit = section.duration("time_limit", Duration::from_secs(1)).map_or(TIME_LIMIT, |limit| limit.value);
    let folder = section.text("folder");
    if folder.is_none() && !section.has("folder") {
        section.missing("folder", Needed::BackupFolder);
    }
    let folder = base.join(folder.filter(|folder| is_filled(&section, folder))?.value);
    Some(Backup { folder, every, keep: keep.unwrap_or(KEEP), test_every, time_limit, pipe, open, send })
}

/// A program and its arguments, each a word of its own: no shell is asked.
fn command(section: &Section<'_>, key: &str) -> Vec<String> {
    let Some(words) = section.texts(key) else { return Vec::new() };
    match words.first() {
        Some(program) => _ = is_filled(section, program),
        None => section.report.error(&section.at(key), ConfigFault::EmptyList),
    }
    words.into_iter().map(|word| word.value).collect()
}

fn is_filled(section: &Section<'_>, text: &Located<String>) -> bool {
    let filled = !text.value.trim().is_empty();
    if !filled {
        section.report.error(&text.place, Rule::NotEmpty);
    }
    filled
}
