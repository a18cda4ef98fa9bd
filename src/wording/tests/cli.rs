//! What goes wrong with verbs of the command line, with the start of RMM and with an upgrade.

use super::*;
use crate::domain::fault::cli::{CliFault, CliHint, CliNote, Unreached};
use crate::domain::fault::machine::MachineFault;
use crate::domain::fault::upgrade::{UpgradeFault, UpgradeStep};
use crate::domain::part::Part;

const SOURCE: &str = include_str!("../../domain/fault/cli.rs");
const UPGRADE: &str = include_str!("../../domain/fault/upgrade.rs");

fn file() -> String {
    "/srv/rmm/rmm.db".into()
}

fn folder() -> String {
    "/var/lib/rmm".into()
}

fn said() -> String {
    "Permission denied (os error 13)".into()
}

#[test]
fn every_fault_of_the_command_line_has_words() {
    use CliFault as F;
    let (url, flaw) = (|| "http://127.0.0.1:8080".to_owned(), || RecordFlaw::Edited { seq: 7 });
    let known = || vec!["shop".to_owned(), "blog".to_owned()];
    let faults = [
        F::NoAddress { url: "rmm".into() },
        F::NoConfiguration { file: "rmm.toml".into() },
        F::FileMissing,
        F::NotUtf8 { file: file() },
        F::NotThere { file: file() },
        F::NoFolder { folder: folder() },
        F::NotRead { file: file(), said: said() },
        F::NotWritten { file: file(), said: said() },
        F::ThereAlready { file: file() },
        F::OthersThere { files: vec![file(), folder()] },
        F::NoGuess { option: "--service".into() },
        F::WhereIsCode { service: "shop".into() },
        F::BadInit { why: "имя не подходит".into() },
        F::NoPage { wanted: "sever".into(), list: "servers: SSH".into() },
        F::TooFar,
        F::WhoStarts,
        F::ForNoTerminal,
        F::KeyOnlyHere,
        F::NoSuchRun { release: 12, run: 41 },
        F::DatabaseThere { file: file() },
        F::InstallationThere { folder: folder() },
        F::KeyMissing { here: file(), there: "/b/copy.key".into() },
        F::OtherKey { copy: file(), key: "/b/copy.key".into(), flaw: flaw() },
        F::ExportBroken { flaw: flaw() },
        F::IsExport { file: file() },
        F::Encrypted { file: file(), with: "age".into() },
        F::Compressed { file: file(), with: "gzip".into() },
        F::Store { fault: StoreFault::Stopping },
        F::NoKey { host: "web-2".into(), why: "It does not answer.".into() },
        F::NoKeyToTrust { host: "web-2".into() },
        F::WaitedFor { release: 12, seconds: 60 },
        F::NoService { name: "shp".into(), near: Some("shop".into()), known: known() },
        F::NoService { name: "x".into(), near: None, known: known() },
        F::NoPublicUrl,
        F::NoCheckout { folder: folder() },
        F::Output { said: said() },
        F::NoHttp { said: said() },
        F::NoCall { url: url(), said: said() },
        F::AnswerUnread { said: said() },
        F::NoProgram { said: said() },
        F::NotInBinary { file: "rmm.service".into() },
        F::NotToml { said: "expected a table".into() },
        F::Machine { fault: Box::new(MachineFault::NoProgram { program: "git".into() }) },
        F::NoDataFolder { folder: folder(), said: said() },
        F::CannotListen { address: "127.0.0.1:8080".into(), said: "Address already in use (os error 98)".into() },
        F::NoSocket { file: "/var/lib/rmm/rmm.sock".into(), said: said() },
        F::NoSignals { said: said() },
        F::NoRuntime { said: said() },
        F::PartEnded { part: Part::Bot, said: "no more tea".into() },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "CliFault", &faults, |language, fault| language.cli_fault(fault)));
}

#[test]
fn every_hint_of_the_command_line_has_words() {
    use CliHint as H;
    let hints = [
        H::SetToken,
        H::CheckToken,
        H::StopFirst { then: None },
        H::StopFirst { then: Some("rmm restore".into()) },
        H::ForceReplacesDatabase,
        H::ForceReplacesInstallation,
        H::BringKey,
        H::ForceRestores,
        H::ForceTakesExport,
        H::NewKeyMendsNothing,
        H::ImportTakesIt,
        H::OpenFirst { command: "age --decrypt --output rmm.db rmm.db.age".into() },
        H::Said { text: "rmm check".into() },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "CliHint", &hints, |language, hint| language.cli_hint(hint)));
}

#[test]
fn whatever_keeps_rmm_from_being_reached_has_words() {
    use Unreached as U;
    let (name, socket) = (|| "https://rmm.example.com".to_owned(), || "/var/lib/rmm/rmm.sock".to_owned());
    let fault = || StoreFault::InUse { path: "/var/lib/rmm/rmm.lock".into(), process: Some(4711) };
    let all = [
        U::SocketOfOther { socket: socket() },
        U::Locked { fault: fault(), socket: socket() },
        U::InUse { fault: fault() },
        U::NotThis { name: name(), said: "expected value".into() },
        U::NotRmm { name: name() },
        U::Late { name: name(), seconds: 60 },
        U::CutOff { name: name(), said: "connection reset".into() },
        U::Elsewhere { name: name(), to: "https://example.com".into() },
        U::Behind { name: name(), status: "502 Bad Gateway".into() },
        U::NotRunning { folder: folder() },
        U::NeverRan { folder: folder() },
        U::NoRmm { folder: folder() },
        U::NeverWas { folder: folder() },
        U::NoAnswer { url: name(), said: None },
        U::NoAnswer { url: name(), said: Some("Connection refused (os error 111)".into()) },
        U::WentAway { socket: socket(), said: "Broken pipe (os error 32)".into() },
        U::Stopping,
        U::NotReady { url: name(), why: "RMM is stopping".into() },
        U::Answered { url: name(), said: "not found".into() },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "Unreached", &all, |language, why| language.unreached(why)));
}

#[test]
fn whatever_the_command_line_warns_of_has_words() {
    use CliNote as N;
    let service = || "shop".to_owned();
    let not_for_here = |errors, cannot_work| N::NotForHere { file: "rmm.toml".into(), errors, cannot_work };
    let notes = [
        N::TokenUnused,
        N::NotEncrypted,
        N::RecordedOnly { folder: folder() },
        N::PutAside { service: service() },
        N::DefinedTwice { service: service() },
        N::ConfigErrors { errors: 1, warnings: 2 },
        N::ConfigErrors { errors: 2, warnings: 1 },
        not_for_here(1, true),
        not_for_here(2, false),
        N::HiddenFromUnit { file: "/home/ann/rmm.toml".into(), folder: "/home".into() },
        N::AnotherKey { before: "SHA256:def".into() },
        N::RecordBroken { row: "7".into(), flaw: None },
        N::RecordBroken { row: "7".into(), flaw: Some("Event 7 is missing.".into()) },
        N::FirstBadRow { row: "7".into() },
        N::RecordAlarm { alarm: "it was put back".into(), events: 12 },
        N::HostsNotReady { hosts: vec!["web-1".into(), "web-2".into()] },
        N::NotWell { what: vec!["telegram".into(), "github".into()] },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "CliNote", &notes, |language, note| language.cli_note(note)));
}

#[test]
fn whatever_becomes_of_an_upgrade_has_words() {
    use UpgradeFault as F;
    use UpgradeStep as S;
    let (new, own, why) = (|| "1.5.0".to_owned(), || "1.4.0".to_owned(), || "it does not answer".to_owned());
    let steps = [
        S::Found { version: new(), own: own(), sum: "5f0c".into() },
        S::GoesOn { old: "/usr/local/bin/rmm.old".into() },
        S::Stopping,
        S::Starting { version: new() },
        S::Runs { version: new(), old: "/usr/local/bin/rmm.old".into() },
        S::GoingBack { why: why() },
        S::StartingAgain { version: own(), seconds: 120, why: why() },
        S::Restoring,
    ];
    let faults = [
        F::NoProgram { said: said() },
        F::IsInstalled { file: file() },
        F::RunsNot { file: file(), said: "Exec format error (os error 8)".into() },
        F::NoRmm { file: file(), said: "git version 2.47".into() },
        F::Older { version: own(), own: new() },
        F::Refuses { version: new(), said: "rmm.toml is wrong".into() },
        F::NotStopped { why: why() },
        F::NothingReplaced { why: why() },
        F::Silent,
        F::OtherAnswers { running: own(), version: new() },
        F::NotReady { seconds: 120, last: why() },
        F::NotPutBack { file: file(), said: said() },
        F::NotUp { why: why() },
        F::NotBack { why: why(), trouble: said(), old: "/usr/local/bin/rmm.old".into() },
        F::RunsAsBefore { why: why(), version: own() },
        F::NoRoom { folder: "/var/lib/rmm".into(), needed: 1 << 30, free: 1 << 20 },
        F::OldNotUp { why: why(), trouble: said() },
        F::OtherKey { copy: file(), flaw: RecordFlaw::Edited { seq: 7 } },
    ];
    let told = catalogue(UPGRADE, "UpgradeStep", &steps, |language, step| language.upgrade_step(step));
    let wrong = catalogue(UPGRADE, "UpgradeFault", &faults, |language, fault| language.upgrade_fault(fault));
    insta::assert_snapshot!(told + &wrong);
}
