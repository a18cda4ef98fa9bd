//! What is in the way at GitHub.

use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::fault::{AnswerFault, CertificateFault, TlsFault};

use super::super::times::{short, time};
use super::fault::answer;
use super::reason::reason;
use super::{behind, inside};

/// What is wrong, and what to do: a part of a sentence without a full stop.
pub(super) fn github(fault: &GithubFault) -> String {
    use GithubFault as F;
    match fault {
        F::Unreached { asked, cause } => format!("{asked} could not be reached: {}", inside(&reason(cause))),
        F::Untrusted { asked, fault } if is_unknown(fault) => format!(
            "{asked} has a certificate that RMM does not trust: the authority that signed it is unknown; name the \
             authority's certificate as `ca = \"file:…\"` in [github]"
        ),
        F::Untrusted { asked, fault } => format!("{asked} {}", answer(fault)),
        F::Late { asked, limit } => format!("{asked} did not answer within {}", short(*limit)),
        F::Cut { asked, said } => format!("{asked} ended the connection before its answer was complete: {said}"),
        F::Server { status, said } => {
            format!("GitHub has trouble of its own: it answered {status}{}", behind(said.as_deref()))
        }
        F::Redirected { status, to } => {
            let to = to.as_ref().map(|to| format!(" (to {to})")).unwrap_or_default();
            format!(
                "GitHub answered {status} and sends RMM elsewhere{to}, which RMM does not follow; if the repository was \
                 renamed or moved, write its new name as `repository` of the service, otherwise correct `api_url` in [github]"
            )
        }
        F::TooLong { limit } => format!(
            "the answer is longer than the {} MB that RMM reads; is `api_url` in [github] the address of GitHub's API?",
            limit / (1024 * 1024)
        ),
        F::Unreadable { said } => format!(
            "the answer is not GitHub's: {said}; is `api_url` in [github] the address of its API (of a GitHub Enterprise \
             Server: https://HOST/api/v3)?"
        ),
        F::RateLimited { until, said } => {
            let until = until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
            format!("GitHub takes no more questions with this token{until}{}", behind(said.as_deref()))
        }
        F::Unauthorized { said } => format!(
            "GitHub does not know the token{}; it is wrong, revoked or expired: make a new one and put it where `token` in \
             [github] says",
            behind(said.as_deref())
        ),
        F::Forbidden { said, needs } => {
            let needs = needs.as_ref().map_or_else(
                || {
                    "give the token (or the App) the permission that is missing (for tags and commits: Contents, read; to \
                     start workflows: Actions, read and write)"
                        .to_owned()
                },
                |needs| format!("give the token (or the App) this permission: {needs}"),
            );
            format!("GitHub does not allow it{}; {needs}", behind(said.as_deref()))
        }
        F::AppSuspended { said } => format!(
            "the installation of the App is suspended{}; an owner takes that back: Settings, GitHub Apps, Configure, Unsuspend",
            behind(said.as_deref())
        ),
        F::SignOn { url } => {
            let at = url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
            format!("the organization wants the token to be authorized for single sign-on; its owner can do so{at}")
        }
        F::AppNotInstalled { repo } => format!(
            "the GitHub App is not installed on {repo}; install it there (settings of the App, Install App), or correct \
             `repository` of the service"
        ),
        F::AppUnauthorized { said } => format!(
            "GitHub does not take the token that it has made for the App{}; look whether the App is installed on the repository \
             still, and not suspended (Settings, GitHub Apps, Configure); RMM gets a new token by itself at the next try",
            behind(said.as_deref())
        ),
        F::AppRefused { said } => format!(
            "GitHub does not take what the App has signed{}; `app_id` and `private_key` in [github] have to be of the same \
             App, and the clock of RMM's machine has to be right",
            behind(said.as_deref())
        ),
        F::AppKey => {
            "`private_key` in [github] is no RSA key that can be used; make a new one in the settings of the App"
                .to_owned()
        }
        F::NotSetUp { said } => format!("the way to GitHub cannot be set up: {said}"),
        F::NotFound { what } => not_found(what),
        F::NoWorkflow { repo, workflow } => format!(
            "{repo} has no workflow {workflow} (or the token may not see it); push it to .github/workflows of the default \
             branch, or correct the name in rmm.toml"
        ),
        F::WorkflowDisabled { repo, workflow } => format!(
            "the workflow {workflow} of {repo} is switched off; switch it on in its Actions tab (GitHub itself does so \
             after 60 quiet days where a workflow has a schedule)"
        ),
        F::NoDispatchTrigger { repo, workflow, git_ref } => format!(
            "the workflow {workflow} of {repo} has no `workflow_dispatch` at {git_ref}, so that RMM cannot start it; add it \
             under `on:`, on the default branch, too"
        ),
        F::NoRef { repo, git_ref } => {
            format!("{repo} has no branch or tag {git_ref}; push it there, then start it again")
        }
        F::UnknownInput { workflow, said } => format!(
            "the workflow {workflow} does not take what RMM gives it: {said}; declare these inputs under \
             `on.workflow_dispatch.inputs`, and make all others optional"
        ),
        F::TooManyInputs { workflow, said } => format!(
            "this GitHub takes fewer inputs than the workflow {workflow} has: {said}; take inputs of your own out of its \
             `on.workflow_dispatch.inputs`"
        ),
        F::Invalid { status, said } => {
            format!("GitHub refuses what RMM asked (status {status}){}", behind(said.as_deref()))
        }
    }
}

fn not_found(what: &Sought) -> String {
    match what {
        Sought::Repository { repo } => format!(
            "GitHub has no repository {repo}, or the token may not see it; correct `repository` of the service, or give the \
             token (or the App) access to it"
        ),
        Sought::Run { repo, run } => format!("{repo} has no run {run} at GitHub (any more)"),
        Sought::File { repo, path, git_ref } => format!("{repo} has no file {path} at {git_ref}"),
        Sought::Commits { repo, base, head } => format!("{repo} does not have both {base} and {head}"),
        Sought::Path { path } => format!("GitHub has nothing at {path}, or the token may not see it"),
    }
}

/// Whether the authority of a server would have to be named.
const fn is_unknown(fault: &AnswerFault) -> bool {
    matches!(
        fault,
        AnswerFault::Tls {
            fault: TlsFault::Untrusted { cause: CertificateFault::UnknownAuthority | CertificateFault::SelfSigned }
        }
    )
}
