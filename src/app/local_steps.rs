//! Who the steps on RMM's own machine run as, and what that means for RMM.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::DataDir;
use crate::clients::local::Local;
use crate::clients::local::account::Account;
use crate::config::Config;
use crate::domain::fault::machine::{MachineFault, StepsAs};
use crate::domain::service::Driver;

/// What steps can do to RMM, since they run as the same user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// The fact.
    pub fault: MachineFault,
    /// RMM does not start like this: it is root, the file does not say that steps may be root, too, and it has not worked like
    /// that before.
    pub refused: bool,
    /// They would be root as RMM is, and the file does not say that they may.
    pub is_undecided: bool,
}

/// How scripts run on this machine.
///
/// # Errors
/// When they cannot run as the configuration says.
pub fn transport(config: &Config) -> Result<Local, MachineFault> {
    let Some(local) = &config.local else { return Ok(Local::new()) };
    let account = Account::find(&local.user, local.home.as_deref())?;
    if account.is_own() { Ok(Local::new()) } else { Local::of(account) }
}

/// Who RMM runs as: `rmm check` may run as another user.
#[must_use]
pub fn rmm_user(config: &Config) -> u32 {
    let data = fs::metadata(&config.server.data_dir).map(|found| found.uid());
    data.unwrap_or_else(|_| rustix::process::geteuid().as_raw())
}

/// The files that RMM has to read and its user cannot, as root sees it: the configuration, and what `file:` leads to.
#[must_use]
pub fn unreadable(config: &Config, file: &Path) -> Vec<MachineFault> {
    let user = rmm_user(config);
    if user == 0 || !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let Some(account) = Account::with_number(user) else { return Vec::new() };
    let folder = file.parent().unwrap_or(Path::new(""));
    let named = config.secrets.references().filter_map(|reference| Some(folder.join(reference.strip_prefix("file:")?)));
    let all = std::iter::once(file.to_owned()).chain(named).filter_map(|path| path.canonicalize().ok());
    all.filter(|path| !account.may_read(path))
        .map(|path| MachineFault::Unreadable { path, user: account.name.clone() })
        .collect()
}

/// What decides over RMM and can be exchanged by the user of steps: the configuration, the program, and the data
/// directory, each with the folders that lead there.
#[must_use]
pub fn exposed(config: &Config, file: &Path) -> Vec<MachineFault> {
    let Some(local) = &config.local else { return Vec::new() };
    let Ok(account) = Account::find(&local.user, None) else { return Vec::new() };
    if account.uid == 0 || account.uid == rmm_user(config) {
        return Vec::new();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let all = [file, &program, &config.server.data_dir].into_iter().filter_map(|path| path.canonicalize().ok());
    let mut paths: Vec<PathBuf> =
        all.flat_map(|path| path.ancestors().map(Path::to_owned).collect::<Vec<_>>()).collect();
    paths.sort();
    paths.dedup();
    let exposed = paths.into_iter().filter(|path| fs::metadata(path).is_ok_and(|found| may_change(&account, &found)));
    exposed.map(|path| MachineFault::Exposed { path, user: account.name.clone() }).collect()
}

/// Whether a user may write a file, or exchange what is in a folder.
fn may_change(account: &Account, found: &fs::Metadata) -> bool {
    let (mode, sticky) = (found.mode(), found.is_dir() && found.mode() & 0o1000 != 0);
    let by_group = mode & 0o020 != 0 && account.groups().contains(&found.gid());
    found.uid() == account.uid || !sticky && (mode & 0o002 != 0 || by_group)
}

/// Whether services of the dashboard may run on this machine: as root only where the file says that steps may, by `[local]` or
/// by a service of its own there.
#[must_use]
pub fn may_be_defined(file: &Config) -> bool {
    file.local.is_some() || rmm_user(file) != 0 || danger(file).is_some()
}

/// What steps on this machine can do to RMM, if there may be any and they can.
#[must_use]
pub fn danger(config: &Config) -> Option<Danger> {
    let mut environments = config.services.iter().flat_map(|service| service.environments.values());
    if !environments.any(|environment| matches!(environment.driver, Driver::Local)) {
        return None;
    }
    let own = rmm_user(config);
    let steps = match &config.local {
        None => own,
        Some(local) => Account::find(&local.user, None).ok()?.uid,
    };
    if steps != 0 && steps != own {
        return None;
    }
    let undecided = steps == 0 && config.local.is_none();
    let steps = match (steps, &config.local) {
        (0, None) => StepsAs::RootAsRmm,
        (0, Some(_)) => StepsAs::Root,
        (_, None) => StepsAs::Rmm,
        (_, Some(local)) => StepsAs::Named(local.user.clone()),
    };
    let fault = MachineFault::StepsRuleRmm { steps, as_root: own == 0, undecided };
    // An upgrade does not stop an RMM that has worked like this before. Where RMM may not look, there is one.
    let is_new = DataDir::new(&config.server.data_dir).database().try_exists().is_ok_and(|exists| !exists);
    Some(Danger { fault, refused: undecided && is_new, is_undecided: undecided })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_owner_of_a_file_and_writers_of_its_folder_may_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rmm.toml");
        fs::write(&file, "").unwrap();
        let user = Account::find("nobody", Some(Path::new("/elsewhere"))).unwrap();
        let changes = |path: &Path, mode: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            may_change(&user, &fs::metadata(path).unwrap())
        };
        assert!(!changes(&file, 0o644) && changes(&file, 0o666));
        assert!(!changes(folder.path(), 0o755) && changes(folder.path(), 0o777) && !changes(folder.path(), 0o1777));
        let mut owner = user;
        owner.uid = fs::metadata(&file).unwrap().uid();
        assert!(may_change(&owner, &fs::metadata(&file).unwrap()));
    }
}
