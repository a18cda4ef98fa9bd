//! What is wrong with a configuration, or questionable about it.

mod hint;
mod needed;

pub(in crate::wording) use hint::config_hint;

use super::{list, rule};
use crate::domain::fault::config::{ConfigFault, FileFault, Later, Named, OwnFolder, Tenant, Unknown};
use crate::domain::plan::Misplacement;
use needed::{expected, needed};

/// What is wrong, behind the name of the key: begins small and has no full stop.
pub(in crate::wording) fn config_fault(fault: &ConfigFault) -> String {
    use ConfigFault as F;
    match fault {
        F::Rule { rule: broken } => rule(broken),

        F::NoFile => "does not exist; `rmm init` writes one".into(),
        F::Unreadable { said } => format!("cannot be read: {said}"),
        F::NotUtf8 { line } => format!("is not UTF-8 text (line {line})"),
        F::NoFolder { said } => format!("has no folder: {said}"),
        F::NotToml { said } => format!("not TOML: {said}"),

        F::Unknown { what, near, known } => {
            let what = match what {
                Unknown::Key => "unknown key".to_owned(),
                Unknown::Override => "unknown override".to_owned(),
                Unknown::Surface => "unknown surface".to_owned(),
                Unknown::Variable(name) => format!("unknown variable `{name}`"),
            };
            match near {
                Some(near) => format!("{what}; did you mean `{near}`?"),
                None if known.is_empty() => format!("{what}; nothing is allowed here"),
                None => format!("{what}; allowed here: {}", quoted(known)),
            }
        }
        F::Later { what } => {
            let what = match what {
                Later::Groups => "sign-offs by groups of people",
                Later::Previews => "an environment of its own for every candidate",
            };
            format!("this version does not have it yet: {what}")
        }
        F::Missing { why } => format!("is missing: {}", needed(why)),
        F::WrongType { expected: wanted, found } => {
            let article = if matches!(found.as_str(), "integer" | "array") { "an" } else { "a" };
            format!("expected {}, found {article} {found}", expected(wanted))
        }
        F::FromTo { least, most } => format!("must be from {least} to {most}"),
        F::MostDays { days } => format!("must be at most {days} days ({}h)", 24 * days),
        F::NoTime => "must be longer than nothing".into(),
        F::LeastTime { least } => format!("must be at least {least}: nothing is done in less"),
        F::NegativeTime => "must not be negative".into(),
        F::NoDuration { text } => {
            format!(r#"`{text}` is not a duration; write it as "15s", "2m", "1h 30m" or "500ms""#)
        }
        F::NoSize { text } => format!(r#"`{text}` is not a size; write it as "500 MB", "2 GB", or "0" for any"#),
        F::EmptyList => "must not be an empty list; leave the key out instead".into(),
        F::EmptyKey => "must not be empty; leave the key out instead".into(),
        F::Choice { words, near } => format!("must be {}{}", or(words), meant(near.as_deref())),
        F::Unique { first } => format!("must be unique; {first} has the same value"),
        F::LookAlike { one, other, first } => format!(
            "{one:?} and {other:?} ({first}) look the same to people, who are told apart by more than upper and lower case"
        ),
        F::NotAmong { name, list, near } => format!("`{name}` is not among [[{list}]]{}", meant(near.as_deref())),
        F::BeforeQuery => "must end before any `?` or `#`".into(),
        F::NoLoginInAddress => "must not carry a user or a password: plans and logs show it".into(),
        F::NotHttps { key } => {
            let article = if key.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
            format!("belongs to {article} `{key}` with https://: only there is a certificate to look at")
        }
        F::NoNul => "must not contain the character U+0000".into(),

        F::DefinitionTooLong { most } => format!("must not be longer than {most} bytes"),
        F::NotOfDefinition => {
            "does not belong here: in the dashboard, one `[[services]]` table defines the service".into()
        }
        F::NameStays { service } => format!("must be {service}: a service keeps its name here"),
        F::OneTable => "must be exactly one `[[services]]` table".into(),
        F::ServicesInline => {
            "is written as `services = […]`, so that no service of the dashboard can stand beside it".into()
        }

        F::SecretWritten => "must say where the secret is, instead of holding it".into(),
        F::HeaderWritten => "must say where the value is, instead of holding it".into(),
        F::OutOfReach { folder } => format!(
            "is out of reach: a service of the dashboard may refer to files below {folder} alone, and not to those of RMM's \
             data directory"
        ),
        F::SecretOfRmm => "is a secret that RMM itself uses; a service of the dashboard cannot have it".into(),
        F::ShortSecret { least } => {
            format!("the secret is shorter than {least} characters: it cannot be hidden well in outputs")
        }
        F::VariableEmpty { name } => format!("the environment variable `{name}` is empty"),
        F::VariableUnset { name } => format!("the environment variable `{name}` is not set"),
        F::VariableNotText { name } => format!("the environment variable `{name}` is set, but it is not UTF-8 text"),
        F::NoVariableNamed => "`env:` must be followed by the name of an environment variable".into(),
        F::NoFileNamed => "`file:` must be followed by the path of a file".into(),
        F::ReadableByAll { path } => {
            format!("the file {path} can be read by every user of this machine; `chmod 600` it")
        }
        F::File { path, fault } => format!("the file {path} {}", file(fault)),
        F::NoCertificates => "must be `file:PATH`: a file with certificates in PEM format".into(),
        F::NotPem { number } => format!("certificate {number} is not in PEM format"),
        F::DamagedCertificate { number } => {
            format!("certificate {number} is damaged, or of a kind that is not used for TLS any more")
        }
        F::HoldsNoCertificate { only_key: true } => "holds no certificate, only a private key".into(),
        F::HoldsNoCertificate { only_key: false } => "holds no certificate".into(),
        F::TooManyCertificates { most } => {
            format!("holds more than {most} bytes; name only the authorities that the repository needs")
        }

        F::ListenAddress => r#"must be an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080""#.into(),
        F::ProxyAddress => {
            r#"must be the IP address of a proxy, such as "127.0.0.1" or "::1", or a network of them, such as "10.0.0.0/24""#
                .into()
        }
        F::EveryProxy => "would let all callers say whose requests theirs are; name only the proxies".into(),
        F::NetworkMeant { network } => format!(r#"means the network "{network}"; write it so, or the address alone"#),
        F::NoTimeZone { name, near, others } => {
            let sentence = format!("there is no time zone `{name}` on this machine");
            match near {
                Some(_) => sentence + &meant(near.as_deref()),
                None if *others => sentence + r#"; write it as "Europe/Moscow" or "UTC""#,
                None => sentence,
            }
        }
        F::Placeholder { name } => format!("must have {name} in it"),
        F::PlaceholderOf { trace, from, to } => format!("must have {trace}, or {from} and {to}, in it"),
        F::LogsKeep => r#"must be "forever" or at least one day, such as "180d" or "12 weeks""#.into(),
        F::OpenWithoutPipe => "leads back from what `pipe` makes, and there is no `pipe`".into(),
        F::SendWithoutFile { placeholder } => format!("must have {placeholder} in it: the file that is to be sent"),
        F::UserName => "must be the name of a user: letters, digits, '-', '_' and '.'".into(),
        F::HeaderName => "must have the name of a header: letters, digits, '-' and '_'".into(),
        F::Exporter { given } => format!("RMM exports by \"otlp\" or \"none\", and not by \"{given}\""),
        F::SampleShare => "must be a number from 0 to 1; all traces are kept".into(),
        F::Sampler { given } => format!("RMM has no sampler \"{given}\""),
        F::Milliseconds => "must be a number of milliseconds; 10 s is taken".into(),
        F::Protocol { given } => format!(
            "RMM speaks \"http/protobuf\" and no \"{given}\"; the collector's address for it mostly ends in :4318"
        ),
        F::NothingAnalysed => "nothing is analysed: alerts need `alerts_chat` in [telegram]".into(),
        F::ModelName => "must be the name of a model".into(),
        F::KeyOfModel => "does not hold a key: it has blanks or other characters that no header takes".into(),

        F::Username => "must be a username of Telegram: 4 to 32 letters, digits and '_'".into(),
        F::SharedAccount { number: Some(shared) } => {
            format!("is no person's number: it is {shared}, which Telegram shows in place of many people")
        }
        F::SharedAccount { number: None } => {
            "is no person: Telegram shows this account in place of many people".into()
        }
        F::NumberSaysMore => "stands beside `telegram_id`, which says more; leave this out".into(),
        F::NameOfRecord => {
            "is what the record calls this machine's operator and RMM itself; call the person otherwise".into()
        }
        F::LoginIsName { login, owner, other } => format!(
            "the GitHub login {login} of {owner} is also the name of {other}: a release that CI says it has begun would be \
             either's"
        ),
        F::NoAdmin => "no person is an admin: only the operator on this machine can roll back, abort or unlock".into(),
        F::GithubLogin => "must be a login of GitHub: letters, digits and '-', without '@'".into(),

        F::AnyHost => "must name at least one host".into(),
        F::LocalNotAmong => "`local` is not among [[hosts]]".into(),
        F::LocalIsRmm => "`local` is the machine that RMM itself runs on".into(),
        F::LikeLocal { name } => {
            format!("{name:?} and `local`, the machine that RMM itself runs on, look the same to people")
        }
        F::NoHostUses { host } => format!("no service runs on `{host}`"),
        F::NamesUser => "must not name a user".into(),
        F::NoBrackets => "must have brackets around an IPv6 address".into(),
        F::HostAddress => {
            r#"must be a name or an IP address, and perhaps a port: "host", "host:22" or "[2001:db8::1]:22""#.into()
        }
        F::BothLogins => "stands beside `key`; RMM logs in by one of them".into(),
        F::PassphraseAlone => "opens a `key`, and there is none".into(),
        F::PublicKey => "is a public key: it cannot be used to log in".into(),
        F::Twice => "is there twice".into(),
        F::TooManyKeys { most } => format!("is one too many: a host has at most {most} keys here"),
        F::JumpEmpty => "must be the name of a host; leave the key out where RMM reaches the host itself".into(),
        F::JumpToItself => "a host is not on the way to itself".into(),
        F::JumpToLocal => "`local` is RMM's own machine: every way begins there".into(),
        F::Circle { way } => format!("leads in a circle: {way}"),
        F::LongWay { most, way } => format!("leads over more than {most} hosts: {way}"),

        F::BesideToken => "cannot stand beside `token`".into(),
        F::NoGithubToken => "does not hold a token of GitHub".into(),
        F::NoPrivateKey => "does not hold a private key in PEM format".into(),
        F::NoRsaKey => "does not hold an RSA key of at least 2048 bits without a passphrase".into(),
        F::ShortWebhookSecret { least } => {
            format!("must hold at least {least} characters: GitHub signs with it, and a short one can be guessed")
        }
        F::NeedsGithubLogin => "needs a login at GitHub: `token`, or `app_id` and `private_key`".into(),
        F::AudienceForAll => "must not be empty: an identity without a receiver is worth nothing".into(),
        F::TokenWithoutHttps => "must begin with https://: the token goes there".into(),
        F::KeysWithoutHttps => "must begin with https://: its keys decide which tokens are true".into(),
        F::GithubPage { api } => format!("is GitHub's page; its API is \"{api}\""),
        F::OtherGithubApi { api } => format!("this GitHub has its API at {api}"),
        F::NoAudience => {
            "needs `public_url` in [server], or `oidc_audience` in [github]: for whom are the id tokens?".into()
        }
        F::RuleOnStage => "is for production: what goes to stage needs no vote".into(),
        F::EnvironmentName => "must be the name of an environment of the repository at GitHub".into(),
        F::RuleWithoutCi => "belongs to the driver \"ci\": nothing else waits at GitHub".into(),
        F::RuleWithoutApp => "needs a GitHub App: only the App of a rule may answer it".into(),
        F::RuleWithoutRepository => "needs the service's `repository` at GitHub".into(),
        F::RuleTaken { service } => format!("is the rule of the service {service} already, and a run gets one answer"),

        F::NobodyInTelegram => {
            "no person in [[people]] has a `telegram_id`: the bot will not know anyone, and only tell them their numbers"
                .into()
        }
        F::NoBotToken => "does not hold the token of a bot".into(),
        F::NoTemplates => "must be a folder".into(),
        F::WebhookWithoutUrl => "needs `public_url` in [server] with https://, where Telegram sends updates to".into(),
        F::WebhookSecret { least, most } => {
            format!("must hold {least} to {most} letters, digits, '-' and '_', as Telegram takes them")
        }
        F::TopicAlone { chat } => format!("is a part of `{chat}`, and there is none"),
        F::SilentChat => "nothing is said in this chat: neither notices nor cards".into(),
        F::ChatNumber => "must be the number of a chat; groups have negative ones".into(),
        F::AnyFollowed => "must name at least one service; without it, all are followed".into(),

        F::NoServices => "there is none yet: RMM has nothing to release".into(),
        F::WasIsThere { name } => {
            format!("{name} is a service of this file; a former name must not be the name of another service")
        }
        F::WasTwice { name } => format!("two services cannot both have been {name}"),
        F::WorkflowWithoutGithub => "is started by way of `[github]`, which is missing".into(),
        F::WorkflowWithoutLogin => {
            "is started with a login at GitHub, and `[github]` has neither `token` nor `app_id`: each release waits before \
             production for ever"
                .into()
        }
        F::WorkflowWithoutRepository => "needs the service's `repository`".into(),
        F::RepositoryElsewhere { api } => format!("the repository of the service is not at the GitHub of {api}"),
        F::TagsByCall => "belongs to `candidates = \"tags\"`: by call, CI says which tag it means".into(),
        F::AtMostApprovers { count } => format!("must be at most {count}, the number of people in `required`"),
        F::NobodyApproves => "lists no people; list some, or add `minimum = 0` to release without any approval".into(),
        F::NeverApproved => "with all of `required` needed, a release of one of them can never be approved".into(),
        F::NoGithubOf { person } => format!(
            "{person} has no `github` in [[people]], so that a release of that person may not be recognised as such"
        ),
        F::Viewer { name } => format!("`{name}` is a viewer and may not approve"),
        F::AnySurface => "must name at least one surface".into(),
        F::RepositoryOnHosts => {
            "is a path, and each host of the driver \"ssh\" looks for it in its own folders: RMM does not bring it there"
                .into()
        }

        F::OnlySsh { driver: Some(driver) } => {
            format!("belongs to the driver \"ssh\", and the driver here is \"{driver}\"")
        }
        F::OnlySsh { driver: None } => {
            "belongs to the driver \"ssh\", and neither environment of the service has it".into()
        }
        F::ShortReportTimeout => {
            "is below 3m: signs of life are noted about once a minute, so a healthy run would be taken for lost".into()
        }
        F::ReportsOfCi => "belongs to the driver \"ci\": there are no reports about runs of RMM's own".into(),
        F::WorkflowsOfCi => "belongs to the driver \"ci\": RMM's own runs start no workflow".into(),
        F::WorkflowOnStage => "is for production: what goes to stage is the workflow that the pushed tag starts".into(),
        F::RollbackAlone => "is nothing without `workflow`".into(),
        F::NoRollbackWorkflow => {
            "has no `rollback_workflow` beside it: when production has to go back, RMM starts nothing and waits until somebody \
             has gone back and reported it"
                .into()
        }
        F::SameWorkflow => {
            "is the same file as `workflow`: it has to tell by `rollback_to_tag` which of both it is to do, and a deploy in \
             its place would be no way back; a file of its own is safer"
                .into()
        }
        F::RunsOfRmm => "belongs to the drivers \"ssh\" and \"local\": a CI ends its runs itself".into(),
        F::WorkflowFile => "must be the name of a file in `.github/workflows`".into(),

        F::NoHosts => "is missing: the driver \"ssh\" must know where the surface runs".into(),
        F::PathOnHost => "must be an absolute path on the host".into(),
        F::ProjectDiffers { variable, other } => format!("is not what `env.{variable}` says: \"{other}\""),
        F::KeepsOfCompose => {
            "belongs to the recipe \"compose\": with others, RMM does not know which images are theirs".into()
        }
        F::UpWithoutDown => "needs `migrate_down` beside it".into(),
        F::DownWithoutUp => "needs `migrate_up` beside it".into(),
        F::NoHealth => {
            "is missing: nothing tells that the surface is well, so a release counts as deployed once its commands have ended \
             well; give it a `url`, a `tcp` address or a `command`"
                .into()
        }
        F::CheckoutWithoutRepository => "checks out code, and the service has no `repository`".into(),
        F::ProjectName { most } => format!(
            "must be a name that compose takes: at most {most} lowercase letters, digits, '-' and '_', a letter or digit first"
        ),
        F::VariableName => {
            "must have the name of an environment variable: letters, digits and '_', no digit first".into()
        }
        F::NoProbe => "needs `url`, `tcp` or `command`: what is asked".into(),
        F::ProbeBeside { first } => format!("stands beside `{first}`; a health check asks one of them"),
        F::AnswerWithoutUrl => "belongs to `url`: only its answer has a status and a body".into(),
        F::ViaOfCommand => "belongs to `url` and `tcp`: a command always runs on the host".into(),
        F::HttpsOnHost => "an https:// address is asked from RMM's own machine only".into(),
        F::TcpAddress => r#"must be a host and a port, such as "127.0.0.1:5432" or "[::1]:5432""#.into(),

        F::NoTemplate { said } => format!("not a template: {}", said.as_deref().unwrap_or("cannot be read")),
        F::TemplateFails { said } => format!("not a template that works here: {said}"),
        F::Misplaced { placeholder, place } => format!(
            "{placeholder} stands {}, where its value would not be one word and could run commands",
            misplaced(*place)
        ),
        F::MisplacedForSome { place } => format!(
            "a value stands {} in what is made of this for some releases, where it would not be one word and could run commands",
            misplaced(*place)
        ),

        F::CheckedOutBefore { earlier, later } => format!(
            "{} is deployed before {later} checks the code out in their folder; put it behind",
            tenant(earlier)
        ),
        F::SameComposeFile { earlier, later } => format!(
            "{} and {later} start the same compose file in one folder, as two projects; one surface is enough for it",
            tenant(earlier)
        ),
        F::SameAddress { one, other, machine, addresses, mistaken } => format!(
            "{} and {} are asked at the same address on {}, {}{}",
            tenant(one),
            tenant(other),
            on(machine.as_deref()),
            addresses.join(" and "),
            if *mistaken { ": one of them would be taken for the other" } else { "" }
        ),
        F::SamePort { one, other, machine, port, shared } => format!(
            "{} and {} are both asked at port {port} of {}; only one of them can publish it{}",
            tenant(one),
            tenant(other),
            on(machine.as_deref()),
            if *shared { ", unless another program answers there for both" } else { "" }
        ),
        F::FolderOfSystem { path } => {
            format!("{path} belongs to the whole machine: no code may be checked out in it")
        }
        F::FolderOfUser { path } => format!(
            "{path} is among a user's keys, settings and commands or git's own files: no code may be checked out in it"
        ),
        F::FolderOfRuns { path } => format!("{path} is among the files of RMM's own runs (`.rmm`), which it deletes"),
        F::FolderOfRmm { of, folder, how } => {
            let how = match how {
                OwnFolder::InData => "is RMM's data directory, or in it",
                OwnFolder::HasData => "has RMM's data directory in it",
                OwnFolder::HasConfiguration => "is the folder of RMM's configuration, or has it in it",
            };
            format!("the folder of {}, {folder}, {how}: a release could change what RMM does and knows", tenant(of))
        }
        F::SameFolder { one, other, machine, folder } => format!(
            "{} and {} have the same folder on {}, {folder}: each would run what the other checks out",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::InFolderOf { one, of, machine, folder } => format!(
            "{} runs in the folder of {} on {}, {folder}: whatever is checked out there changes under it",
            tenant(one),
            tenant(of),
            on(machine.as_deref())
        ),
        F::OneFolder { one, other, machine, folder } => format!(
            "{} and {} run in one folder on {}, {folder}, which RMM does not check out: whatever one of them changes there \
             changes under the other",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::InsideCheckout { inner, outer, machine } => format!(
            "the folder of {} is inside the checkout of {} on {}: a version that has something of that name overwrites it; give \
             it a folder beside it",
            tenant(inner),
            tenant(outer),
            on(machine.as_deref())
        ),
        F::FolderNamesProject { one, other, machine, name } => format!(
            "compose names a project after its folder, and {} and {} both are in one called \"{name}\" on {}: each would \
             replace the other's containers",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::SameProject { one, other, machine, name } => format!(
            "{} and {} have the same compose project on {}, \"{name}\": each would replace the other's containers",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::SameStack { one, other, machine, name } => format!(
            "{} and {} deploy the same stack on {}, \"{name}\": each would replace the other's services",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::SameContainer { one, other, machine, name } => format!(
            "{} and {} start a container with the same name on {}, \"{name}\": one would be in the other's way, or replace it",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::NameUnknown { one, other, machine, of, from } => {
            let of = match of {
                Named::Project => "the compose project",
                Named::Stack => "the stack",
                Named::Container => "a container",
            };
            format!(
                "{} and {} take the name of {of} from {from}, which RMM does not know, on {}: where it is the same, each \
                 replaces the other's containers",
                tenant(one),
                tenant(other),
                on(machine.as_deref())
            )
        }
        F::ProjectByFolder { one, other, machine } => format!(
            "{} and {} have a compose project on {} by the name of their folders only as long as neither the compose file \
             (`name`) nor a `.env` beside it says one: that would be the same for both. `project` in each makes sure (of what \
             runs already: the name that `docker compose ls` shows)",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::UnreadProject { one, other, machine, command } => format!(
            "RMM does not read what `{command}` starts. If it calls compose, {} and {} get one project on {}, after the last part \
             of their folders, and each replaces the other's containers; `project` in each keeps them apart",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::UnreadContainer { one, other, machine, command } => format!(
            "RMM does not read what `{command}` starts. If it gives containers a name of its own (`docker run --name`), it has \
             to be another one in {} than in {} on {}, such as one with $RMM_ENVIRONMENT in it: each would replace the other's",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
    }
}

fn file(fault: &FileFault) -> String {
    match fault {
        FileFault::Missing => "does not exist".into(),
        FileFault::Unreadable(said) => format!("cannot be read: {said}"),
        FileFault::ByLink => "is reached by a link, which a service of the dashboard may not use".into(),
        FileFault::LinkLoop => "is a link that leads back to itself".into(),
        FileFault::NotRegular => "is not a regular file".into(),
        FileFault::TooLarge(most) => format!("is larger than {most} bytes"),
        FileFault::NotUtf8 => "is not UTF-8 text".into(),
        FileFault::Empty => "is empty".into(),
        FileFault::NoSmallFile(most) => format!("is no regular file of at most {most} bytes"),
        FileFault::NotPem => "is not text in PEM format; is it in DER?".into(),
    }
}

const fn misplaced(place: Misplacement) -> &'static str {
    match place {
        Misplacement::DoubleQuotes => "inside double quotes",
        Misplacement::SingleQuotes => "inside single quotes",
        Misplacement::Parameter => "inside `${…}`",
        Misplacement::Arithmetic => "inside `$((…))`",
        Misplacement::Backquotes => "inside backquotes",
        Misplacement::Case => "behind `case` inside of `$(…)`, whose patterns end like it",
        Misplacement::AnsiQuotes => "behind `$'…'`, which not every shell takes for quotes",
        Misplacement::Dollar => "after a `$`",
        Misplacement::Backslash => "after a backslash",
        Misplacement::ReadAgain => "where a shell reads it as commands once more",
        Misplacement::Comment => "inside a comment",
        Misplacement::HereDocument => "inside a here-document",
    }
}

fn tenant(of: &Tenant) -> String {
    format!("surface {} of {} in {}", of.surface, of.service, of.environment)
}

fn on(machine: Option<&str>) -> &str {
    machine.unwrap_or("this machine")
}

fn meant(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

fn quoted(names: &[String]) -> String {
    list(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>())
}

/// `"a", "b" or "c"`.
fn or(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [front @ .., last] => format!("{} or {last}", front.join(", ")),
    }
}
