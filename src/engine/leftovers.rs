//! What earlier runs left on a host that did not answer then, once a later run has come to it and ended what was still at
//! work there.

use super::following::Following;
use crate::clients::detached::{self, Ended, Fence, RunDir, StepError};
use crate::domain::command::Command;
use crate::domain::ids::HostName;
use crate::domain::reason::Found;
use crate::domain::run::Run;
use crate::domain::run_name::RunName;
use crate::store::runs;

impl Following {
    /// Puts the steps of earlier runs on the record that were still at work on a host and have been ended.
    pub(super) async fn note_ended(&self, host: &HostName, ended: Vec<(String, String)>) {
        if ended.is_empty() {
            return;
        }
        let steps: Vec<_> = ended
            .iter()
            .map(|(token, key)| {
                let run = RunName::of_token(token).map_or_else(|| token.clone(), |name| name.id.to_string());
                format!("step {key} of run {run}")
            })
            .collect();
        tracing::warn!(run = %self.run.id, %host, steps = steps.join(", "), "ended what an earlier run had left at work");
        let command = Command::EarlierStepsEnded { run: self.run.id, host: host.clone(), steps };
        if let Err(error) = self.report(command).await {
            tracing::warn!(run = %self.run.id, %error, "that steps of an earlier run were ended could not be noted");
        }
    }

    /// Looks what became of migrations that were at work when the host stopped answering: the way back may have gone on
    /// from another host before they ended.
    pub(super) async fn look_at_left_migrations(&self, host: &HostName) {
        let Run { service, environment, .. } = &self.run;
        let (service, environment, name) = (service.clone(), *environment, host.clone());
        let found = self.engine.read(move |conn| {
            let mut unseen = runs::environment(conn, &service, environment)?.unseen;
            unseen.retain(|unseen| unseen.host == name);
            unseen.into_iter().map(|unseen| Ok(runs::get(conn, unseen.run)?.map(|run| (run, unseen.step)))).collect()
        });
        let unseen: Vec<Option<(Run, u32)>> = match found.await {
            Ok(unseen) => unseen,
            Err(error) => return tracing::warn!(%host, %error, "what was left on a host could not be read"),
        };
        for (of, step) in unseen.into_iter().flatten() {
            let found = match self.result(host, &of, step).await {
                Ok(Ended::NotStarted(_)) => Found::NotStarted,
                Ok(Ended::Exited(status)) => Found::Exited(status),
                Ok(Ended::Stopped(_)) => Found::Stopped,
                Ok(Ended::Lost(_)) => Found::Lost(None),
                // The next run asks the host again.
                Err(StepError::Transport(_)) => continue,
                Err(error) => Found::Lost(Some(Box::new(error.reason()))),
            };
            let command = Command::MigrationFound { run: self.run.id, of: of.id, step, found };
            if let Err(error) = self.report(command).await {
                tracing::warn!(run = %self.run.id, %host, %error, "what became of a migration could not be noted");
            }
        }
    }

    async fn result(&self, host: &HostName, of: &Run, step: u32) -> Result<Ended, StepError> {
        let token = of.token(&self.engine.ports().instance);
        let directory = RunDir::new(self.engine.run_directory(host, of, &token))?;
        let fence = Fence { token: &token, ..self.fence() };
        detached::result(self.engine.transport(host).await?.as_ref(), &directory, fence, &step.to_string()).await
    }
}
