//! Who the steps on RMM's own machine run as, and what that means for RMM.

use std::os::unix::fs::MetadataExt;

use crate::clients::local::Local;
use crate::clients::local::account::Account;
use crate::config::Config;
use crate::domain::service::{Driver, EnvironmentKind};

/// What steps can do to RMM, since they run as the same user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// As a sentence that says what to do.
    pub sentence: String,
    /// RMM is root, and nobody has said that steps may be root, too.
    pub refused: bool,
}

/// How scripts run on this machine.
///
/// # Errors
/// When they cannot run as the configuration says, as a sentence that says what to do.
pub fn transport(config: &Config) -> Result<Local, String> {
    let Some(local) = &config.local else { return Ok(Local::new()) };
    let account = Account::find(&local.user, local.home.as_deref());
    let local = account.and_then(|account| if account.is_own() { Ok(Local::new()) } else { Local::of(account) });
    local.map_err(|problem| format!("[local] user: {problem}"))
}

/// Who RMM runs as: whoever checks a configuration may be somebody else.
#[must_use]
pub fn rmm_user(config: &Config) -> u32 {
    let data = std::fs::metadata(&config.server.data_dir).map(|found| found.uid());
    data.unwrap_or_else(|_| rustix::process::geteuid().as_raw())
}

/// What steps on this machine can do to RMM, if there may be any and they can.
#[must_use]
pub fn danger(config: &Config) -> Option<Danger> {
    let is_here = |kind| config.services.iter().any(|one| matches!(one.environment(kind).driver, Driver::Local));
    if !is_here(EnvironmentKind::Stage) && !is_here(EnvironmentKind::Production) {
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
    let (who, refused) = match (steps, &config.local) {
        (0, None) => ("root, as RMM does".to_owned(), true),
        (0, Some(_)) => ("root".to_owned(), false),
        (_, None) => ("the user that RMM itself runs as".to_owned(), false),
        (_, Some(local)) => (format!("{}, the user that RMM itself runs as", local.user), false),
    };
    let root = if own == 0 {
        "`useradd --create-home rmm-steps`, then `[local]` with `user = \"rmm-steps\"` in rmm.toml (and give it what it \
         needs: `chown -R rmm-steps` the folders of its services, the group docker)"
    } else {
        "RMM has to run as root for that, with `[local]` and `user = \"…\"` in rmm.toml; or let it reach this machine by \
         SSH (driver = \"ssh\", address = \"127.0.0.1\") as another user"
    };
    let otherwise = if refused {
        "; where steps may be root, in a container of their own for example, say so: `[local]` with `user = \"root\"`"
    } else {
        ""
    };
    let sentence = format!(
        "commands on this machine (driver = \"local\") run as {who}: whoever gets code into a release can read and change \
         RMM's database, keys and secrets there, approve, and deploy what they like. Let them run as a user of their \
         own: {root}{otherwise}"
    );
    Some(Danger { sentence, refused })
}
