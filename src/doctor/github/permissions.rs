//! Whether the login may do at a repository what RMM needs: as far as GitHub says so, and otherwise by trying.

use std::collections::BTreeSet;

use super::failed;
use crate::clients::github::{GitHub, Repository, Whoami};
use crate::contract::Finding;
use crate::domain::fault::github::GithubFault;
use crate::domain::mark::MarkKind;
use crate::domain::repository::RepoName;

const ACTIONS: &str = "actions";
const CONTENTS: &str = "contents";
const MARKS: &str = "marks";

/// `starts`: RMM starts workflows there; `marks`: what it leaves there.
pub(super) async fn look(
    github: &GitHub,
    who: &Whoami,
    repo: &RepoName,
    found: &Repository,
    starts: bool,
    marks: &BTreeSet<MarkKind>,
) -> Vec<Finding> {
    if who.is_app {
        return of_app(github, repo, starts, marks).await;
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
    // The scopes of a classic token say it all.
    if who.scopes.is_none() {
        findings.extend(marks_of_token(github, repo, marks).await);
    }
    findings
}

async fn marks_of_token(github: &GitHub, repo: &RepoName, marks: &BTreeSet<MarkKind>) -> Option<Finding> {
    let mut lacking = Vec::new();
    for kind in marks {
        match github.try_mark(repo, *kind).await {
            Ok(()) => {}
            Err(GithubFault::Forbidden { .. }) => lacking.push(*kind),
            Err(fault) => return Some(failed(MARKS, &fault)),
        }
    }
    of_marks("the token", marks, &lacking)
}

/// What RMM leaves there holds up nothing, so that it is a warning.
fn of_marks(who: &str, marks: &BTreeSet<MarkKind>, lacking: &[MarkKind]) -> Option<Finding> {
    let words = |kinds: &mut dyn Iterator<Item = &MarkKind>| {
        kinds.map(|kind| kind.permission()).collect::<Vec<_>>().join(" and ")
    };
    if lacking.is_empty() {
        let all = words(&mut marks.iter());
        return (!marks.is_empty()).then(|| Finding::ok(MARKS, format!("{all}: GitHub does not refuse it")));
    }
    let switches: Vec<_> = lacking.iter().map(|kind| format!("{} = false", kind.switch())).collect();
    let detail = format!("{who} lacks {}, for what RMM leaves there", words(&mut lacking.iter()));
    Some(Finding::warn(MARKS, detail, format!("give it that, or switch it off in [github]: {}", switches.join(", "))))
}

async fn of_app(github: &GitHub, repo: &RepoName, starts: bool, marks: &BTreeSet<MarkKind>) -> Vec<Finding> {
    const NAME: &str = "permission";
    let installation = match github.installation(repo).await {
        Ok(installation) => installation,
        Err(fault) => return vec![failed(NAME, &fault)],
    };
    if installation.suspended_at.is_some() {
        let fix = "an owner takes it back: Settings, GitHub Apps, Configure, Unsuspend";
        return vec![Finding::fail(NAME, "the installation of the App is suspended, and may do nothing", fix)];
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
    let finding = if lacking.is_empty() {
        Finding::ok(NAME, format!("the installation of the App has {} and Contents: read", actions.1))
    } else {
        let fix = "settings of the App, Permissions & events; then an owner accepts it where the App is installed";
        Finding::fail(NAME, format!("the installation of the App lacks {}", lacking.join(" and ")), fix)
    };
    let name = |kind: MarkKind| match kind {
        MarkKind::Deployment => "deployments",
        MarkKind::Status => "statuses",
        MarkKind::Comment => "pull_requests",
    };
    let lacking: Vec<_> = marks.iter().copied().filter(|kind| !has(name(*kind), "write")).collect();
    std::iter::once(finding).chain(of_marks("the installation of the App", marks, &lacking)).collect()
}

fn of_classic(scopes: &[String], found: &Repository) -> Finding {
    const NAME: &str = "permission";
    let has = |scope: &str| scopes.iter().any(|one| one == scope);
    if has("repo") {
        let detail = "the token's scope `repo` is enough, and reaches every repository of its account";
        return Finding::warn(NAME, detail, "a fine-grained token for this one repository can do less harm");
    }
    if !found.private && has("public_repo") {
        return Finding::ok(NAME, "the token's scope `public_repo` is enough");
    }
    let given = if scopes.is_empty() { "none".to_owned() } else { scopes.join(", ") };
    let needed = if found.private { "repo" } else { "public_repo" };
    Finding::fail(
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
        Finding::fail(ACTIONS, detail, "give the account the role Write: Settings, Collaborators and teams")
    })
}

fn tried(name: &str, words: &str, answer: Result<(), GithubFault>) -> Finding {
    match answer {
        Ok(()) => Finding::ok(name, format!("{words}: GitHub does not refuse it")),
        Err(GithubFault::Forbidden { said, .. }) => {
            let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
            Finding::fail(
                name,
                format!("the token lacks {words}{said}"),
                "edit its permissions; an organisation may have to approve them",
            )
        }
        Err(fault) => failed(name, &fault),
    }
}
