//! `rmm audit …`: the record, and whether it is what RMM wrote.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use rusqlite::Connection;

use super::release::history;
use super::{answers, faults, words};
use crate::api_client::{Call, Client, Context, FAILED, Fault, Intent, LONG, print, with_query};
use crate::app::DataDir;
use crate::contract::{self, Acknowledge, ListAudit, NotedEnd, Verification};
use crate::domain::event::Event;
use crate::domain::fault::cli::{CliNote, Unreached};
use crate::domain::fault::record::RecordFlaw;
use crate::domain::fault::store::FileAct;
use crate::domain::person::Actor;
use crate::store::chain::NewEvent;
use crate::store::key::AuditKey;
use crate::store::lock::{DirectoryLock, LOCK_FILE};
use crate::store::signed::ChainHead;
use crate::store::watermark::Watermark;
use crate::store::{Store, StoreError, StoreOptions, WriteError, schema, verify};
use crate::terminal::{clean, note};
use crate::web::socket as operator;
use crate::wording::{Language, on_record};

/// The record.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that nothing of the record was changed, removed, reordered or cut off
    Verify(Verify),
    /// End the alarm that the record was changed behind RMM's back, once you have looked
    #[command(after_help = "Example:\n  rmm audit acknowledge --reason 'the disk was replaced; yesterday is lost'\n\n\
        Who ended it and why goes on the record. What is lost stays lost.")]
    Acknowledge {
        /// What was found; people will read it
        #[arg(long, short, value_name = "TEXT", value_parser = crate::cli::prose())]
        reason: String,
    },
    /// Sign what happens from now on with a new key
    #[command(
        name = "rotate-key",
        after_help = "Example:\n  systemctl stop rmm && rmm audit rotate-key && systemctl start rmm\n\n\
            Only while no RMM runs. The earlier keys stay in audit.key, so that all rows stay verifiable; whoever has \
            only an earlier one cannot add to the record any more. Copy audit.key to its safe place again afterwards."
    )]
    RotateKey,
    /// Print the record, newest first
    #[command(after_help = "Examples:\n  rmm audit list --limit 20\n  rmm audit list --json | jq -r '.events[].kind'")]
    List {
        /// At most this many, 1 to 500
        #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier page ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
        /// Only about this service
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// Only what this person or token did; `operator`, or `rmm` itself
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Only events of this kind, as `release_moved`
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Only from this time on, as 2026-03-01T08:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        /// Only before this time
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// Only with this in their words
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Print the answer of the API
        #[arg(long)]
        json: bool,
    },
}

/// Check the record.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm audit verify\n  rmm audit verify --anchor 1024:5f0c…\n\n\
    Exit status 0: intact. Exit status 1: the first bad row is named, or what is missing against the end that RMM \
    noted beside its key. Works with and without a running RMM. The record's end that it prints, noted elsewhere, is an anchor: with it, even a record that was \
    rewritten with the key shows.")]
pub struct Verify {
    /// An end of the record that was noted earlier
    #[arg(long, value_name = "SEQ:MAC", value_parser = anchor)]
    anchor: Option<Anchor>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone)]
struct Anchor {
    seq: i64,
    mac: String,
    head: ChainHead,
}

fn anchor(text: &str) -> Result<Anchor, String> {
    let wrong =
        || "must be the number of an event, a colon and 64 hexadecimal digits, as this verb prints it".to_owned();
    let (seq, mac) = text.split_once(':').ok_or_else(wrong)?;
    let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(wrong)?;
    let head = ChainHead::from_hex(seq, mac).ok_or_else(wrong)?;
    Ok(Anchor { seq, mac: mac.to_owned(), head })
}

impl Audit {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        match self {
            Self::Verify(verify) => verify.run(context).await,
            Self::Acknowledge { reason } => {
                let client = Client::connect(context, Intent::Administer).await?;
                client.text(Call::post("/api/v1/audit/acknowledge", Acknowledge { reason })).await?;
                note(words::words(context.ui.language).alarm_is_over);
                Ok(())
            }
            Self::RotateKey => rotate_key(context).await,
            Self::List { limit, cursor, service, by, kind, since, until, text, json } => {
                let client = Client::connect(context, Intent::Look).await?;
                let asked = ListAudit { cursor, limit: Some(limit), service, actor: by, kind, since, until, text };
                let path = with_query("/api/v1/audit", &asked);
                let (page, text): (contract::EventPage, _) =
                    client.json(Call::get(path)).await.map_err(|fault| fault.in_json(json))?;
                if json {
                    return print(&format!("{text}\n"));
                }
                let with_release = |event: &contract::EventView| {
                    let about = match (event.release, &event.service) {
                        (Some(release), Some(service)) => format!("#{release} {service}"),
                        (None, Some(service)) => service.clone(),
                        (Some(release), None) => format!("#{release}"),
                        (None, None) => String::new(),
                    };
                    (event.clone(), about)
                };
                let events: Vec<_> = page.events.iter().map(with_release).collect();
                print(&history(&events, &context.ui))?;
                if let Some(next) = page.next {
                    note(&match context.ui.language {
                        Language::En => format!("There is more: add --cursor {next}"),
                        Language::Ru => format!("Есть ещё: добавьте --cursor {next}"),
                    });
                }
                Ok(())
            }
        }
    }
}

impl Verify {
    async fn run(self, context: &Context) -> Result<(), Fault> {
        let running = match context.var("RMM_URL") {
            Some(_) => true,
            None => operator::call(&DataDir::new(context.local()?.data_dir).socket()).await.is_ok(),
        };
        let found = if running {
            let client = Client::connect(context, Intent::Look).await?;
            let (seq, mac) = self.anchor.as_ref().map(|anchor| (anchor.seq, anchor.mac.clone())).unzip();
            let call = Call::get(with_query("/api/v1/audit/verify", &NotedEnd { seq, mac })).patience(LONG);
            client.json(call).await.map_err(|fault| fault.in_json(self.json))?.0
        } else {
            at_rest(&context.local()?.data_dir, self.anchor.as_ref())?
        };
        self.tell(&found, context.ui.language)
    }

    fn tell(&self, found: &Verification, language: Language) -> Result<(), Fault> {
        if self.json {
            let text = serde_json::to_string(found).map_err(|error| Fault::failed(error.to_string()))?;
            print(&format!("{text}\n"))?;
        }
        if !found.intact {
            let row = found.broken_at.map(|row| row.to_string()).unwrap_or_default();
            if !self.json {
                let said = || found.sentence.as_deref().map(clean);
                let flaw = found.because.as_ref().map(|flaw| language.record_flaw(flaw)).or_else(said);
                let broken = CliNote::RecordBroken { row: row.clone(), flaw };
                print(&format!("{}\n", language.cli_note(&broken)))?;
            }
            note(&language.cli_note(&CliNote::FirstBadRow { row }));
            return Err(Fault::Said(FAILED));
        }
        if let Some(alarm) = &found.alarm {
            if !self.json {
                let told = found.alarm_because.as_ref().map(|alarm| language.record_alarm(alarm));
                let alarm = told.unwrap_or_else(|| clean(alarm));
                let note = CliNote::RecordAlarm { alarm, events: found.events };
                print(&format!("{}\n", language.cli_note(&note)))?;
            }
            note(words::words(language).how_an_alarm_ends);
            return Err(Fault::Said(FAILED));
        }
        if self.json {
            return Ok(());
        }
        print(&answers::intact(language, found))
    }
}

/// Checks the record of an RMM that does not run, and leaves no trace of that.
fn at_rest(data_dir: &Path, anchor: Option<&Anchor>) -> Result<Verification, Fault> {
    let files = DataDir::new(data_dir);
    let database = files.database();
    if !database.exists() {
        return Err(Fault::Unreachable(Unreached::NeverWas { folder: data_dir.display().to_string() }));
    }
    let _lock = hold(&data_dir.join(LOCK_FILE))?;
    let key = AuditKey::load(&files.audit_key())?;
    let key = key.ok_or_else(|| StoreError::KeyMissing { path: files.audit_key() })?;
    let found = check(&database, &key, anchor.map(|anchor| &anchor.head))?;
    let Some(mark) = Watermark::read(&files.audit_key())? else { return Ok(found) };
    let difference = read(&database, |conn| mark.difference(conn))?;
    Ok(found.with_alarm(difference.or(mark.alarm), |alarm| Language::En.record_alarm(alarm)))
}

async fn rotate_key(context: &Context) -> Result<(), Fault> {
    let files = DataDir::new(context.local()?.data_dir);
    if !files.database().exists() {
        return Err(Fault::Unreachable(Unreached::NoRmm { folder: files.path().display().to_string() }));
    }
    let _lock = match DirectoryLock::acquire(files.path()) {
        Err(error @ StoreError::Locked { .. }) => {
            return Err(faults::running(error.fault(), None));
        }
        other => other?,
    };
    if let Some(found) = read_flaw(&files, context.ui.language)? {
        return Err(faults::record_broken(found));
    }
    let key_file = files.audit_key();
    let options = StoreOptions::new(files.database(), key_file.clone());
    let store = Store::open(&options)?;
    let last = store.progress().borrow().last_event;
    drop(store);
    let key = AuditKey::load(&key_file)?.ok_or_else(|| StoreError::KeyMissing { path: key_file.clone() })?;
    // From here on the new key counts, whether or not the event that says so gets written.
    key.rotated(last)?.save(&key_file)?;
    let store = Store::open(&options)?;
    let (kind, data) = Event::RecordKeyRotated {}.into_record(on_record);
    let actor = serde_json::to_string(&Actor::Operator).map_err(|error| Fault::failed(error.to_string()))?;
    let at = context.ui.now.as_millisecond();
    let written = store.write(move |tx| {
        let (service, release_id, run_id, trace_id) = (None, None, None, None);
        tx.append_event(&NewEvent {
            at,
            service,
            release_id,
            run_id,
            actor: &actor,
            kind: &kind,
            data: &data,
            trace_id,
        })
    });
    written.await.map_err(WriteError::flatten)?;
    note(&answers::key_rotated(context.ui.language, last, key_file.display()));
    Ok(())
}

/// What is wrong with the record of an RMM that does not run, in a sentence.
fn read_flaw(files: &DataDir, language: Language) -> Result<Option<String>, Fault> {
    let key_file = files.audit_key();
    let key = AuditKey::load(&key_file)?.ok_or_else(|| StoreError::KeyMissing { path: key_file.clone() })?;
    if let Some(flaw) = flaw(&files.database(), &key)? {
        return Ok(Some(language.record_flaw(&flaw)));
    }
    let Some(mark) = Watermark::read(&key_file)? else { return Ok(None) };
    let alarm = read(&files.database(), |conn| mark.difference(conn))?.or(mark.alarm.clone());
    Ok(alarm.map(|alarm| language.record_alarm(&alarm)))
}

/// Checks the record in a database that no process uses.
fn check(database: &Path, key: &AuditKey, anchor: Option<&ChainHead>) -> Result<Verification, Fault> {
    Ok(read(database, |conn| verify::verify(conn, key, anchor))?.into())
}

/// Reads a database that no process uses, without a trace.
fn read<T>(database: &Path, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, Fault> {
    // A log beside the database was not taken in yet; reading it would write, so a copy is read.
    let copy = schema::copy_with_log(database)?;
    let conn = match &copy {
        Some(copy) => schema::open_reader(copy.path())?,
        None => schema::open_at_rest(database)?,
    };
    Ok(work(&conn)?)
}

/// What is wrong with the record in a copy, if anything.
pub(super) fn flaw(database: &Path, key: &AuditKey) -> Result<Option<RecordFlaw>, Fault> {
    check(database, key, None).map(|found| found.because)
}

/// Keeps other processes from writing meanwhile, with the lock file that is there; where there is none, no process has one.
fn hold(path: &Path) -> Result<Option<File>, Fault> {
    let Ok(file) = File::open(path) else { return Ok(None) };
    for _ in 0..60 {
        match file.try_lock_shared() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(50)),
            Err(TryLockError::Error(error)) => return Err(StoreError::io(FileAct::Lock, path, error).into()),
        }
    }
    let pid = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    Err(StoreError::Locked { path: path.to_owned(), pid }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors() {
        assert_eq!(anchor(&format!("12:{}", "ab".repeat(32))).map(|anchor| anchor.seq), Ok(12));
        let mac = "ab".repeat(32);
        let [none, negative] = ["0", "-1"].map(|seq| format!("{seq}:{mac}"));
        for bad in ["", "12", "12:", "12:ab", ":ab", "x:y", &none, &negative] {
            assert!(anchor(bad).is_err(), "{bad}");
        }
    }
}
