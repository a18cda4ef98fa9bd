//! The files of `assets/`, which the binary carries.
//!
//! Must not: change them. What is filled in for a service is the matter of `workflows`.

pub mod workflows;

use std::borrow::Cow;
use std::path::PathBuf;

use rust_embed::RustEmbed;

/// A file for people.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Where it belongs, from the folder on that it is for.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// `assets/workflows`: what a repository on GitHub takes to speak to RMM.
#[derive(RustEmbed)]
#[folder = "assets/workflows"]
struct Workflows;

/// The text of a file of `assets/workflows`; none where there is no such file.
#[must_use]
pub fn workflow(name: &str) -> Option<String> {
    let file = Workflows::get(name)?;
    match file.data {
        Cow::Borrowed(bytes) => String::from_utf8(bytes.to_vec()).ok(),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok(),
    }
}

/// `assets/dashboard`: style and script of the pages.
#[derive(RustEmbed)]
#[folder = "assets/dashboard"]
struct Dashboard;

/// A file of `assets/dashboard`; none where there is no such file.
#[must_use]
pub fn dashboard(name: &str) -> Option<Cow<'static, [u8]>> {
    Dashboard::get(name).map(|file| file.data)
}

/// `assets/prometheus`: alert rules, and how RMM is read.
#[derive(RustEmbed)]
#[folder = "assets/prometheus"]
struct Prometheus;

/// `assets/grafana`: dashboards.
#[derive(RustEmbed)]
#[folder = "assets/grafana"]
struct Grafana;

/// `assets/watch`: an example of a whole monitoring.
#[derive(RustEmbed)]
#[folder = "assets/watch"]
struct Watch;

/// The files with which RMM is watched.
#[must_use]
pub fn watching() -> Vec<File> {
    let mut files = of::<Prometheus>("prometheus");
    files.extend(of::<Grafana>("grafana"));
    files.extend(of::<Watch>("watch"));
    files
}

fn of<E: RustEmbed>(folder: &str) -> Vec<File> {
    let text = |name: &str| String::from_utf8(E::get(name)?.data.into_owned()).ok();
    E::iter().filter_map(|name| Some(File { path: format!("{folder}/{name}").into(), text: text(&name)? })).collect()
}
