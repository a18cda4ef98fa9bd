//! Why a verb of the command line does not do what it was asked for, or RMM does not start, and what to try, as facts.

use serde::{Deserialize, Serialize};

use super::machine::MachineFault;
use super::record::RecordFlaw;
use super::store::StoreFault;
use crate::domain::part::Part;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "paths and addresses; `said` is what the system or a library said")]
pub enum CliFault {
    // What a verb is called with.
    /// Where RMM is, is no address.
    NoAddress {
        url: String,
    },
    /// There is no configuration.
    NoConfiguration {
        file: String,
    },
    /// An argument is missing.
    FileMissing,
    NotUtf8 {
        file: String,
    },
    NotThere {
        file: String,
    },
    /// It is something else.
    NoFolder {
        folder: String,
    },
    NotRead {
        file: String,
        said: String,
    },
    NotWritten {
        file: String,
        said: String,
    },
    /// A file would be replaced.
    ThereAlready {
        file: String,
    },
    /// These files say something else, so none was written.
    OthersThere {
        files: Vec<String>,
    },
    /// `option` gives the name.
    NoGuess {
        option: String,
    },
    /// `rmm init` knows the service, and not its code.
    WhereIsCode {
        service: String,
    },
    /// The value of an option of `rmm init` breaks a rule, in words.
    BadInit {
        why: String,
    },
    /// `rmm docs`; those that there are.
    NoPage {
        wanted: String,
        list: String,
    },
    /// A token would end after all that is known of time.
    TooFar,
    WhoStarts,
    ForNoTerminal,
    KeyOnlyHere,
    NoSuchRun {
        release: i64,
        run: i64,
    },

    // Data folders, copies and exports.
    DatabaseThere {
        file: String,
    },
    InstallationThere {
        folder: String,
    },
    /// The key of the record is in neither place.
    KeyMissing {
        here: String,
        there: String,
    },
    /// The record in a copy does not fit the key in a file.
    OtherKey {
        copy: String,
        key: String,
        flaw: RecordFlaw,
    },
    /// The record of an export does not fit the key beside it.
    ExportBroken {
        flaw: RecordFlaw,
    },
    IsExport {
        file: String,
    },
    /// A copy that `with` has encrypted.
    Encrypted {
        file: String,
        with: String,
    },
    /// A copy that `with` has packed.
    Compressed {
        file: String,
        with: String,
    },
    /// The database, its key or a file beside them.
    Store {
        fault: StoreFault,
    },

    // Hosts.
    /// A host shows no key.
    NoKey {
        host: String,
        why: String,
    },
    NoKeyToTrust {
        host: String,
    },

    // Releases.
    /// A release did not come where it was waited for.
    WaitedFor {
        release: i64,
        seconds: u64,
    },

    // Workflows.
    /// No service is called so; another one probably, and all that there are.
    NoService {
        name: String,
        near: Option<String>,
        known: Vec<String>,
    },
    /// Nothing says where runners reach RMM.
    NoPublicUrl,
    NoCheckout {
        folder: String,
    },

    // Of the program itself.
    /// Standard output takes nothing.
    Output {
        said: String,
    },
    /// There is no client for HTTP.
    NoHttp {
        said: String,
    },
    NoCall {
        url: String,
        said: String,
    },
    AnswerUnread {
        said: String,
    },
    /// It does not find its own file.
    NoProgram {
        said: String,
    },
    NotInBinary {
        file: String,
    },
    /// What `rmm check` shows of a configuration is not TOML.
    NotToml {
        said: String,
    },

    // The start of RMM.
    /// The machine does not allow what the configuration wants.
    Machine {
        fault: Box<MachineFault>,
    },
    NoDataFolder {
        folder: String,
        said: String,
    },
    CannotListen {
        address: String,
        said: String,
    },
    NoSocket {
        file: String,
        said: String,
    },
    /// It cannot hear signals.
    NoSignals {
        said: String,
    },
    /// It has no threads to work on.
    NoRuntime {
        said: String,
    },
    /// A part of RMM ended as none should.
    PartEnded {
        part: Part,
        said: String,
    },
}

/// What to try then, or what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is one sentence of `wording`")]
pub enum CliHint {
    /// `RMM_TOKEN` is not set.
    SetToken,
    /// `RMM_TOKEN` may be wrong.
    CheckToken,
    /// A verb to call then.
    StopFirst {
        then: Option<String>,
    },
    ForceReplacesDatabase,
    ForceReplacesInstallation,
    BringKey,
    ForceRestores,
    ForceTakesExport,
    NewKeyMendsNothing,
    ImportTakesIt,
    /// The command that undoes it.
    OpenFirst {
        command: String,
    },
    /// In the words of a verb.
    Said {
        text: String,
    },
}

impl<T: Into<String>> From<T> for CliHint {
    fn from(text: T) -> Self {
        Self::Said { text: text.into() }
    }
}

/// Why no RMM could be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`name` is how the way to RMM is called, `said` what the system said")]
pub enum Unreached {
    /// The socket belongs to another user.
    SocketOfOther {
        socket: String,
    },
    /// Another process has the database, and nothing answers.
    Locked {
        fault: StoreFault,
        socket: String,
    },
    /// The same, where nothing was to answer.
    InUse {
        fault: StoreFault,
    },
    NotThis {
        name: String,
        said: String,
    },
    NotRmm {
        name: String,
    },
    Late {
        name: String,
        seconds: u64,
    },
    CutOff {
        name: String,
        said: String,
    },
    Elsewhere {
        name: String,
        to: String,
    },
    /// It answers with this status, and not as RMM would.
    Behind {
        name: String,
        status: String,
    },
    /// No process works there, and this one cannot in its stead: that takes one which goes on.
    NotRunning {
        folder: String,
    },
    /// There is no database either.
    NeverRan {
        folder: String,
    },
    /// The data folder holds nothing of RMM's.
    NoRmm {
        folder: String,
    },
    /// The same, where one that runs was looked for, too.
    NeverWas {
        folder: String,
    },
    /// `said`: none where it did not answer in time.
    NoAnswer {
        url: String,
        said: Option<String>,
    },
    WentAway {
        socket: String,
        said: String,
    },
    /// It is about to end.
    Stopping,
    /// It answers that it cannot work; why, in words.
    NotReady {
        url: String,
        why: String,
    },
    /// It does not say how it is.
    Answered {
        url: String,
        said: String,
    },
}

/// What a verb warns of, or says beside its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is one sentence of `wording`")]
pub enum CliNote {
    /// `RMM_TOKEN` without `RMM_URL`.
    TokenUnused,
    /// Others can read the token on its way.
    NotEncrypted,
    /// A move is recorded, and no RMM runs that would act on it.
    RecordedOnly {
        folder: String,
    },
    /// A service of the dashboard is put aside; what is wrong with it stands below.
    PutAside {
        service: String,
    },
    /// A service stands in the file and in the dashboard.
    DefinedTwice {
        service: String,
    },
    /// Beside secrets that could not be looked up.
    ConfigErrors {
        errors: usize,
        warnings: usize,
    },
    /// A configuration does not suit this machine.
    NotForHere {
        file: String,
        errors: usize,
        cannot_work: bool,
    },
    /// A configuration that RMM cannot read under systemd, where it is now.
    HiddenFromUnit {
        file: String,
        folder: String,
    },
    /// The key that was trusted.
    AnotherKey {
        before: String,
    },
    /// What is wrong with the record, where it is known.
    RecordBroken {
        row: String,
        flaw: Option<String>,
    },
    FirstBadRow {
        row: String,
    },
    /// The record as a whole is another one.
    RecordAlarm {
        alarm: String,
        events: i64,
    },
    /// These hosts.
    HostsNotReady {
        hosts: Vec<String>,
    },
    /// These things.
    NotWell {
        what: Vec<String>,
    },
}
