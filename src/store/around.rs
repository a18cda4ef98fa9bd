//! What is known around a database that is about to be replaced by a copy: the highest numbers, and what the
//! environments run. Databases of any schema are looked at, and nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::StoreError;
use super::numbers::Numbers;
use super::restored::Beside;
use super::{replaced, schema};
use crate::domain::fault::record::LostEvents;
use crate::domain::reason::{Reason, RestoredBy};
use crate::domain::version::Version;

/// What a database says about one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// What it runs.
    pub runs: Option<Version>,
    /// The run that is under way or cannot be judged.
    pub run: Option<i64>,
}

/// A token of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// When it was used last, in milliseconds, if known.
    pub last_used_at: Option<i64>,
    /// When it ends by itself, in milliseconds.
    pub expires_at: Option<i64>,
    revoked: bool,
}

/// By service and environment.
pub type Environments = BTreeMap<(String, String), Recorded>;

/// What was found before a database is replaced.
#[derive(Debug, Clone)]
pub struct Around {
    /// The highest numbers that were given out.
    pub numbers: Numbers,
    /// The database that is replaced could be read, so that nothing was given out beyond them.
    pub exact: bool,
    /// What it says of the environments.
    pub replaced: Environments,
    /// What the copy says of them.
    pub copy: Environments,
    /// Tokens that are valid in the copy and not in the database that is replaced; all of the copy's, if that one cannot
    /// be read.
    pub valid_again: Vec<KnownToken>,
}

/// What one database says.
struct Found {
    numbers: Numbers,
    environments: Environments,
    tokens: Vec<KnownToken>,
}

/// Looks at the database, the copy that takes its place, and the other copies beside it.
///
/// # Errors
/// When the copy cannot be read.
pub fn look(database: &Path, copy: &Path) -> Result<Around, StoreError> {
    let of_copy = read(copy)?;
    let (mut numbers, mut valid_again) = (of_copy.numbers, of_copy.tokens);
    valid_again.retain(|token| !token.revoked);
    let was_there = database.exists().then(|| read(database));
    let exact = matches!(was_there, Some(Ok(_)));
    let replaced = match was_there {
        Some(Ok(known)) => {
            numbers = numbers.max(known.numbers);
            let now =
                |token: &KnownToken| known.tokens.iter().find(|one| (one.id, &one.name) == (token.id, &token.name));
            valid_again.retain(|token| now(token).is_none_or(|now| now.revoked));
            for token in &mut valid_again {
                token.last_used_at = token.last_used_at.max(now(token).and_then(|now| now.last_used_at));
            }
            known.environments
        }
        Some(Err(error)) => {
            tracing::warn!(%error, "the database that is there cannot be read");
            Environments::new()
        }
        None => Environments::new(),
    };
    for other in others(database) {
        if let Ok(known) = read(&other) {
            numbers = numbers.max(known.numbers);
        }
    }
    numbers = numbers.max(Beside::read(database)?.map(|beside| beside.numbers).unwrap_or_default());
    Ok(Around { numbers, exact, replaced, copy: of_copy.environments, valid_again })
}

impl Around {
    /// Notes it beside the database, for the next start. `lost`: what the copy does not hold.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn note(&self, database: &Path, lost: Option<LostEvents>) -> Result<(), StoreError> {
        let how = RestoredBy::Command { lost };
        let restored = Some(Reason::Restored { how });
        let before = Beside::read(database)?.unwrap_or_default();
        Beside { numbers: self.numbers, exact: self.exact, restored, ..before }.write(database)
    }

    /// The numbers after which the next start goes on.
    #[must_use]
    pub fn goes_on_after(&self) -> Numbers {
        if self.exact { self.numbers } else { self.numbers.with_gap() }
    }
}

/// Copies that RMM has made beside a database.
fn others(database: &Path) -> Vec<PathBuf> {
    let Some(directory) = database.parent() else { return Vec::new() };
    let named = database.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files =
        |directory: PathBuf| std::fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path());
    let beside = files(directory.to_owned()).filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_kept =
            |rest: &str| rest.starts_with(replaced::SUFFIX) && !replaced::BESIDE.iter().any(|end| rest.ends_with(end));
        name.strip_prefix(&named).is_some_and(|rest| is_kept(rest) || rest.ends_with(".bak"))
    });
    beside.chain(files(directory.join("backups"))).filter(|path| path.is_file()).collect()
}

fn read(path: &Path) -> Result<Found, StoreError> {
    // A log beside it would be taken in by reading.
    let copy = schema::copy_with_log(path)?;
    let conn = match &copy {
        Some(copy) => schema::open_reader(copy.path())?,
        None => schema::open_at_rest(path)?,
    };
    Ok(Found { numbers: Numbers::of(&conn)?, environments: environments(&conn)?, tokens: tokens(&conn)? })
}

fn tokens(conn: &Connection) -> Result<Vec<KnownToken>, StoreError> {
    if !conn.table_exists(None, "tokens")? {
        return Ok(Vec::new());
    }
    let mut statement = conn
        .prepare("SELECT id, name, role, last_used_at, expires_at, revoked_at IS NOT NULL FROM tokens ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        let (id, name, role) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(KnownToken { id, name, role, last_used_at: row.get(3)?, expires_at: row.get(4)?, revoked: row.get(5)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn environments(conn: &Connection) -> Result<Environments, StoreError> {
    let mut found = Environments::new();
    if !conn.table_exists(None, "environments")? {
        return Ok(found);
    }
    let mut statement = conn.prepare("SELECT service, environment, current FROM environments")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let current: Option<String> = row.get(2)?;
        let runs = current.and_then(|text| serde_json::from_str(&text).ok());
        found.insert((row.get(0)?, row.get(1)?), Recorded { runs, run: None });
    }
    let mut statement =
        conn.prepare("SELECT service, environment, id FROM runs WHERE state IN ('queued', 'running', 'unknown')")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.entry((row.get(0)?, row.get(1)?)).or_default().run = row.get(2)?;
    }
    Ok(found)
}
