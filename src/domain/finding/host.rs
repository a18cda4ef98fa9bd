//! What there is to say of a host.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::env::Env;
use crate::domain::fault::repository::GitAdvice;
use crate::domain::host::{Fingerprint, HostKey};
use crate::domain::ids::{HostName, ServiceName, SurfaceName};
use crate::domain::reason::Reason;

/// What there is to say of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "`said` is what a program said, `user` whom RMM logs in as, `own_folder` that the surface needs one of its own"
)]
pub enum HostFact {
    // The way there, and on.
    OwnMachine,
    SshAnswers {
        address: String,
    },
    ShowsNoKey {
        address: String,
        limit: Duration,
    },
    Through {
        host: HostName,
        user: String,
        address: String,
    },
    /// Of a host on the way.
    OfJumpHost {
        host: HostName,
        found: Box<HostFact>,
    },
    LeadsOn {
        host: HostName,
        address: String,
    },
    /// The next host is reached through this one, which does not allow it.
    LeadsOnNever {
        host: HostName,
        cause: Reason,
    },
    /// The next host is not reached from here.
    LeadsOnNotNow {
        host: HostName,
        cause: Reason,
    },
    LoginOnly {
        user: String,
        address: String,
    },

    // Its key.
    PinnedKey {
        key: HostKey,
    },
    TrustedKey {
        key: HostKey,
    },
    OtherKey {
        trusted: Vec<Fingerprint>,
        offered: HostKey,
    },
    /// `compare` prints it on the host itself.
    NewKey {
        key: HostKey,
        compare: String,
    },

    // Its shell.
    RunsAs {
        user: String,
    },
    ShellFit,
    ShellLacks {
        programs: Vec<String>,
    },
    /// The script began, and did not come to its end.
    ShellBroke {
        status: i32,
        said: Option<String>,
    },
    /// The script did not begin.
    ShellRefuses {
        status: i32,
        said: Option<String>,
    },
    AnswersLate {
        limit: Duration,
    },

    // What is installed.
    Installed {
        version: String,
    },
    GitMissing,
    RepositoryAnswers {
        url: String,
    },
    RepositoryUntrusted {
        url: String,
        folder: String,
        user: String,
    },
    RepositorySilent {
        url: String,
        said: String,
        advice: Option<GitAdvice>,
    },
    /// RMM itself asks for tags and commits.
    OwnRepositoryAnswers {
        url: String,
        by_api: bool,
    },
    DockerAnswers {
        user: String,
        version: String,
    },
    DockerSilent {
        user: String,
        said: String,
    },
    DockerMissing,
    ComposeMissing,
    ComposeFails {
        said: String,
    },

    // Disks and clock. Sizes are bytes.
    Free {
        free: u64,
        total: u64,
        paths: Vec<String>,
    },
    FreeUnknown {
        paths: Vec<String>,
    },
    ClockAgrees,
    /// Behind where negative.
    ClockOff {
        seconds: i64,
    },
    ClockUnknown,

    // Folders.
    RunFilesFit {
        folder: String,
    },
    RunFilesUnfit {
        folder: String,
        said: String,
    },
    FolderWritable {
        path: String,
    },
    /// Nothing is checked out in it.
    FolderThere {
        path: String,
    },
    FolderAbsent {
        path: String,
        user: String,
    },
    FolderToBeMade {
        path: String,
    },
    /// `trust` lets the user's git work there all the same.
    FolderOfOther {
        path: String,
        user: String,
        own_folder: bool,
        trust: String,
    },
    FolderReadOnly {
        path: String,
        user: String,
        own_folder: bool,
    },
    LinkToNowhere {
        path: String,
    },
    NoFolder {
        path: String,
    },
    FolderNotToBeMade {
        path: String,
        user: String,
        near: String,
        own_folder: bool,
    },
    LinkToSystem {
        path: String,
        real: String,
    },
    SameFolder {
        path: String,
        other: String,
        real: String,
    },

    // What a run looks at first.
    PlaceFit {
        place: Place,
    },
    /// In the words of RMM's functions on the host.
    PlaceSays {
        place: Place,
        said: String,
    },

    // What health checks ask.
    Askable {
        address: String,
        from: AskedFrom,
    },
    AskableSilent {
        address: String,
        from: AskedFrom,
    },
    /// `instead`: tried in place of an address that is not known before a release.
    AskedForbidden {
        address: String,
        from: AskedFrom,
        cause: Reason,
        instead: bool,
    },
    AskedNowhere {
        address: String,
        from: AskedFrom,
        cause: Reason,
    },
    Unwell {
        cause: Reason,
    },
}

/// From where a health check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedFrom {
    /// Through the host.
    Host,
    /// From RMM's own machine.
    Rmm,
}

/// Where a surface is on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The surface.
    pub surface: SurfaceName,
    /// Its service.
    pub service: ServiceName,
    /// The environment.
    pub environment: Env,
    /// The folder, where it has one.
    pub folder: Option<String>,
}
