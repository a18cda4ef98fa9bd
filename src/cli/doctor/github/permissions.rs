//! Whether the login may do at a repository what RMM needs: as far as GitHub says so, and otherwise by trying.

use super::failed;
use crate::cli::findings::{fail, ok, warn};
use crate::clients::github::{GitHub, Repository, Whoami};
use crate::contract::Finding;
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

const ACTIONS: &str = "actions";
const CONTENTS: &str = "contents";

/// `starts`: RMM starts workflows there.
pub(super) async fn look(
    github: &GitHub,
    who: &Whoami,
    repo: &RepoName,
    found: &Repository,
    starts: bool,
) -> Vec<Finding> {
    if who.is_app {
        return vec![of_app(github, repo, starts).await];
    }
    let mut findings = Vec::new();
    if let Some(scopes) = &who.scopes {
        findings.push(of_classic(scopes, found));
    }
    if starts {
        findings.push(match account(who, found) {
            Some(finding) => finding,
            None => tried(ACTIONS, "Actions: read and write", github.try_actions(repo).await),
        });
    }
    findings.push(tried(CONTENTS, "Contents: read", github.try_contents(repo).await));
    findings
}

async fn of_app(github: &GitHub, repo: &RepoName, starts: bool) -> Finding {
    const NAME: &str = "permission";
    let installation = match github.installation(repo).await {
        Ok(installation) => installation,
        Err(fault) => return failed(NAME, &fault),
    };
    if installation.suspended_at.is_some() {
        let fix = "an owner takes it back: Settings, GitHub Apps, Configure, Unsuspend";
        return fail(NAME, "the installation of the App is suspended, and may do nothing", fix);
    }
    let has = |name: &str, level: &str| {
        let given = installation.permissions.get(name).map(String::as_str);
        given.is_some_and(|given| given == level || matches!(given, "write" | "admin"))
    };
    let actions = if starts { ("write", "Actions: read and write") } else { ("read", "Actions: read") };
    let lacking: Vec<_> = [(ACTIONS, actions), (CONTENTS, ("read", "Contents: read"))]
        .into_iter()
        .filter(|(name, (level, _))| !has(name, level))
        .map(|(_, (_, words))| words)
        .collect();
    if lacking.is_empty() {
        return ok(NAME, format!("the installation of the App has {} and Contents: read", actions.1));
    }
    let fix = "settings of the App, Permissions & events; then an owner accepts it where the App is installed";
    fail(NAME, format!("the installation of the App lacks {}", lacking.join(" and ")), fix)
}

fn of_classic(scopes: &[String], found: &Repository) -> Finding {
    const NAME: &str = "permission";
    let has = |scope: &str| scopes.iter().any(|one| one == scope);
    if has("repo") {
        let detail = "the token's scope `repo` is enough, and reaches every repository of its account";
        return warn(NAME, detail, "a fine-grained token for this one repository can do less harm");
    }
    if !found.private && has("public_repo") {
        return ok(NAME, "the token's scope `public_repo` is enough");
    }
    let given = if scopes.is_empty() { "none".to_owned() } else { scopes.join(", ") };
    let needed = if found.private { "repo" } else { "public_repo" };
    fail(
        NAME,
        format!("the token has these scopes: {given}; RMM needs `{needed}`"),
        "edit the token, or make a new one",
    )
}

/// What keeps the account itself, whatever its token says.
fn account(who: &Whoami, found: &Repository) -> Option<Finding> {
    let may_write = ["push", "maintain", "admin"].iter().any(|role| found.permissions.get(*role) == Some(&true));
    // A GitHub that says nothing of it is tried.
    (!found.permissions.is_empty() && !may_write).then(|| {
        let detail = format!("{} may only read {}, and so starts no workflow there", who.name, found.full_name);
        fail(ACTIONS, detail, "give the account the role Write: Settings, Collaborators and teams")
    })
}

fn tried(name: &str, words: &str, answer: Result<(), GithubFault>) -> Finding {
    match answer {
        Ok(()) => ok(name, format!("{words}: GitHub does not refuse it")),
        Err(GithubFault::Forbidden { said, .. }) => {
            let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
            fail(
                name,
                format!("the token lacks {words}{said}"),
                "edit its permissions; an organisation may have to approve them",
            )
        }
        Err(fault) => failed(name, &fault),
    }
}
