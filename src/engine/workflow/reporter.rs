//! Whose report it is, while RMM has started a workflow and does not know yet which run at GitHub it is: GitHub is asked, so that no
//! other run is taken for it.

use std::time::Duration;

use super::{dispatched_for, runs};
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::ReleaseId;
use crate::domain::release::Reporter;
use crate::domain::run::Run;
use crate::domain::workflow::DispatchState;
use crate::engine::{Engine, Failure};

/// How long the report may wait for GitHub's answer. Without one, it is believed: it has shown who it is.
const PATIENCE: Duration = Duration::from_secs(10);

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
        let unseen = self.read(move |conn| {
            let run = runs::of_release(conn, release)?.into_iter().find(is_unseen);
            run.map(|run| Ok((dispatched_for(conn, &run)?, run))).transpose()
        });
        let Some((dispatched, run)) = unseen.await? else { return Ok(Some(reporter)) };
        let asked = tokio::time::timeout(PATIENCE, self.is_run_of(&dispatched, &run, &reporter.id));
        let is_other = asked.await.is_ok_and(|is_its| is_its == Some(false));
        Ok(Some(Reporter { is_other, ..reporter }))
    }

    /// Whether a run at GitHub is the one that was started for a run; none: GitHub does not say.
    async fn is_run_of(&self, dispatched: &Run, run: &Run, id: &str) -> Option<bool> {
        let dispatch = run.dispatch.as_ref()?;
        let number = id.parse::<u64>().ok();
        // GitHub was not asked for any yet, and knows all of its own by number.
        let Some(number) = number.filter(|_| dispatch.state != DispatchState::Due) else { return Some(false) };
        let catalog = self.catalog();
        let (github, repository) = catalog.github_of(&run.service).ok()?;
        let token = dispatched.token(&self.ports().instance);
        match github.run(&repository, number).await {
            Ok(found) => Some(found.is_named(&token)),
            // What GitHub denies is not believed. Its lists may know a run before it does.
            Err(GithubFault::NotFound { .. }) => {
                match github.find_run(&repository, &dispatch.workflow, dispatched.created_at, &token).await {
                    Ok(shown) => Some(shown.is_some_and(|found| found.id == number)),
                    Err(fault) if fault.may_pass() => Some(false),
                    // It answers the same about everything that this login may not see.
                    Err(_) => None,
                }
            }
            Err(_) => None,
        }
    }
}

/// A run in production that lives, and whose run at GitHub is not known.
fn is_unseen(run: &Run) -> bool {
    run.environment == Env::Production && run.state.is_live() && run.dispatch.is_some() && run.ci_run.is_none()
}
