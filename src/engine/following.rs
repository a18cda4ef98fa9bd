//! A run that is followed: where its steps are executed, whom it waits for, and how what becomes of it is reported.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use super::{Engine, Failure, Request};
use crate::clients::detached::{Fence, RunDir};
use crate::domain::command::{Answer, Command};
use crate::domain::ids::HostName;
use crate::domain::person::Actor;
use crate::domain::reason::{Reason, Wait};
use crate::domain::run::Run;
use crate::store::StoreError;

/// A run and the places where its steps are executed.
pub(super) struct Following {
    pub engine: Engine,
    pub run: Run,
    /// The run's directory on each of its hosts.
    pub directories: BTreeMap<HostName, RunDir>,
    /// Whose run it is, as the hosts know it.
    pub token: String,
    /// Who began the release.
    pub performer: String,
    /// The run may take this long.
    pub limit: Duration,
    /// The trace of what caused the run.
    pub trace: Option<String>,
    /// The hosts that it waits for.
    pub waits: Waits,
}

impl Following {
    /// Reports what became of the run; a refusal means that it has been ended meanwhile.
    pub(super) async fn report(&self, command: Command) -> Result<Answer, Failure> {
        report(&self.engine, &self.run, self.trace.clone(), command).await
    }

    pub(super) fn fence(&self) -> Fence<'_> {
        let ports = self.engine.ports();
        Fence { token: &self.token, generation: ports.generation, process: &ports.process }
    }
}

/// The hosts that a run waits for, and why. Locked while they are reported, so that the last report is the newest one.
#[derive(Default)]
pub(super) struct Waits(Mutex<BTreeMap<HostName, Wait>>);

impl Waits {
    /// Notes why a host is waited for, or that it is not any more, and reports all that are.
    pub(super) async fn note(&self, following: &Following, host: &HostName, why: Option<Wait>) {
        let mut waits = self.0.lock().await;
        match why {
            Some(why) => waits.insert(host.clone(), why),
            None => waits.remove(host),
        };
        let Following { engine, run, .. } = following;
        let hosts = waits.clone();
        let reason = (!hosts.is_empty()).then(|| engine.catalog().redactor().reason(&Reason::WaitsFor { hosts }));
        if let Err(error) = following.report(Command::RunWaits { run: run.id, reason }).await {
            tracing::warn!(run = %run.id, %error, "whom a run waits for could not be noted");
        }
    }

    /// Whether a host is waited for.
    pub(super) async fn contains(&self, host: &HostName) -> bool {
        self.0.lock().await.contains_key(host)
    }

    /// A host is not waited for any more, and that is not reported. The answer is what was heard of it last.
    pub(super) async fn forget(&self, host: &HostName) -> Option<Reason> {
        self.0.lock().await.remove(host).map(|wait| wait.cause)
    }
}

/// Reports what became of a run; a refusal means that it has been ended meanwhile.
pub(super) async fn report(
    engine: &Engine,
    run: &Run,
    trace: Option<String>,
    command: Command,
) -> Result<Answer, Failure> {
    match engine.handle(Request::about(Actor::Machine, run.service.clone(), command).traced(trace)).await {
        Ok(handled) => Ok(handled.answer),
        // Its definition is not known now, so that nothing can be decided: the run is taken up again later.
        Err(Failure::Refused(refusal)) if engine.catalog().service(&run.service).is_none() => {
            Err(postponed(refusal.code.as_str()))
        }
        Err(Failure::Refused(refusal)) => {
            tracing::debug!(refusal = refusal.code.as_str(), "a report of a run came too late");
            Ok(Answer::Step(None))
        }
        Err(failure) => Err(failure),
    }
}

/// The output cannot be kept for now: the effect is postponed and the step found again.
pub(super) fn postponed(detail: &str) -> Failure {
    Failure::Store(StoreError::Unavailable { disk_full: false, detail: detail.to_owned() })
}
