//! `[local]`: who the steps on RMM's own machine run as.

use std::path::{Path, PathBuf};

use super::file::Section;
use super::hosts::user_name;
use crate::domain::fault::config::Needed;

/// Who the steps on RMM's own machine run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalUser {
    /// The name of the user.
    pub user: String,
    /// The home directory, where it is another one than the system knows; absolute.
    pub home: Option<PathBuf>,
}

pub(super) fn read(root: &Section<'_>, base: &Path) -> Option<LocalUser> {
    let section = root.section("local")?;
    let home = section.text("home").map(|text| base.join(text.value));
    let Some(user) = section.text("user") else {
        if !section.has("user") {
            section.missing("user", Needed::LocalUser);
        }
        return None;
    };
    user_name(section.report, user).map(|user| LocalUser { user, home })
}
