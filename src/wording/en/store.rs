//! What can go wrong with RMM's database, its key and the files beside it.

use crate::domain::fault::store::{Damage, FileAct, StoreFault};

/// A sentence that begins small and has no full stop.
pub(in crate::wording) fn store(fault: &StoreFault) -> String {
    use StoreFault as F;
    match fault {
        F::DiskFull { said } => format!(
            "the database cannot be written because the disk is full or failing; nothing was changed, and RMM goes on by itself \
             when there is space again: {said}"
        ),
        F::Busy { said } => {
            format!("the database cannot be used at the moment; nothing was changed, try again: {said}")
        }
        F::Unconfirmed { said } => format!(
            "the disk did not confirm a write ({said}): whether it is kept is not certain, so RMM writes nothing more. Look after \
             the disk, then start RMM again"
        ),
        F::Stopping => "the database is closed because RMM is stopping".to_owned(),
        F::Panicked { said } => format!("a request failed inside RMM and was undone: {said}"),
        F::Newer { found, supported } => format!(
            "the database has schema version {found}, this RMM knows versions up to {supported}: it was written by a newer RMM. \
             Start that version again, or restore a backup made before the update"
        ),
        F::Divergent { said } => format!(
            "the database's schema differs from the one of this RMM, although the version numbers agree: {said}"
        ),
        F::NotMigrated { said } => {
            format!("the database could not be brought to this RMM's schema and was left as it was: {said}")
        }
        F::FaultySqlite { version } => format!(
            "this binary was built with SQLite {version}, which can corrupt databases in WAL mode (3.7.0 to 3.51.2 are affected); \
             build it with a newer one"
        ),
        F::Damaged { damage } => {
            format!("the database is damaged or is not a database of RMM: {}", self::damage(damage))
        }
        F::NoKey { path } => format!(
            "the key of the audit log is missing: {} does not exist, but the database has events signed with it. Restore the key \
             file from your backup; RMM does not make a new one, because the history could then no longer be checked",
            path.display()
        ),
        F::BadKey { path } => format!(
            "the key file {} is not usable: it must hold 64 hexadecimal digits, and behind them a line for each earlier key; \
             restore it from your backup",
            path.display()
        ),
        F::OtherKey { path } => format!(
            "the key in {} does not belong to this database: neither the last event nor the log's seal fits it. Restore the key \
             file that was made together with this database",
            path.display()
        ),
        F::InUse { path, process } => {
            let who = process.map_or_else(|| "another process".to_owned(), |process| format!("the process {process}"));
            format!(
                "{who} already uses this data directory (lock file {}). Use the running RMM, or stop it first; if it is not an \
                 RMM, choose another data_dir",
                path.display()
            )
        }
        F::NameTaken { name } => format!("there is already a token named {name:?}"),
        F::Exists { path } => format!("{} exists already and was left alone", path.display()),
        F::HalfRestored { path, kept } => format!(
            "a restore or an import was broken off: the database {path} is not there, and the one that was there is {kept}. Restore \
             again, or go back to it: mv {kept} {path} (and {kept}-wal to {path}-wal, if it is there)",
            path = path.display(),
            kept = kept.display()
        ),
        F::HalfImported { path } => format!(
            "an import was broken off, and only some of its files are in their places ({} says so): run `rmm import --force` again. \
             What was there is kept as ….before-restore and ….before-import",
            path.display()
        ),
        F::File { act, path, said } => format!("cannot {} {}: {said}", verb(*act), path.display()),
        F::NoRandom { said } => format!("the system gave no random numbers: {said}"),
        F::Refused { said } => format!("the database refused a statement: {said}"),
    }
}

fn damage(damage: &Damage) -> String {
    match damage {
        Damage::Said(said) => said.clone(),
        Damage::OtherTables => "it has tables, but none of them says which schema they belong to".to_owned(),
        Damage::Empty(path) => format!("{} is empty", path.display()),
        Damage::File { path, said } => format!("{}: {said}", path.display()),
        Damage::Export(said) => format!("the export: {said}"),
        Damage::NoExport => "the export: it is not one that RMM wrote".to_owned(),
        Damage::ExportForm { version } => {
            format!("the export: RMM {version} made it in a form that this version does not know")
        }
        Damage::ExportStranger { name } => format!("the export: {name} does not belong there"),
        Damage::ExportChanged { name } => format!("the export: {name} is not what was exported"),
        Damage::ExportLacks { name } => format!("the export: {name} is missing"),
    }
}

const fn verb(act: FileAct) -> &'static str {
    match act {
        FileAct::Copy => "copy",
        FileAct::Create => "create",
        FileAct::CreateFolderIn => "create a folder in",
        FileAct::Find => "find",
        FileAct::GiveAway => "give away",
        FileAct::Lock => "lock",
        FileAct::Move => "move",
        FileAct::Open => "open",
        FileAct::Read => "read",
        FileAct::Remove => "remove",
        FileAct::Replace => "replace",
        FileAct::Sync => "sync",
        FileAct::Write => "write",
    }
}
