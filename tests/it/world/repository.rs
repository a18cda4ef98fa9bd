//! A small git repository, the same on every machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository with a branch and tags.
pub struct Repository {
    pub path: PathBuf,
}

impl Repository {
    /// Makes one in `folder`, which is not there yet.
    pub fn in_folder(folder: &Path) -> Self {
        std::fs::create_dir(folder).unwrap();
        let repository = Self { path: folder.to_owned() };
        repository.git(&["init", "--quiet", "--initial-branch=main", "--template="]);
        repository
    }

    /// Commits everything, and a file with this text, and tags it (again, if the tag is there); answers with the commit.
    pub fn tag(&self, tag: &str, text: &str) -> String {
        std::fs::write(self.path.join("version"), text).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", text]);
        self.git(&["tag", "--force", tag]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// What a git command in it prints.
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "ann")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "ann@example.com")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_DATE"), "2026-01-05T10:00:00Z")))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}
