//! The files of `assets/`, which the binary carries.
//!
//! Must not: change them. What is filled in for a service is the matter of `workflows`.

pub mod workflows;

use std::borrow::Cow;

use rust_embed::RustEmbed;

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
