//! What is found where RMM looks at something that it needs.

use super::*;
use crate::domain::backup::{BackupAlarm, BackupFault};
use crate::domain::fault::machine::MachineFault;
use crate::domain::fault::model::ModelFault;
use crate::domain::fault::store::StoreFault;
use crate::domain::fault::{AnswerFault, TlsFault};
use crate::domain::finding::github::{RepositoryName, WorkflowMistake};
use crate::domain::finding::host::{AskedFrom, Place};
use crate::domain::finding::{
    About, AddressFact, Found, HostFact, LoginFact, MachineFact, Misconfigured, ModelFact, Remedy, RepositoryFact,
    RunningFact, TelegramFact, Topic,
};
use crate::domain::host::Fingerprint;
use crate::domain::identity::WorkflowRef;
use crate::domain::mark::MarkKind;
use crate::domain::repository::RepoName;

fn key(letter: &str) -> HostKey {
    let fingerprint = Fingerprint::parse(format!("SHA256:{}", letter.repeat(43))).unwrap();
    HostKey { algorithm: "ssh-ed25519".into(), fingerprint }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn place(folder: Option<&str>) -> Place {
    Place { surface: surface(), service: service(), environment: Stage, folder: folder.map(str::to_owned) }
}

fn refused() -> Reason {
    Reason::ConnectionLost { said: "broken pipe".into() }
}

fn of_the_way() -> Vec<HostFact> {
    use HostFact as F;
    let (address, user, limit) = (|| text("192.0.2.7:22"), || text("deploy"), Duration::from_secs(30));
    let compare = || text("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    let new = || F::NewKey { key: key("a"), compare: compare() };
    vec![
        F::OwnMachine,
        F::SshAnswers { address: address() },
        F::ShowsNoKey { address: address(), limit },
        F::Through { host: host("bastion"), user: user(), address: address() },
        F::OfJumpHost { host: host("bastion"), found: Box::new(new()) },
        F::LeadsOn { host: host("prod-1"), address: address() },
        F::LeadsOnNever { host: host("prod-1"), cause: refused() },
        F::LeadsOnNotNow { host: host("prod-1"), cause: refused() },
        F::LoginOnly { user: user(), address: address() },
        F::PinnedKey { key: key("a") },
        F::TrustedKey { key: key("a") },
        F::OtherKey { trusted: vec![key("b").fingerprint, key("c").fingerprint], offered: key("a") },
        new(),
        F::RunsAs { user: user() },
        F::ShellFit,
        F::ShellLacks { programs: vec![text("setsid"), text("mkfifo")] },
        F::ShellBroke { status: 137, said: None },
        F::ShellBroke { status: 1, said: Some(text("Killed")) },
        F::ShellRefuses { status: 1, said: Some(text("This account is closed.")) },
        F::AnswersLate { limit },
    ]
}

fn of_programs() -> Vec<HostFact> {
    use HostFact as F;
    let (url, user, said) = (|| text("https://git.example.com/shop.git"), || text("deploy"), || text("fatal: no"));
    vec![
        F::Installed { version: text("git version 2.40") },
        F::GitMissing,
        F::RepositoryAnswers { url: url() },
        F::RepositoryUntrusted { url: url(), folder: text("/srv/shop.git"), user: user() },
        F::RepositorySilent { url: url(), said: said(), advice: Some(GitAdvice::KnownHosts) },
        F::RepositorySilent { url: url(), said: said(), advice: None },
        F::OwnRepositoryAnswers { url: url(), by_api: true },
        F::OwnRepositoryAnswers { url: url(), by_api: false },
        F::DockerAnswers { user: user(), version: text("28.1") },
        F::DockerSilent { user: user(), said: said() },
        F::DockerMissing,
        F::ComposeMissing,
        F::ComposeFails { said: said() },
        F::Free { free: 412 << 20, total: 40 << 30, paths: vec![text("/srv"), text("/home")] },
        F::FreeUnknown { paths: vec![text("/srv")] },
        F::ClockAgrees,
        F::ClockOff { seconds: 40 },
        F::ClockOff { seconds: -40 },
        F::ClockUnknown,
    ]
}

fn of_folders() -> Vec<HostFact> {
    use HostFact as F;
    let (path, user, real) = (|| text("/srv/shop"), || text("deploy"), || text("/etc/shop"));
    let address = || text("app.internal:8080");
    vec![
        F::RunFilesFit { folder: path() },
        F::RunFilesUnfit { folder: path(), said: text("mkfifo: not supported") },
        F::FolderWritable { path: path() },
        F::FolderThere { path: path() },
        F::FolderAbsent { path: path(), user: user() },
        F::FolderToBeMade { path: path() },
        F::FolderOfOther { path: path(), user: user(), own_folder: false, trust: text("git config …") },
        F::FolderReadOnly { path: path(), user: user(), own_folder: true },
        F::LinkToNowhere { path: path() },
        F::NoFolder { path: path() },
        F::FolderNotToBeMade { path: path(), user: user(), near: text("/srv"), own_folder: false },
        F::LinkToSystem { path: path(), real: real() },
        F::SameFolder { path: path(), other: text("/srv/live"), real: real() },
        F::PlaceFit { place: place(Some("/srv/shop")) },
        F::PlaceSays { place: place(None), said: text("/srv is full") },
        F::Askable { address: address(), from: AskedFrom::Host },
        F::AskableSilent { address: address(), from: AskedFrom::Rmm },
        F::AskedForbidden { address: address(), from: AskedFrom::Host, cause: refused(), instead: true },
        F::AskedNowhere { address: address(), from: AskedFrom::Host, cause: refused() },
        F::Unwell { cause: refused() },
    ]
}

fn of_the_machine() -> Vec<MachineFact> {
    use MachineFact as F;
    let problem = Misconfigured {
        file: text("rmm.toml"),
        service: None,
        position: Some((3, 1)),
        key: text("server.listen"),
        fault: ConfigFault::EmptyKey,
        // How they stand below, the tests of `config` show.
        hint: None,
        excerpt: None,
    };
    let of_service = Misconfigured { service: Some(service()), ..problem.clone() };
    vec![
        F::Fault { fault: Box::new(MachineFault::NoProgram { program: text("git") }) },
        F::Store { fault: Box::new(StoreFault::Refused { said: text("the disk is odd") }) },
        F::ConfigurationRight { file: "/etc/rmm/rmm.toml".into() },
        F::Misconfigured { problem: Box::new(problem) },
        F::Misconfigured { problem: Box::new(of_service) },
        F::NoSecret { key: text("github.token"), fault: ConfigFault::VariableUnset { name: text("TOKEN") } },
        F::NoDatabase,
        F::NewerDatabase { found: 31, supported: 30 },
        F::OlderDatabase { bytes: 5 << 20, found: 29, supported: 30 },
        F::Database { bytes: 5 << 20, supported: 30 },
        F::FreeAt { bytes: 5 << 30, folder: "/var/lib/rmm".into() },
        F::ClockKept { by: text("/run/chrony/chronyd.pid") },
        F::ClockNotKept,
        F::OpenFiles { files: 1024, connections: 512 },
    ]
}

fn of_the_bot() -> Vec<TelegramFact> {
    use TelegramFact as F;
    let said = || text("Not Found");
    vec![
        F::NoToken,
        F::UnknownToken,
        F::Bot { username: text("acme_rmm_bot") },
        F::TelegramPause { seconds: 30 },
        F::TelegramSilent { said: said() },
        F::TelegramRefuses { said: said() },
        F::TokenUsedElsewhere { said: said() },
        F::TelegramSays { said: text("it says so") },
        F::HookFails { said: said() },
        F::UpdatesCome { url: text("https://rmm.example.com/hooks/telegram"), waiting: 3 },
        F::HookElsewhere,
        F::UpdatesAsked,
        F::HookTakes { url: text("https://old.example.com") },
        F::NoChat,
    ]
}

fn of_the_running() -> Vec<RunningFact> {
    use RunningFact as F;
    let file = || text("/var/backups/rmm-1.db");
    vec![
        F::Ready,
        F::RunningSays { said: text("it says so") },
        F::NotRunning,
        F::Version { version: text("0.1.0") },
        F::OtherVersion { runs: text("0.1.0"), own: text("0.2.0") },
        F::RecordChanged,
        F::ChatRefuses,
        F::BackupAlarm { alarm: BackupAlarm::TooOld { made: Timestamp::UNIX_EPOCH } },
        F::NoSchedule,
        F::NewestBackup { file: file(), bytes: 5 << 20 },
        F::NoBackup,
        F::Restored { file: file() },
        F::NotSound { file: file(), fault: BackupFault::Behind { expected: 9, found: 7 } },
        F::NotSoundSays { file: file(), said: text("it says so") },
        F::NeverRestored,
        F::HostNeverChecked,
    ]
}

fn of_the_login() -> Vec<LoginFact> {
    use LoginFact as F;
    let (name, permission) = (|| text("acme-bot"), || text("Contents: read"));
    let marks = || vec![MarkKind::Deployment, MarkKind::Comment];
    vec![
        F::NoLogin,
        F::ClockBesideGithub { seconds: -120, too_far: true },
        F::ClockBesideGithub { seconds: 40, too_far: false },
        F::ClockWithGithub,
        F::App { name: text("RMM of Acme") },
        F::Token { name: name(), classic: true, until: None },
        F::Token { name: name(), classic: false, until: Some(text("2026-12-01 00:00:00 UTC")) },
        F::AppSuspended,
        F::AppFit { starts: true },
        F::AppFit { starts: false },
        F::AppLacks { permissions: vec![text("Actions: read"), permission()] },
        F::MarksFit { marks: marks() },
        F::MarksLack { app: true, marks: marks() },
        F::MarksLack { app: false, marks: marks() },
        F::WideScope,
        F::PublicScope,
        F::ScopesLack { given: Vec::new(), needed: text("repo") },
        F::OnlyReads { name: name(), repository: text("acme/shop") },
        F::Granted { permission: permission() },
        F::TokenLacks { permission: permission(), said: Some(text("Not accessible")) },
    ]
}

fn of_the_repository() -> Vec<RepositoryFact> {
    use RepositoryFact as F;
    let named = || RepoName::parse("acme/shop").unwrap();
    let repository = || RepositoryName { name: text("acme/shop"), number: 74, branch: text("main") };
    let workflow =
        || WorkflowRef::parse("workflow", "acme/shop/.github/workflows/deploy.yaml@refs/heads/main").unwrap();
    let (file, branch, path) = (|| text("deploy.yaml"), || text("main"), || text(".github/workflows/deploy.yaml"));
    let (inputs, here) = (|| vec![text("run_id")], || text("https://rmm.example.com/hooks/github"));
    let mistaken = |mistake| F::WorkflowMistaken { file: file(), mistake };
    let missed =
        |status, said: &str| F::NotDelivered { event: text("push"), status, said: text(said), well: 3, all: 5 };
    vec![
        F::Renamed { repository: named(), now: Some(text("acme/store")) },
        F::Renamed { repository: named(), now: None },
        F::Repository { repository: repository() },
        F::Archived { repository: repository() },
        F::OtherTrusted { repository: repository(), trusted: 75 },
        F::TrustedIn { workflow: workflow(), repository: named() },
        F::TrustedUnseen { workflow: workflow(), repository: named() },
        F::TrustedAt { workflow: workflow(), path: path(), git_ref: branch() },
        F::TrustedAbsent { workflow: workflow(), path: path(), git_ref: branch() },
        F::StartedUntrusted { file: file(), branch: branch() },
        F::TagWorkflow { file: file(), branch: branch() },
        F::NoTagWorkflow { path: path(), branch: branch() },
        F::WorkflowAbsent { path: path(), branch: branch() },
        F::WorkflowFit { file: file(), branch: branch() },
        mistaken(WorkflowMistake::NoDispatch),
        mistaken(WorkflowMistake::Undeclared { inputs: inputs() }),
        mistaken(WorkflowMistake::Requires { inputs: inputs() }),
        mistaken(WorkflowMistake::NoText { inputs: inputs() }),
        mistaken(WorkflowMistake::NoRunId),
        F::NoYaml { file: file(), said: text("line 1") },
        F::NoHookCanCome,
        F::NoHookTaken,
        F::HooksUnseen,
        F::NoHookWanted,
        F::HookToOther { url: text("https://old.example.com/hooks/github") },
        F::NoHook,
        F::HookOff { here: here() },
        F::HookUnwanted { here: here() },
        F::HookWithoutSecret { here: here() },
        F::HookSendsForms { here: here() },
        F::HookLacks { here: here(), events: vec![text("workflow_run")] },
        F::HookFit { here: here() },
        F::NoDeliveries,
        F::Delivered { well: 4, all: 5 },
        missed(0, "timed out"),
        missed(502, "Invalid HTTP Response"),
    ]
}

fn of_rmms_address() -> Vec<AddressFact> {
    use AddressFact as F;
    vec![
        F::NoPublicUrl { webhooks: false },
        F::NoPublicUrl { webhooks: true },
        F::LeadsHere,
        F::CertificateHolds,
        F::CertificateEnds,
        F::CertificateWrong {
            host: text("rmm.example.com"),
            fault: AnswerFault::Tls { fault: TlsFault::NoCertificate },
        },
        F::CertificateSays { said: text("Connection refused (os error 111)") },
        F::NoAnswer { host: text("rmm.example.com"), seconds: 10 },
    ]
}

fn of_the_model() -> Vec<ModelFact> {
    let model = || text("small");
    let silent = |fault| ModelFact::ModelSilent { model: model(), fault };
    vec![
        ModelFact::NoKey,
        ModelFact::ModelAnswers { model: model() },
        silent(ModelFault::Status { status: 307 }),
        silent(ModelFault::BadAddress { said: text("invalid port number") }),
        silent(ModelFault::NotAsked { said: text("Connection refused (os error 111)") }),
        silent(ModelFault::Late),
        silent(ModelFault::TooLong { most: 256 }),
        silent(ModelFault::Foreign),
        silent(ModelFault::Empty),
    ]
}

fn remedies() -> Vec<Remedy> {
    use Remedy as R;
    vec![
        R::Command { command: text("rmm check") },
        R::RunAsService,
        R::RunAsRmm,
        R::NewerBinary,
        R::MakeRoom { folder: "/var/lib/rmm".into() },
        R::MoreOpenFiles,
        R::NamePublicUrl,
        R::LeadProxy,
        R::LookAtRenewal,
        R::TrustedCertificate,
        R::LookAtModel,
        R::AskBotFather,
        R::ReachTelegram,
        R::ReachPublicUrl,
        R::NextStart,
        R::OtherProgram,
        R::NameChat,
        R::LookAtLog,
        R::Start,
        R::VerifyRecord,
        R::WhichChat,
        R::ScheduleBackups,
        R::WaitForLimit,
        R::ReachGithub,
        R::WaitForGithub,
        R::SetClock,
        R::RenewToken,
        R::Unsuspend,
        R::PermitApp,
        R::PermitMarks { marks: vec![MarkKind::Deployment, MarkKind::Status] },
        R::NarrowToken,
        R::EditToken,
        R::GiveWrite,
        R::EditPermissions,
        R::Unarchive,
        R::NameWorkflow,
        R::WriteTrusted,
        R::AddTrusted { workflow: text("acme/shop/.github/workflows/deploy.yaml@refs/heads/main") },
        R::WriteWorkflow,
        R::PushWorkflow { branch: text("main") },
        R::MendYaml,
        R::TakeDispatch,
        R::DeclareInputs,
        R::RequireNothing,
        R::TextInputs,
        R::SeeHooks,
        R::MakeHook { here: text("https://rmm.example.com/hooks/github") },
        R::SwitchHookOn,
        R::TakeHookSecret,
        R::WriteHookSecret,
        R::SendJson,
        R::SelectEvents,
        R::SameSecret,
        R::JsonContent,
        R::ReachHook,
        R::LargeBodies,
        R::LastAddress,
        R::LookAtProxy,
        R::ReachFromGithub,
    ]
}

/// All samples of facts that the doctor finds.
fn told<T: Clone + Serialize + Into<Found>>(source: &str, name: &str, samples: &[T]) -> String {
    catalogue(source, name, samples, |language, fact| language.found(&fact.clone().into()))
}

#[test]
fn everything_that_the_doctor_finds_has_words_in_every_language() {
    let outside = include_str!("../../domain/finding/outside.rs");
    let github = include_str!("../../domain/finding/github.rs");
    insta::assert_snapshot!(
        [
            told(include_str!("../../domain/finding/machine.rs"), "MachineFact", &of_the_machine()),
            told(outside, "AddressFact", &of_rmms_address()),
            told(outside, "TelegramFact", &of_the_bot()),
            told(outside, "ModelFact", &of_the_model()),
            told(outside, "RunningFact", &of_the_running()),
            told(github, "LoginFact", &of_the_login()),
            told(github, "RepositoryFact", &of_the_repository()),
        ]
        .join("\n")
    );
}

#[test]
fn everything_that_is_to_be_done_has_words_in_every_language() {
    let source = include_str!("../../domain/finding/remedy.rs");
    let told = |language: Language, remedy: &Remedy| language.finding_remedy(remedy);
    insta::assert_snapshot!(catalogue(source, "Remedy", &remedies(), told));
}

#[test]
fn everything_that_is_found_on_a_host_has_words_in_every_language() {
    let source = include_str!("../../domain/finding/host.rs");
    let samples = [of_the_way(), of_programs(), of_folders()].concat();
    let told = |language: Language, fact: &HostFact| language.found(&Found::Host(fact.clone()));
    insta::assert_snapshot!(catalogue(source, "HostFact", &samples, told));
}

#[test]
fn everything_that_is_looked_at_has_a_name_in_every_language() {
    let mut names = String::new();
    for topic in Topic::ALL {
        assert_eq!(Topic::named(topic.as_str()), *topic, "no two have one name");
        writeln!(names, "{} = {}", Language::En.topic(topic), Language::Ru.topic(topic)).unwrap();
    }
    let abouts = [
        About::Machine,
        About::PublicAddress,
        About::Running,
        About::Backups,
        About::Hosts,
        About::Host(text("prod-1")),
        About::GitHub(text("https://api.github.com")),
        About::Telegram(text("https://api.telegram.org")),
        About::Analysis(text("https://ai.example.com")),
        About::Named(text("shop")),
    ];
    for about in abouts {
        writeln!(names, "{} = {}", Language::En.about(&about), Language::Ru.about(&about)).unwrap();
    }
    insta::assert_snapshot!(names);
}

#[test]
fn facts_about_hosts_are_read_back_as_what_they_are() {
    let reasons = codes(include_str!("../../domain/reason.rs"), "Reason");
    let facts = codes(include_str!("../../domain/finding/host.rs"), "HostFact");
    assert_eq!(facts.intersection(&reasons).count(), 0, "a code means one thing");
    let found = [of_the_way(), of_programs(), of_folders()].concat().into_iter().map(Found::from);
    for found in found.chain([refused().into()]) {
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Found>(&text).unwrap(), found, "{text}");
    }
}
