//! Executes a health check: asks on a schedule, from the host or from RMM, until the surface is well or the tries are
//! used up. That the host cannot be reached says nothing about the surface, so such a try does not count.

use std::time::Duration;

use super::Failure;
use super::reach::{Reach, Waited};
use super::step::StepContext;
use crate::clients::health::{self, Unwell};
use crate::domain::command::{Answer, Command, Outcome};
use crate::domain::fault::HealthFault;
use crate::domain::reason::Reason;
use crate::domain::run::{Ask, Schedule, Script};
use crate::domain::service::Via;
use crate::wording::english;

/// How long the service's logs may take to be shown.
const LOGS: Duration = Duration::from_secs(60);

/// What one try found.
enum Checked {
    Well(String),
    Ill(Reason),
    /// The step ends with this.
    Over(Outcome),
}

impl StepContext<'_> {
    /// Asks again and again whether the surface is well, on the schedule.
    pub(super) async fn poll(&self, schedule: &Schedule, ask: &Ask) -> Result<Outcome, Failure> {
        let mut first = self.step.tries.max(1);
        let mut again = self.again && self.step.tries > 0;
        if !again {
            first = 1;
            if self.pause(schedule.wait).await {
                return Ok(Outcome::Stopped);
            }
        }
        let mut last = Reason::NeverAsked;
        for attempt in first..=schedule.attempts {
            if attempt > first && self.pause(schedule.interval).await {
                return Ok(Outcome::Stopped);
            }
            let found = match ask {
                Ask::Command(script) => self.check(attempt, script, schedule.timeout, again).await?,
                Ask::Http { .. } | Ask::Tcp { .. } => self.question(ask, schedule.timeout).await,
            };
            again = false;
            let told = match &found {
                Checked::Well(said) => format!("well, {said}"),
                Checked::Ill(reason) => english(reason),
                Checked::Over(_) => String::new(),
            };
            if let Checked::Over(outcome) = found {
                return Ok(outcome);
            }
            self.note(&format!("rmm: attempt {attempt} of {}: {told}\n", schedule.attempts)).await?;
            match found {
                Checked::Well(_) => return Ok(Outcome::Healthy),
                Checked::Ill(reason) => last = reason,
                Checked::Over(outcome) => return Ok(outcome),
            }
        }
        Ok(Outcome::Unhealthy(match schedule.attempts {
            1 => last,
            attempts => Reason::Attempts { attempts, last: Box::new(last) },
        }))
    }

    /// One question over the network.
    async fn question(&self, ask: &Ask, timeout: Duration) -> Checked {
        let mut reach = Reach::new(self.following, &self.step.host);
        loop {
            let answer = tokio::select! {
                () = self.following.until_ending() => return Checked::Over(Outcome::Stopped),
                answer = self.answer(ask, timeout) => answer,
            };
            let error = match answer {
                Ok(said) => {
                    reach.arrived().await;
                    return Checked::Well(said);
                }
                Err(Unwell::Surface(fault)) => {
                    reach.arrived().await;
                    return Checked::Ill(Reason::Health { fault });
                }
                Err(Unwell::Host(error)) => error,
            };
            match reach.wait(&error, true).await {
                Waited::Again => {}
                // The question itself does nothing on the host.
                Waited::Left(reason) => return Checked::Over(Outcome::Unreachable { reason, begun: false }),
                Waited::Stopped => return Checked::Over(Outcome::Stopped),
                Waited::Over(reason) => return Checked::Over(Outcome::Unhealthy(reason)),
            }
        }
    }

    async fn answer(&self, ask: &Ask, timeout: Duration) -> Result<String, Unwell> {
        let engine = &self.following.engine;
        let host = || async { engine.transport(&self.step.host).await.map_err(Unwell::Host) };
        match ask {
            Ask::Http { url, via: Via::Host, status, body, .. } if !self.step.host.is_local() => {
                let expected = health::Expected { status: *status, body: body.as_deref() };
                health::get_over(host().await?.as_ref(), url, expected, timeout).await
            }
            Ask::Http { url, status, body, ca, .. } => {
                let expected = health::Expected { status: *status, body: body.as_deref() };
                let catalog = engine.catalog();
                let certificates = ca.as_deref().map(|reference| {
                    let gone = || HealthFault::CertificatesGone { url: url.clone(), reference: reference.to_owned() };
                    catalog.certificates(reference).ok_or_else(|| Unwell::Surface(gone()))
                });
                let certificates = certificates.transpose()?;
                engine.ports().prober.get(url, expected, certificates, timeout).await.map_err(Unwell::Surface)
            }
            Ask::Tcp { address, via: Via::Host } => health::reach_over(host().await?.as_ref(), address, timeout).await,
            Ask::Tcp { address, via: Via::Rmm } => {
                health::reach_over(engine.ports().local.as_ref(), address, timeout).await
            }
            Ask::Command(_) => Err(Unwell::Surface(HealthFault::NotOverNetwork)),
        }
    }

    /// One try of a health check by command: a durable step of its own.
    async fn check(&self, attempt: u32, script: &Script, limit: Duration, again: bool) -> Result<Checked, Failure> {
        if !again {
            let begun = self.following.report(Command::TryStep { run: self.run_id(), step: self.step.index }).await?;
            if begun == Answer::Step(None) {
                return Ok(Checked::Over(Outcome::Stopped));
            }
        }
        let key = format!("{}.{attempt}", self.step.index);
        let spec = self.spec(key, script, again);
        let outcome = self.durable_for(&spec, self.log_step(attempt), limit).await?;
        Ok(match outcome {
            Outcome::Exited(0) | Outcome::Healthy => Checked::Well("the check passed".to_owned()),
            Outcome::Exited(status) => {
                let (said, tool) = self.last_words(self.log_step(attempt)).await?;
                Checked::Ill(Reason::CheckFailed { status, said, tool })
            }
            Outcome::TimedOut => Checked::Ill(Reason::CheckTimedOut { limit }),
            Outcome::Unhealthy(reason) | Outcome::NotStarted(reason) => Checked::Ill(reason),
            Outcome::Stopped | Outcome::Lost(_) | Outcome::Unreachable { .. } => Checked::Over(outcome),
        })
    }

    /// Adds to the step's output what the service said last. It only explains, so its own end does not matter.
    pub(super) async fn show_logs(&self, number: u32, script: &Script) -> Result<(), Failure> {
        let key = format!("{}.{number}", self.step.index);
        let spec = self.spec(key, script, true);
        self.durable_for(&spec, self.log_step(number), LOGS).await.map(|_| ())
    }

    /// Waits; true when the run is to end.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.following.until_ending() => true,
            () = self.following.engine.clock().sleep(time) => false,
        }
    }
}
