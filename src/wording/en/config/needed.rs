//! What a key that is missing is for, and what is expected in the place of something else.

use crate::domain::fault::config::{Expected, Needed};

/// Behind `is missing: `.
pub(super) fn needed(why: &Needed) -> String {
    use Needed as N;
    match why {
        N::NameOfService => "CI and people call the service by it".into(),
        N::NameOfSurface => "releases and overrides refer to the surface by it".into(),
        N::NameOfHost => "services refer to the host by it".into(),
        N::NameOfPerson => "approver lists and the record use it".into(),
        N::HostAddress => "the name or IP address of the host, such as \"203.0.113.7:22\"".into(),
        N::HostUser => "whom RMM logs in as".into(),
        N::HostLogin => "RMM logs in by a `key` or by a `password`; give one of them".into(),
        N::LocalUser => "the user of this machine that steps of the driver \"local\" run as".into(),
        N::BackupFolder => "where the copies go".into(),
        N::AiUrl => "where the endpoint is, such as \"http://127.0.0.1:11434/v1\"".into(),
        N::AiModel => "which model of the endpoint answers".into(),
        N::GithubToken => {
            "a token of GitHub, or an App in its place: `app_id` and `private_key`; write where it is: \
             \"env:RMM_GITHUB_TOKEN\""
                .into()
        }
        N::GithubKey => "the App's key; GitHub shows it once, as a file to download".into(),
        N::GithubApp => "the number of the App, on the page of its settings".into(),
        N::BotToken => "@BotFather gives it to you; write where it is: \"env:RMM_TELEGRAM_TOKEN\"".into(),
        N::ChatNumber => "the number of the chat; groups have negative ones".into(),
        N::RepositoryNumber => "the number of the repository: `gh api repos/OWNER/NAME --jq .id` shows it".into(),
        N::RepositoryOfTags => "with `candidates = \"tags\"` its tags become releases".into(),
        N::Approvals => "who must approve? list them in `required`, or set `minimum = 0` for none".into(),
        N::Surfaces => "RMM itself runs this service, and must be told what to run".into(),
        N::Environment { key } => format!("a service needs `[services.environments.{key}]` with a `driver`"),
        N::Driver => {
            "\"ssh\" where RMM runs the commands on hosts, \"local\" where it does on its own machine, \"ci\" where a CI system \
             does and reports"
                .into()
        }
        N::Deploy => r#"the recipe "commands" has no command of its own to start the code"#.into(),
        N::DirectoryOfCompose => r#"the recipe "compose" runs in the folder of the checkout"#.into(),
        N::DirectoryOfCheckout => "`checkout = true` needs a folder to check the code out in".into(),
    }
}

/// Behind `expected `.
pub(super) fn expected(what: &Expected) -> String {
    match what {
        Expected::Text => "a string".into(),
        Expected::QuotedText => "a string (write it in quotes)".into(),
        Expected::Flag => "true or false".into(),
        Expected::WholeNumber => "a whole number".into(),
        Expected::Share => "a number from 0 to 1".into(),
        Expected::Duration => r#"a duration such as "15s" or "1h 30m""#.into(),
        Expected::Size => r#"a size such as "500 MB" or "2 GB""#.into(),
        Expected::TextOrTexts => "a string or a list of strings".into(),
        Expected::Texts => "a list of strings".into(),
        Expected::Table => "a table".into(),
        Expected::Tables(header) => format!("a list of tables (each begins with `[[{header}]]`)"),
    }
}
