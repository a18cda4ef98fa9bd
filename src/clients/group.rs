//! The processes of a program that RMM starts, as one.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The processes of a program that was started as a group of its own; they end with the interest in them.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Mostly there is none any more.
        let _ = self.0.map(|pid| kill_process_group(pid, Signal::KILL));
    }
}
