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
    text::<Workflows>(name)
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

/// `assets/systemd`: the unit of RMM.
#[derive(RustEmbed)]
#[folder = "assets/systemd"]
struct Systemd;

/// `assets/proxy`: web servers in front of RMM.
#[derive(RustEmbed)]
#[folder = "assets/proxy"]
struct Proxy;

/// `assets/container`: an image that holds RMM alone.
#[derive(RustEmbed)]
#[folder = "assets/container"]
struct Container;

/// `assets/litestream`: a replica of the database.
#[derive(RustEmbed)]
#[folder = "assets/litestream"]
struct Litestream;

/// The unit of RMM for systemd.
#[must_use]
pub fn unit() -> Option<String> {
    text::<Systemd>("rmm.service")
}

/// The files with which RMM is run and watched.
#[must_use]
pub fn for_operators() -> Vec<File> {
    let mut files = of::<Prometheus>("prometheus");
    files.extend(of::<Grafana>("grafana"));
    files.extend(of::<Systemd>("systemd"));
    files.extend(of::<Proxy>("proxy"));
    files.extend(of::<Container>("container"));
    files.extend(of::<Litestream>("litestream"));
    files.extend(of::<Watch>("watch"));
    files
}

fn of<E: RustEmbed>(folder: &str) -> Vec<File> {
    let file = |name: Cow<'_, str>| Some(File { path: format!("{folder}/{name}").into(), text: text::<E>(&name)? });
    E::iter().filter_map(file).collect()
}

fn text<E: RustEmbed>(name: &str) -> Option<String> {
    String::from_utf8(E::get(name)?.data.into_owned()).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn binaries_are_called_as_a_release_calls_them() {
        let releases = include_str!("../.github/workflows/release.yml");
        let said = [include_str!("../assets/container/Dockerfile"), include_str!("../docs/install.md")];
        let words = said.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)));
        let targets: Vec<_> =
            words.filter_map(|word| word.strip_prefix("rmm-")).filter(|word| word.contains("linux")).collect();
        assert_eq!(targets.len(), 3, "{targets:?}");
        for target in targets {
            assert!(releases.contains(&format!("target: {target},")), "{target}");
        }
    }
}
