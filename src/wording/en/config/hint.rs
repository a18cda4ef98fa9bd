//! What to do about a configuration that is wrong.

use crate::domain::fault::config::ConfigHint;
use crate::domain::plan::Misplacement;

/// What to do: begins small and has no full stop.
pub(in crate::wording) fn config_hint(hint: &ConfigHint) -> String {
    use ConfigHint as H;
    match hint {
        H::Write { text } => text.clone(),
        H::Secret { key } => format!(
            "`{key} = \"env:NAME\"` takes it from RMM's environment, `{key} = \"file:PATH\"` from a file that only RMM can read"
        ),
        H::Header { name } => {
            format!("`headers.{name} = \"env:NAME\"` takes it from RMM's environment, \"file:PATH\" from a file")
        }
        H::BeginServices => "begin each service with `[[services]]`".into(),
        H::TakeOver => "a new service with `was = \"…\"` takes the history of another over".into(),
        H::SecretBelow => "put the secret into a file there, or define the service in the file".into(),
        H::Certificates => {
            "the authority that has signed the server's certificate, or that certificate itself, as `-----BEGIN \
             CERTIFICATE-----` and so on; several may follow each other"
                .into()
        }
        H::OnlyServer => "environment variables override the keys of [server] and nothing else".into(),
        H::NoNamesOfProxies => {
            "names are not looked up: a name server could then say whose requests these are".into()
        }
        H::NoTimeZones => {
            "it has no database of time zones at all: install the package tzdata, or set \"UTC\"".into()
        }

        H::LoginOfServer => "people reach RMM there; they have accounts of their own".into(),
        H::LoginOfGithub => "`token` is what GitHub asks for".into(),
        H::LoginOfIssuer => "RMM asks it for its keys, and nothing else".into(),
        H::LoginOfModel => "the endpoint's base address; its key stands behind `key`".into(),
        H::LoginOfBot => "the token of the bot is what the Bot API asks for".into(),
        H::LoginOfCollector => {
            "the collector's address for OTLP over HTTP, such as \"http://127.0.0.1:4318\"; a key goes into `headers`".into()
        }
        H::LoginOfHealth => "`command = \"curl --user …\"` asks with a secret from the service's environment".into(),
        H::LoginOfRepository => "use SSH (`git@host:owner/name.git`), or a credential helper of git".into(),

        H::OtherName => "call one of them otherwise".into(),
        H::OtherHost => "call the host otherwise".into(),
        H::OtherPerson => "call that person otherwise".into(),
        H::OwnNumber => {
            "switch off anonymity in the group (or write as yourself, not as a channel) and send /id to the bot again: it \
             answers with the person's own number"
                .into()
        }
        H::NumberIsBetter => {
            "the number of a person is better: no other account can take it over, and `telegram_id` is the key for it".into()
        }
        H::LocalDriver => "what runs on RMM's own machine has the driver \"local\", and needs no hosts".into(),
        H::LocalThere => "what runs there has the driver \"local\", and needs no hosts".into(),
        H::UserIsKey => "whom RMM logs in as is a key of its own: `user`".into(),
        H::PrivateKey => "the private key is in the file beside it without `.pub`".into(),
        H::HostKey => {
            "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host prints it; without this key, an admin confirms what \
             the host shows at the first contact"
                .into()
        }
        H::Jump => "`jump` names other [[hosts]], each with its own address, login and key".into(),

        H::OneLogin => "a token (`token`), or an App (`app_id` and `private_key`): one of both".into(),
        H::GithubToken => {
            "it looks like github_pat_… or ghp_…; GitHub shows it once, when it is made (Settings, Developer settings)".into()
        }
        H::GithubKey => {
            "the file that GitHub has given you for the App (-----BEGIN RSA PRIVATE KEY----- and so on), as it is".into()
        }
        H::RandomSecret => "`openssl rand -hex 32` makes a good one".into(),
        H::IdTokens => {
            "the id token names RMM as its receiver, so that one for another program opens nothing here".into()
        }
        H::GithubTable => "`[github]` with a `token`".into(),
        H::AddressOnHost => "`repository = \"owner/name\"`, or an address on its host".into(),
        H::AppKeys => "`app_id` and `private_key` in [github]".into(),
        H::OwnEnvironments => "an environment of its own for each service of a repository".into(),
        H::BotToken => {
            "it looks like 123456:AAF7-g0gYncWnm5IyfZlpPRqRRv6kNAGlao; @BotFather shows it after /mybots".into()
        }
        H::Polling => "without `webhook_secret` RMM asks Telegram for updates, and needs no public address".into(),

        H::DriverSsh => {
            "`driver = \"ssh\"` runs on hosts; \"local\" runs on RMM's own machine, and a CI knows its hosts itself".into()
        }
        H::RunTimeout => "`run_timeout` limits a run of RMM's own".into(),
        H::DriverCi => "`driver = \"ci\"` lets the workflow do the work".into(),
        H::PushedTag => "`on: push: tags:` in that workflow; it reports what it does".into(),
        H::Workflow => "`workflow` is what RMM starts to deploy".into(),
        H::ReportTimeout => "`report_timeout` is how long a CI may be silent".into(),
        H::WorkflowFile => "it looks like \"on-approve-manual-testing.yaml\", without a folder".into(),
        H::HostsOfSurface => {
            "give the environment or the surface `hosts = [\"name\"]`, with names of [[hosts]]".into()
        }
        H::FolderOfFile => "relative paths begin in the folder of this file, which is not on the host".into(),
        H::OneProject => "one of them is enough: leave the variable out".into(),
        H::MigrateDown => {
            "every release rehearses its rollback on stage, and a rollback takes the database back first".into()
        }
        H::MigrateUp => "what a rollback takes back, the next deploy must bring forward again".into(),
        H::RepositoryOrNone => {
            "give the service a `repository`, or set `checkout = false` if the commands fetch the code themselves".into()
        }
        H::ViaRmm => "use `via = \"rmm\"`, or `command = \"curl …\"` to ask on the host".into(),
        H::Template { place } => template(*place).to_owned(),

        H::OwnFolder => "give the surface a folder of its own, such as \"/srv/shop\"".into(),
        H::OwnValue { key, of } => format!(
            "give each its own: `{key}` under `[services.environments.{}.surfaces.{}]` of {} holds there only",
            of.environment, of.surface, of.service
        ),
        H::NameByEnvironment => "put `{{ environment }}` or the service into the name".into(),
        H::NameOfOthers => {
            "the commands name it themselves: put `{{ environment }}` or the service into the name".into()
        }
        H::PreserveProject { variable } => {
            format!("`sudo` does not bring `project` along: `sudo --preserve-env={variable} …` does")
        }
    }
}

const fn template(place: Misplacement) -> &'static str {
    match place {
        Misplacement::DoubleQuotes | Misplacement::SingleQuotes | Misplacement::Backslash => {
            "write it without quotes of your own; RMM quotes the value"
        }
        Misplacement::Parameter | Misplacement::HereDocument => {
            "give the value to a variable before (`x={{ … }}`) and write \"$x\" there"
        }
        Misplacement::Arithmetic => {
            "bash runs what a value there asks for, in a variable, too: make sure before that it is a number (`n={{ … }}; case $n \
             in \"\" | *[!0-9]*) exit 1 ;; esac`), and write \"$n\" there"
        }
        Misplacement::Backquotes => "write `$(…)` instead of backquotes",
        Misplacement::Case | Misplacement::AnsiQuotes => {
            "write the command in a script of its own, and give the value to that as an argument"
        }
        Misplacement::Dollar => "write `{{ … }}` without the `$`",
        Misplacement::ReadAgain => "give it to that shell as an argument: `sh -c 'echo \"$1\"' sh {{ … }}`",
        Misplacement::Comment => "leave it out of the comment, which a value of several lines would end",
    }
}
