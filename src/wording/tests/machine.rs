//! What is wrong or questionable about the machine that RMM runs on.

use super::*;
use crate::domain::fault::machine::{FolderFault, FolderRemedy, MachineFault, StepsAs};
use crate::domain::fault::ssh::PrivateKeyFault;

#[test]
fn every_fault_of_the_machine_has_words() {
    use MachineFault as F;
    let user = || "deploy".to_owned();
    let (path, folder) = (|| "/etc/rmm/rmm.toml".into(), || "/srv/shop".into());
    let said = || "permission denied".to_owned();
    let name = |name: &str| ServiceName::parse("service", name).unwrap();
    let since = Timestamp::UNIX_EPOCH;
    let mut faults = vec![
        F::StepsRuleRmm { steps: StepsAs::RootAsRmm, as_root: true, undecided: true },
        F::StepsRuleRmm { steps: StepsAs::Root, as_root: true, undecided: false },
        F::StepsRuleRmm { steps: StepsAs::Rmm, as_root: false, undecided: false },
        F::StepsRuleRmm { steps: StepsAs::Named(user()), as_root: false, undecided: false },
        F::Exposed { path: path(), user: user() },
        F::NoUser { user: user() },
        F::OnlyRoot { user: user() },
        F::NoHome { user: user(), home: "/home/deploy".into(), there: false },
        F::NoHome { user: user(), home: "/var".into(), there: true },
        F::Unreadable { path: path(), user: user() },
        F::OpenToOthers { folder: folder(), mode: 0o777 },
        F::NoSocket { path: "/srv/rmm/rmm.sock".into(), said: said() },
        F::DataDir { fault: FolderFault::NotAFolder { path: path() } },
        F::BackupFolder { fault: FolderFault::NotWritten { folder: folder(), said: said() } },
        F::NoBackupFolder { folder: folder() },
        F::PrivateKey { host: host("prod-1"), key: "env:KEY".into(), fault: PrivateKeyFault::Unreadable },
        F::FewOpenFiles { files: 256, connections: 100, enough: 4096 },
        F::NoProgram { program: "docker".into() },
        F::NoProgramFor { key: "backup.pipe".into(), program: "age".into() },
        F::NotResolved { host: host("prod-1"), name: "web".into() },
        F::Renamed { was: name("shop"), now: name("store") },
        F::StayTwo { was: name("shop"), now: name("store") },
        F::NothingToCarryOver { was: name("shop"), now: name("store") },
        F::MayBeRenamed { was: name("shop"), now: name("store") },
        F::KeptForRun { service: name("shop"), release: ReleaseId(5), run: RunId(12) },
        F::Retired { service: name("shop") },
        F::TokenRefused { since },
        F::AccountRefuses { account: 7, person: Some("ann".into()), since, said: said() },
        F::AccountRefuses { account: 7, person: None, since, said: said() },
        F::ChatRefuses { chat: -7, topic: Some(3), since, said: said(), told: true },
        F::ChatRefuses { chat: -7, topic: None, since, said: said(), told: false },
    ];
    let remedy = |remedy| FolderFault::NotForSteps { user: user(), folder: folder(), remedy };
    let folders = [
        FolderFault::Missing { folder: folder() },
        FolderFault::NotAFolder { path: path() },
        FolderFault::NotWritten { folder: folder(), said: said() },
        FolderFault::NotMade { folder: folder(), there: "/srv".into(), said: said() },
        remedy(FolderRemedy::Another),
        remedy(FolderRemedy::GiveAway),
        remedy(FolderRemedy::Make),
        FolderFault::OfOther { folder: folder() },
    ];
    faults.extend(folders.map(|fault| F::SurfaceFolder {
        service: service(),
        environment: Stage,
        surface: surface(),
        fault,
    }));
    let source = include_str!("../../domain/fault/machine.rs");
    insta::assert_snapshot!(catalogue(source, "MachineFault", &faults, |language, fault| language.machine(fault)));
}
