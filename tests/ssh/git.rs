//! Repositories for the hosts to clone from.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::world::eventually;

/// Serves a folder of repositories on the machine's side of the bridge.
pub struct GitDaemon {
    process: Child,
    url: String,
}

impl GitDaemon {
    pub async fn serve(folder: &Path, address: &str) -> Self {
        let port = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
        let programs = Command::new("git").arg("--exec-path").output().unwrap().stdout;
        let program = Path::new(String::from_utf8(programs).unwrap().trim()).join("git-daemon");
        let process = Command::new(program)
            .args(["--reuseaddr", "--export-all", &format!("--listen={address}"), &format!("--port={port}")])
            .arg(format!("--base-path={}", folder.display()))
            .arg(folder)
            .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        eventually("git is served", async || std::net::TcpStream::connect((address, port)).ok()).await;
        Self { process, url: format!("git://{address}:{port}") }
    }

    /// The address of a repository in the folder.
    pub fn url(&self, repository: &str) -> String {
        format!("{}/{repository}", self.url)
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
