//! Whose report it is, while RMM has started a workflow and does not know yet which run at GitHub it is: GitHub is asked, so that no
//! other run is taken for it.

use std::time::Duration;

use super::{dispatched_for, runs};
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::ReleaseId;
use crate::domain::reason::Reason;
use crate::domain::release::{Reporter, Shown};
use crate::domain::run::{Run, RunState};
use crate::domain::workflow::DispatchState;
use crate::engine::{Engine, Failure};

/// How long the report may wait for GitHub's answer. Without one, it has to come again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

impl Engine {
    /// What is known of the CI run that reports about a release, beside what it says itself.
    ///
    /// # Errors
    /// [`Failure::Store`].
    pub async fn look_up_reporter(
        &self,
        release: ReleaseId,
        reporter: Option<Reporter>,
    ) -> Result<Option<Reporter>, Failure> {
        let Some(reporter) = reporter else { return Ok(None) };
        let found = self.read(move |conn| {
            let run = runs::of_release(conn, release)?.into_iter().find(is_in_production);
            run.map(|run| Ok((dispatched_for(conn, &run)?, run))).transpose()
        });
        let Some((dispatched, run)) = found.await? else { return Ok(Some(reporter)) };
        let shown = if run.ci_run.is_some() {
            // By now it is known which one it is, and the number tells.
            Shown::NotYet
        } else {
            let asked = tokio::time::timeout(ANSWER_TIMEOUT, self.shown_by_github(&dispatched, &run, &reporter.id));
            asked.await.unwrap_or_default()
        };
        Ok(Some(Reporter { shown, ..reporter }))
    }

    /// Whether GitHub shows a run as the one that was started for a run.
    async fn shown_by_github(&self, dispatched: &Run, run: &Run, id: &str) -> Shown {
        let catalog = self.catalog();
        let Some(dispatch) = &run.dispatch else { return Shown::NotYet };
        let (github, repository) = match catalog.github_of(&run.service) {
            Ok(way) => way,
            Err(Reason::NoGithub { .. }) => return Shown::Nowhere,
            Err(_) => return Shown::NotYet,
        };
        let number = id.parse::<u64>().ok();
        // GitHub was not asked for any yet, and knows all of its own by number.
        let Some(number) = number.filter(|_| dispatch.state != DispatchState::Due) else { return Shown::Other };
        let is_meant = |meant| if meant { Shown::Meant } else { Shown::Other };
        let token = dispatched.token(&self.ports().instance);
        match github.run(&repository, number).await {
            Ok(found) => is_meant(found.is_named(&token)),
            // What GitHub denies is not believed. Its lists may know a run before it does.
            Err(GithubFault::NotFound { .. }) => {
                let listed = github.find_run(&repository, &dispatch.workflow, dispatched.created_at, &token).await;
                listed.map_or(Shown::NotYet, |listed| is_meant(listed.is_some_and(|found| found.id == number)))
            }
            Err(_) => Shown::NotYet,
        }
    }
}

/// A run in production whose workflow RMM starts, and of which something can still be told.
fn is_in_production(run: &Run) -> bool {
    let is_open = run.state.is_live() || matches!(run.state, RunState::Unknown { .. });
    run.environment == Env::Production && is_open && run.dispatch.is_some()
}
