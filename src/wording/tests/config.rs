//! What is wrong with configurations.

use super::*;
use crate::domain::fault::config::{
    ConfigFault, ConfigHint, Expected, FileFault, Later, Named, Needed, OwnFolder, Tenant, Unknown,
};
use crate::domain::plan::Misplacement;

const PLACES: [Misplacement; 12] = [
    Misplacement::DoubleQuotes,
    Misplacement::SingleQuotes,
    Misplacement::Parameter,
    Misplacement::Arithmetic,
    Misplacement::Backquotes,
    Misplacement::Case,
    Misplacement::AnsiQuotes,
    Misplacement::Dollar,
    Misplacement::Backslash,
    Misplacement::ReadAgain,
    Misplacement::Comment,
    Misplacement::HereDocument,
];

fn shop(environment: Env) -> Tenant {
    Tenant { surface: surface(), service: service(), environment }
}

/// What is wrong with the file, its tables and their values.
fn of_values() -> Vec<ConfigFault> {
    use ConfigFault as F;
    let text = str::to_owned;
    let unknown = |what, near: Option<&str>, known: &[&str]| F::Unknown {
        what,
        near: near.map(text),
        known: known.iter().copied().map(text).collect(),
    };
    let mut samples = vec![
        Rule::Identifier.into(),
        F::NoFile,
        F::Unreadable { said: text("Permission denied (os error 13)") },
        F::NotUtf8 { line: 3 },
        F::NoFolder { said: text("No such file or directory") },
        F::NotToml { said: text("invalid string") },
        unknown(Unknown::Key, Some("listen"), &["listen"]),
        unknown(Unknown::Key, None, &["trace", "logs"]),
        unknown(Unknown::Key, None, &[]),
        unknown(Unknown::Override, Some("RMM__SERVER__LISTEN"), &[]),
        unknown(Unknown::Surface, None, &["api", "worker"]),
        unknown(Unknown::Variable(text("tag")), Some("release.tag"), &[]),
        F::Later { what: Later::Groups },
        F::Later { what: Later::Previews },
        F::missing(Needed::HostUser),
        F::FromTo { least: 1, most: 1000 },
        F::MostDays { days: 30 },
        F::NoTime,
        F::LeastTime { least: text("100ms") },
        F::NegativeTime,
        F::NoDuration { text: text("soon") },
        F::NoSize { text: text("much") },
        F::EmptyList,
        F::EmptyKey,
        F::Choice { words: ["ssh", "local", "ci"].map(text).into(), near: Some(text("ssh")) },
        F::Choice { words: ["en", "ru"].map(text).into(), near: None },
        F::Unique { first: text("people[0].name") },
        F::LookAlike { one: text("Api"), other: text("api"), first: text("services[0].name") },
        F::NotAmong { name: text("prod1"), list: text("hosts"), near: Some(text("prod-1")) },
        F::NotAmong { name: text("eve"), list: text("people"), near: None },
        F::BeforeQuery,
        F::NoLoginInAddress,
        F::NotHttps { key: text("api_url") },
        F::NotHttps { key: text("repository") },
        F::NoNul,
        F::DefinitionTooLong { most: 65536 },
        F::NotOfDefinition,
        F::NameStays { service: service() },
        F::OneTable,
        F::ServicesInline,
        F::SecretWritten,
        F::HeaderWritten,
        F::OutOfReach { folder: text("/etc/rmm") },
        F::SecretOfRmm,
        F::ShortSecret { least: 5 },
        F::VariableEmpty { name: text("RMM_TOKEN") },
        F::VariableUnset { name: text("RMM_TOKEN") },
        F::VariableNotText { name: text("RMM_TOKEN") },
        F::NoVariableNamed,
        F::NoFileNamed,
        F::ReadableByAll { path: text("/etc/rmm/key") },
        F::NoCertificates,
        F::NotPem { number: 2 },
        F::DamagedCertificate { number: 2 },
        F::HoldsNoCertificate { only_key: true },
        F::HoldsNoCertificate { only_key: false },
        F::TooManyCertificates { most: 65536 },
    ];
    let expected = [
        Expected::Text,
        Expected::QuotedText,
        Expected::Flag,
        Expected::WholeNumber,
        Expected::Share,
        Expected::Duration,
        Expected::Size,
        Expected::TextOrTexts,
        Expected::Texts,
        Expected::Table,
        Expected::Tables(text("services")),
    ];
    let found = ["integer", "string", "float", "boolean", "datetime", "array", "table"].into_iter().cycle();
    samples
        .extend(expected.into_iter().zip(found).map(|(expected, found)| F::WrongType { expected, found: text(found) }));
    let faults = [
        FileFault::Missing,
        FileFault::Unreadable(text("Permission denied (os error 13)")),
        FileFault::ByLink,
        FileFault::LinkLoop,
        FileFault::NotRegular,
        FileFault::TooLarge(65536),
        FileFault::NotUtf8,
        FileFault::Empty,
        FileFault::NoSmallFile(1_048_576),
        FileFault::NotPem,
    ];
    samples.extend(faults.map(|fault| F::File { path: text("/etc/rmm/key"), fault }));
    samples
}

/// What is wrong with RMM itself, people, hosts, GitHub and Telegram.
fn of_rmm() -> Vec<ConfigFault> {
    use ConfigFault as F;
    let text = str::to_owned;
    vec![
        F::ListenAddress,
        F::ProxyAddress,
        F::EveryProxy,
        F::NetworkMeant { network: text("10.0.0.0/24") },
        F::NoTimeZone { name: text("Moscow"), near: Some(text("Europe/Moscow")), others: true },
        F::NoTimeZone { name: text("Mars"), near: None, others: true },
        F::NoTimeZone { name: text("Mars"), near: None, others: false },
        F::Placeholder { name: text("{trace_id}") },
        F::PlaceholderOf { trace: text("{trace_id}"), from: text("{from}"), to: text("{to}") },
        F::LogsKeep,
        F::OpenWithoutPipe,
        F::SendWithoutFile { placeholder: text("{file}") },
        F::UserName,
        F::HeaderName,
        F::Exporter { given: text("zipkin") },
        F::SampleShare,
        F::Sampler { given: text("jaeger_remote") },
        F::Milliseconds,
        F::Protocol { given: text("grpc") },
        F::NothingAnalysed,
        F::ModelName,
        F::KeyOfModel,
        F::Username,
        F::SharedAccount { number: Some(text("GroupAnonymousBot")) },
        F::SharedAccount { number: None },
        F::NumberSaysMore,
        F::NameOfRecord,
        F::LoginIsName { login: text("bob"), owner: text("ann"), other: text("bob") },
        F::NoAdmin,
        F::GithubLogin,
        F::AnyHost,
        F::LocalNotAmong,
        F::LocalIsRmm,
        F::LikeLocal { name: text("Local") },
        F::NoHostUses { host: text("prod-1") },
        F::NamesUser,
        F::NoBrackets,
        F::HostAddress,
        F::BothLogins,
        F::PassphraseAlone,
        F::PublicKey,
        F::Twice,
        F::TooManyKeys { most: 10 },
        F::JumpEmpty,
        F::JumpToItself,
        F::JumpToLocal,
        F::Circle { way: text("a → b → a") },
        F::LongWay { most: 8, way: text("a → b") },
        F::BesideToken,
        F::NoGithubToken,
        F::NoPrivateKey,
        F::NoRsaKey,
        F::ShortWebhookSecret { least: 16 },
        F::NeedsGithubLogin,
        F::AudienceForAll,
        F::TokenWithoutHttps,
        F::KeysWithoutHttps,
        F::GithubPage { api: text("https://api.github.com") },
        F::OtherGithubApi { api: text("https://git.example.com/api/v3") },
        F::NoAudience,
        F::RuleOnStage,
        F::EnvironmentName,
        F::RuleWithoutCi,
        F::RuleWithoutApp,
        F::RuleWithoutRepository,
        F::RuleTaken { service: service() },
        F::NobodyInTelegram,
        F::NoBotToken,
        F::NoTemplates,
        F::WebhookWithoutUrl,
        F::WebhookSecret { least: 16, most: 256 },
        F::TopicAlone { chat: text("chat") },
        F::SilentChat,
        F::ChatNumber,
        F::AnyFollowed,
    ]
}

/// What is wrong with services, and where they meet.
fn of_services() -> Vec<ConfigFault> {
    use ConfigFault as F;
    let text = str::to_owned;
    let (one, other) = (|| shop(Stage), || shop(Production));
    let (folder, name, command) = (|| text("/srv/shop"), || text("shop"), || text("./deploy.sh"));
    let machine = || Some(text("prod-1"));
    let later = || SurfaceName::parse("surface", "web").unwrap();
    let own = |how| F::FolderOfRmm { of: shop(Stage), folder: folder(), how };
    let unknown = |of| F::NameUnknown { one: one(), other: other(), machine: None, of, from: text("$NAME") };
    let address = |addresses: &[&str], mistaken| F::SameAddress {
        one: one(),
        other: other(),
        machine: machine(),
        addresses: addresses.iter().copied().map(text).collect(),
        mistaken,
    };
    let mut samples = vec![
        F::NoServices,
        F::WasIsThere { name: name() },
        F::WasTwice { name: name() },
        F::WorkflowWithoutGithub,
        F::WorkflowWithoutLogin,
        F::WorkflowWithoutRepository,
        F::RepositoryElsewhere { api: text("https://api.github.com") },
        F::TagsByCall,
        F::AtMostApprovers { count: 2 },
        F::NobodyApproves,
        F::NeverApproved,
        F::NoGithubOf { person: text("ann") },
        F::Viewer { name: text("eve") },
        F::AnySurface,
        F::RepositoryOnHosts,
        F::OnlySsh { driver: Some(text("ci")) },
        F::OnlySsh { driver: None },
        F::ReportsOfCi,
        F::ShortReportTimeout,
        F::WorkflowsOfCi,
        F::WorkflowOnStage,
        F::RollbackAlone,
        F::NoRollbackWorkflow,
        F::SameWorkflow,
        F::RunsOfRmm,
        F::WorkflowFile,
        F::NoHosts,
        F::PathOnHost,
        F::ProjectDiffers { variable: text("COMPOSE_PROJECT_NAME"), other: text("blog") },
        F::KeepsOfCompose,
        F::UpWithoutDown,
        F::DownWithoutUp,
        F::NoHealth,
        F::CheckoutWithoutRepository,
        F::ProjectName { most: 63 },
        F::VariableName,
        F::NoProbe,
        F::ProbeBeside { first: text("url") },
        F::AnswerWithoutUrl,
        F::ViaOfCommand,
        F::HttpsOnHost,
        F::TcpAddress,
        F::NoTemplate { said: Some(text("unexpected end of input")) },
        F::NoTemplate { said: None },
        F::TemplateFails { said: text("filter x is unknown") },
        F::MisplacedForSome { place: Misplacement::Comment },
        F::CheckedOutBefore { earlier: one(), later: later() },
        F::SameComposeFile { earlier: one(), later: later() },
        address(&["http://127.0.0.1:8080/"], true),
        address(&["http://127.0.0.1:8080/", "http://localhost:8080/"], false),
        F::SamePort { one: one(), other: other(), machine: None, port: 8080, shared: false },
        F::SamePort { one: one(), other: other(), machine: machine(), port: 8080, shared: true },
        F::FolderOfSystem { path: text("/etc") },
        F::FolderOfUser { path: text("/root/.ssh") },
        F::FolderOfRuns { path: text("/root/.rmm/x") },
        own(OwnFolder::InData),
        own(OwnFolder::HasData),
        own(OwnFolder::HasConfiguration),
        F::SameFolder { one: one(), other: other(), machine: None, folder: folder() },
        F::InFolderOf { one: one(), of: other(), machine: None, folder: folder() },
        F::OneFolder { one: one(), other: other(), machine: None, folder: folder() },
        F::InsideCheckout { inner: one(), outer: other(), machine: machine() },
        F::FolderNamesProject { one: one(), other: other(), machine: None, name: name() },
        F::SameProject { one: one(), other: other(), machine: None, name: name() },
        F::SameStack { one: one(), other: other(), machine: None, name: name() },
        F::SameContainer { one: one(), other: other(), machine: None, name: name() },
        unknown(Named::Project),
        unknown(Named::Stack),
        unknown(Named::Container),
        F::ProjectByFolder { one: one(), other: other(), machine: None },
        F::UnreadProject { one: one(), other: other(), machine: None, command: command() },
        F::UnreadContainer { one: one(), other: other(), machine: None, command: command() },
    ];
    samples.extend(PLACES.map(|place| F::Misplaced { placeholder: text("{{ release.tag }}"), place }));
    samples
}

fn hints() -> Vec<ConfigHint> {
    use ConfigHint as H;
    let text = str::to_owned;
    let mut samples = vec![
        H::Write { text: text("`driver = \"ci\"`") },
        H::Secret { key: text("password") },
        H::Header { name: text("authorization") },
        H::BeginServices,
        H::TakeOver,
        H::SecretBelow,
        H::Certificates,
        H::OnlyServer,
        H::NoNamesOfProxies,
        H::NoTimeZones,
        H::LoginOfServer,
        H::LoginOfGithub,
        H::LoginOfIssuer,
        H::LoginOfModel,
        H::LoginOfBot,
        H::LoginOfCollector,
        H::LoginOfHealth,
        H::LoginOfRepository,
        H::OtherName,
        H::OtherHost,
        H::OtherPerson,
        H::OwnNumber,
        H::NumberIsBetter,
        H::LocalDriver,
        H::LocalThere,
        H::UserIsKey,
        H::PrivateKey,
        H::HostKey,
        H::Jump,
        H::OneLogin,
        H::GithubToken,
        H::GithubKey,
        H::RandomSecret,
        H::IdTokens,
        H::GithubTable,
        H::AddressOnHost,
        H::AppKeys,
        H::OwnEnvironments,
        H::BotToken,
        H::Polling,
        H::DriverSsh,
        H::RunTimeout,
        H::DriverCi,
        H::PushedTag,
        H::Workflow,
        H::ReportTimeout,
        H::WorkflowFile,
        H::HostsOfSurface,
        H::FolderOfFile,
        H::OneProject,
        H::MigrateDown,
        H::MigrateUp,
        H::RepositoryOrNone,
        H::ViaRmm,
        H::OwnFolder,
        H::OwnValue { key: text("directory"), of: shop(Production) },
        H::NameByEnvironment,
        H::NameOfOthers,
        H::PreserveProject { variable: text("COMPOSE_PROJECT_NAME") },
    ];
    samples.extend(PLACES.map(|place| H::Template { place }));
    samples
}

fn needed() -> Vec<Needed> {
    vec![
        Needed::NameOfService,
        Needed::NameOfSurface,
        Needed::NameOfHost,
        Needed::NameOfPerson,
        Needed::HostAddress,
        Needed::HostUser,
        Needed::HostLogin,
        Needed::LocalUser,
        Needed::BackupFolder,
        Needed::AiUrl,
        Needed::AiModel,
        Needed::GithubToken,
        Needed::GithubKey,
        Needed::GithubApp,
        Needed::BotToken,
        Needed::ChatNumber,
        Needed::RepositoryNumber,
        Needed::RepositoryOfTags,
        Needed::Approvals,
        Needed::Surfaces,
        Needed::Environment { key: "stage".into() },
        Needed::Driver,
        Needed::Deploy,
        Needed::DirectoryOfCompose,
        Needed::DirectoryOfCheckout,
    ]
}

#[test]
fn every_fault_of_a_configuration_has_words_in_every_language() {
    let source = include_str!("../../domain/fault/config.rs");
    let samples = [of_values(), of_rmm(), of_services()].concat();
    insta::assert_snapshot!(catalogue(source, "ConfigFault", &samples, |language, fault| language.config_fault(fault)));
}

#[test]
fn every_hint_has_words_in_every_language() {
    let source = include_str!("../../domain/fault/config/hint.rs");
    insta::assert_snapshot!(catalogue(source, "ConfigHint", &hints(), |language, hint| language.config_hint(hint)));
}

#[test]
fn whatever_is_missing_is_told_for_what_in_every_language() {
    let source = include_str!("../../domain/fault/config/needed.rs");
    let told = |language: Language, why: &Needed| language.config_fault(&ConfigFault::missing(why.clone()));
    insta::assert_snapshot!(catalogue(source, "Needed", &needed(), told));
}
