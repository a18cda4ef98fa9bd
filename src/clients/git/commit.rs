//! Whether a repository has a commit: git fetches it alone, without its files, into a folder of the moment.

use tempfile::TempDir;

use super::{MOST_OUTPUT, Tagged, Unresolved, address, answer, fault, prepared};
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::ids::Commit;
use crate::domain::reason::Reason;

/// How git tells that a repository has no such object.
const NOT_THERE: [&str; 2] = ["not our ref", "couldn't find remote ref"];

/// The commit in `repository` that an id names; where it is the id of an annotated tag, the commit behind it. `ca` as for
/// [`super::resolve`].
///
/// # Errors
/// [`Unresolved`], which says whether asking again makes sense.
pub async fn find_commit(repository: &str, ca: Option<&str>, id: &Commit) -> Result<Tagged, Unresolved> {
    let url = address(repository)?;
    let no_commit = || Unresolved::NoTag(fault(RepositoryFault::NoCommit { url: url.clone(), commit: id.clone() }));
    let not_made =
        |error: &std::io::Error| Unresolved::ForNow(fault(RepositoryFault::GitNotStarted { said: error.to_string() }));
    let folder = TempDir::new().map_err(|error| not_made(&error))?;
    let git = |arguments: &[&str]| {
        let mut command = prepared();
        command.arg("-C").arg(folder.path()).args(arguments);
        command
    };
    let format = if id.as_str().len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
    answer(git(&["init", "--quiet", "--bare", format]), &url, ca, MOST_OUTPUT).await?;
    let fetch = ["fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "--", &url, id.as_str()];
    match answer(git(&fetch), &url, ca, MOST_OUTPUT).await {
        Ok(_) => {}
        Err(Unresolved::ForNow(Reason::Repository { fault: RepositoryFault::NotRead { said, .. } }))
            if NOT_THERE.iter().any(|words| said.contains(words)) =>
        {
            return Err(no_commit());
        }
        Err(unresolved) => return Err(unresolved),
    }
    let found = answer(git(&["rev-parse", "--verify", "FETCH_HEAD^{commit}"]), &url, ca, MOST_OUTPUT).await;
    let commit = found.ok().and_then(|found| Commit::parse("commit", found.trim()).ok()).ok_or_else(no_commit)?;
    let object = Some(id.clone()).filter(|id| *id != commit);
    Ok(Tagged { commit, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_is_found_where_it_is_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let script = "git init -q . && git config user.name a && git config user.email a@b && git commit -q --allow-empty -m a && \
                      git rev-parse HEAD && git commit -q --allow-empty -m b && git tag -a -m one v1 && git rev-parse HEAD v1 && \
                      git rev-parse HEAD^{tree}";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
        let ids = String::from_utf8(made.stdout).unwrap();
        let ids: Vec<_> = ids.lines().map(|id| Commit::parse("commit", id).unwrap()).collect();
        let [older, newer, tag, tree] = &ids[..] else { panic!("{ids:?}") };
        let path = folder.path().display().to_string();
        for url in [path.clone(), format!("file://{path}")] {
            for commit in [older, newer] {
                let found = find_commit(&url, None, commit).await.unwrap();
                assert_eq!(found, Tagged { commit: commit.clone(), object: None }, "{url}");
            }
            let found = find_commit(&url, None, tag).await.unwrap();
            assert_eq!(found, Tagged { commit: newer.clone(), object: Some(tag.clone()) });
            for nowhere in
                [tree.clone(), Commit::parse("commit", "0123456789abcdef".repeat(3)[..40].to_owned()).unwrap()]
            {
                let error = find_commit(&url, None, &nowhere).await.unwrap_err();
                let Unresolved::NoTag(Reason::Repository { fault: RepositoryFault::NoCommit { commit, .. } }) = error
                else {
                    panic!("{error:?}")
                };
                assert_eq!(commit, nowhere);
            }
        }
        let missing = find_commit(&format!("file://{path}/none"), None, newer).await.unwrap_err();
        assert!(matches!(missing, Unresolved::ForNow(_)), "{missing:?}");
    }
}
