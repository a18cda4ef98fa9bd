//! What there is to say of GitHub.

use super::super::list;
use crate::domain::finding::github::{RepositoryName, WorkflowMistake};
use crate::domain::finding::{LoginFact, RepositoryFact};
use crate::domain::mark::MarkKind;

/// A sentence about the login and what it may do.
pub(in crate::wording) fn login_fact(fact: &LoginFact) -> String {
    use LoginFact as F;
    match fact {
        F::NoLogin => "rmm.toml has none, and no service needs one: RMM asks GitHub for nothing".into(),
        F::ClockBesideGithub { seconds, too_far } => {
            let side = if *seconds < 0 { "behind" } else { "ahead of" };
            let then = if *too_far {
                "id tokens of jobs, and what an App signs, count within 60 s only"
            } else {
                "60 s are too many"
            };
            format!("this machine's clock is {} s {side} GitHub's; {then}", seconds.unsigned_abs())
        }
        F::ClockWithGithub => "this machine's clock goes with GitHub's".into(),
        F::App { name } => format!("the App {name}"),
        F::Token { name, classic, until } => {
            let kind = if *classic { "a classic token" } else { "a fine-grained token" };
            let until = until.as_ref().map(|until| format!(" that is good until {until}")).unwrap_or_default();
            format!("{name}, by {kind}{until}")
        }
        F::AppSuspended => "the installation of the App is suspended, and may do nothing".into(),
        F::AppFit { starts } => {
            let actions = if *starts { "Actions: read and write" } else { "Actions: read" };
            format!("the installation of the App has {actions} and Contents: read")
        }
        F::AppLacks { permissions } => format!("the installation of the App lacks {}", permissions.join(" and ")),
        F::MarksFit { marks } => format!("{}: GitHub does not refuse it", permissions(marks)),
        F::MarksLack { app, marks } => {
            let who = if *app { "the installation of the App" } else { "the token" };
            format!("{who} lacks {}, for what RMM leaves there", permissions(marks))
        }
        F::WideScope => "the token's scope `repo` is enough, and reaches every repository of its account".into(),
        F::PublicScope => "the token's scope `public_repo` is enough".into(),
        F::ScopesLack { given, needed } => {
            let given = if given.is_empty() { "none".to_owned() } else { list(given) };
            format!("the token has these scopes: {given}; RMM needs `{needed}`")
        }
        F::OnlyReads { name, repository } => {
            format!("{name} may only read {repository}, and so starts no workflow there")
        }
        F::Granted { permission } => format!("{permission}: GitHub does not refuse it"),
        F::TokenLacks { permission, said } => {
            let said = said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
            format!("the token lacks {permission}{said}")
        }
    }
}

/// A sentence about a repository and what is in it.
pub(in crate::wording) fn repository_fact(fact: &RepositoryFact) -> String {
    use RepositoryFact as F;
    match fact {
        F::Renamed { repository, now } => {
            let name = now.as_ref().map_or_else(|| "another name".to_owned(), |name| format!("the name {name}"));
            format!("{repository} has {name} now (renamed or moved); RMM does not follow, write it to rmm.toml")
        }
        F::Repository { repository } => known(repository),
        F::Archived { repository } => format!("{}; it is archived, and no workflow starts there", known(repository)),
        F::OtherTrusted { repository, trusted } => format!(
            "{}; `oidc` of the service believes the jobs of the repository {trusted}, which is another one",
            known(repository)
        ),

        F::TrustedIn { workflow, repository } => format!("{workflow}: in the repository {repository}"),
        F::TrustedUnseen { workflow, repository } => format!("{workflow} was not seen in the repository {repository}"),
        F::TrustedAt { workflow, path, git_ref } => format!("{workflow}: {path} is at {git_ref}"),
        F::TrustedAbsent { workflow, path, git_ref } => {
            format!("{workflow} is trusted, and {path} is not at {git_ref}, or there is no such branch or tag")
        }
        F::StartedUntrusted { file, branch } => {
            format!("RMM starts {file} on {branch}, and `oidc` does not trust its jobs: their reports would be refused")
        }
        F::TagWorkflow { file, branch } => format!("{file} is on {branch}"),
        F::NoTagWorkflow { path, branch } => format!(
            "{path} is not on {branch}; all is well where another workflow, or another CI system, reports stage"
        ),
        F::WorkflowAbsent { path, branch } => {
            format!("{path} is not on the default branch {branch}, and GitHub starts it from nowhere else")
        }
        F::WorkflowFit { file, branch } => {
            format!("{file}: active, on {branch}, takes what RMM gives it, and says its `run_id`")
        }
        F::WorkflowMistaken { file, mistake } => format!("{file}: {}", mistaken(mistake)),
        F::NoYaml { file, said } => format!("{file} is no YAML that can be read: {said}"),

        F::NoHookCanCome => "none can come: RMM has no `public_url`, and asks GitHub by itself".into(),
        F::NoHookTaken => "RMM has no `webhook_secret`, takes none, and asks GitHub by itself".into(),
        F::HooksUnseen => {
            "the login may not see webhooks, so that they were not looked at; RMM itself does not need to".into()
        }
        F::NoHookWanted => "none, and no `webhook_secret`: RMM asks GitHub by itself".into(),
        F::HookToOther { url } => format!("one leads to {url}, which is not this RMM"),
        F::NoHook => {
            "none leads to this RMM (unless one of the organisation does), so that it has to ask GitHub".into()
        }
        F::HookOff { here } => format!("the one to {here} is switched off"),
        F::HookUnwanted { here } => format!("there is one to {here}, and RMM takes none without its secret"),
        F::HookWithoutSecret { here } => {
            format!("the one to {here} has no secret, so that RMM refuses what it brings")
        }
        F::HookSendsForms { here } => format!("the one to {here} sends forms, and RMM reads JSON"),
        F::HookLacks { here, events } => format!("the one to {here} does not tell of {}", list(events)),
        F::HookFit { here } => format!("one leads to {here}, with a secret and the events"),
        F::NoDeliveries => "none yet, as far as GitHub remembers".into(),
        F::Delivered { well, all } => format!("the last one came well; {well} of the last {all} did"),
        F::NotDelivered { event, status, said, well, all } => {
            let answered = match status {
                0 => format!("GitHub got no answer ({said})"),
                status => format!("it was answered {status}"),
            };
            format!("the last one, of {event}, did not come: {answered}; {well} of the last {all} came well")
        }
    }
}

fn known(RepositoryName { name, number, branch }: &RepositoryName) -> String {
    format!("{name}, number {number}, default branch {branch}")
}

fn permissions(marks: &[MarkKind]) -> String {
    marks.iter().map(|mark| mark.permission()).collect::<Vec<_>>().join(" and ")
}

fn mistaken(mistake: &WorkflowMistake) -> String {
    use WorkflowMistake as M;
    match mistake {
        M::NoDispatch => "it has no `workflow_dispatch`, so that RMM cannot start it".into(),
        M::Undeclared { inputs } => format!("it does not declare what RMM gives it: {}", list(inputs)),
        M::Requires { inputs } => format!("it requires what RMM does not give: {}", list(inputs)),
        M::NoText { inputs } => format!("it takes another type than text for {}", list(inputs)),
        M::NoRunId => {
            "its `run-name` does not say the `run_id`, so that RMM cannot find its run after a lost answer".into()
        }
    }
}
