//! What can go wrong with the database, its key and the files beside it.

use super::*;
use crate::domain::fault::store::{Damage, FileAct, StoreFault};

#[test]
fn every_fault_of_the_store_has_words() {
    use StoreFault as F;
    let (path, said) = (|| "/var/lib/rmm/audit.key".into(), || "database or disk is full".to_owned());
    let mut faults = vec![
        F::DiskFull { said: said() },
        F::Busy { said: said() },
        F::Unconfirmed { said: said() },
        F::Stopping,
        F::Panicked { said: "no more tea".into() },
        F::Newer { found: 42, supported: 40 },
        F::Divergent { said: said() },
        F::NotMigrated { said: said() },
        F::FaultySqlite { version: "3.50.0".into() },
        F::NoKey { path: path() },
        F::BadKey { path: path() },
        F::OtherKey { path: path() },
        F::InUse { path: path(), process: Some(4711) },
        F::InUse { path: path(), process: None },
        F::NameTaken { name: "laptop".into() },
        F::Exists { path: path() },
        F::HalfRestored { path: path(), kept: path() },
        F::HalfImported { path: path() },
        F::NoRandom { said: said() },
        F::Refused { said: said() },
    ];
    let name = || "rmm.db".to_owned();
    let damages = [
        Damage::Said(said()),
        Damage::OtherTables,
        Damage::Empty(path()),
        Damage::File { path: path(), said: said() },
        Damage::Export(said()),
        Damage::NoExport,
        Damage::ExportForm { version: "9.0.0".into() },
        Damage::ExportStranger { name: name() },
        Damage::ExportChanged { name: name() },
        Damage::ExportLacks { name: name() },
    ];
    faults.extend(damages.map(|damage| F::Damaged { damage }));
    faults.extend(FileAct::ALL.map(|act| F::File { act, path: path(), said: said() }));
    let source = include_str!("../../domain/fault/store.rs");
    insta::assert_snapshot!(catalogue(source, "StoreFault", &faults, |language, fault| language.store(fault)));
}
