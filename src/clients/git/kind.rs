//! What kind of object a tag leads to. A list of tags does not say it.

use std::path::Path;
use std::time::Duration;

use super::log::run;
use super::{certificates, prepared};
use crate::domain::ids::Tag;
use crate::domain::plan::clone_url;

/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a tag leads to a commit, and not to a file or a folder; `ca` as for [`super::resolve`]. None where git cannot tell.
pub async fn is_commit(repository: &str, ca: Option<&str>, tag: &Tag) -> Option<bool> {
    let kind = tokio::time::timeout(TIMEOUT, kind(repository, ca, tag)).await.ok()??;
    Some(kind.trim() == "commit")
}

async fn kind(repository: &str, ca: Option<&str>, tag: &Tag) -> Option<String> {
    let url = clone_url(repository);
    if url.starts_with('-') {
        return None;
    }
    let certificates = ca.map(certificates).transpose().ok()?;
    let git = |place: &Path| {
        let mut command = prepared();
        command.arg("-C").arg(place);
        if let Some(file) = &certificates {
            command.env("GIT_SSL_CAINFO", file.path());
        }
        command
    };
    let reference = format!("refs/tags/{tag}");
    let there = Path::new(&url);
    if there.is_absolute() {
        return run(git(there), &["cat-file", "-t", &format!("{reference}^{{}}")]).await;
    }
    let folder = tempfile::tempdir().ok()?;
    run(git(folder.path()), &["init", "--quiet", "--bare"]).await?;
    let fetch = ["fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "--", &url, &reference];
    run(git(folder.path()), &fetch).await?;
    run(git(folder.path()), &["cat-file", "-t", "FETCH_HEAD^{}"]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tag_of_a_file_or_a_folder_is_no_version() {
        let folder = tempfile::tempdir().unwrap();
        let script = "git init -q . && git config user.name a && git config user.email a@b && git config uploadpack.allowFilter true && \
                      echo key > key && git add key && git commit -q -m a && git tag plain && git tag -m said annotated && \
                      git tag file HEAD:key && git tag -m signed said-file HEAD:key && git tag folder HEAD^{tree}";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).status().unwrap();
        assert!(made.success());
        let path = folder.path().display().to_string();
        for url in [path.clone(), format!("file://{path}")] {
            for (tag, is) in [
                ("plain", Some(true)),
                ("annotated", Some(true)),
                ("file", Some(false)),
                ("said-file", Some(false)),
                ("folder", Some(false)),
                ("gone", None),
            ] {
                let tag = Tag::parse("tag", tag).unwrap();
                assert_eq!(is_commit(&url, None, &tag).await, is, "{tag} at {url}");
            }
        }
    }
}
