//! `release wait`: for scripts that go on when a release has come somewhere.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::super::one_of;
use super::super::words;
use super::One;
use super::logs::{RECONNECT_INTERVAL, RECONNECT_TRIES};
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract;
use crate::domain::fault::cli::CliFault;
use crate::domain::status::{List, Status};
use crate::terminal::{Ui, note};
use crate::wording::Language;

/// How often RMM is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Wait until a release has ended or has come to a status.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm release wait 12                             exit status 0 if it is deployed\n  \
    rmm release wait 12 --until manual_testing\n  rmm release wait 12 --timeout 30m\n\n\
    Exit status: 0 it came there, 1 it ended otherwise or the time was over."
)]
pub struct Wait {
    #[command(flatten)]
    one: One,
    /// The status to wait for; default: until it has ended, and well means deployed
    #[arg(long, value_name = "STATUS", value_parser = one_of::<Status>(Status::ALL.iter().map(|status| status.as_str())))]
    until: Option<Status>,
    /// How long at most, as 90s, 30m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// A duration as people write it.
///
/// # Errors
/// A rule that the text does not keep.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a time such as 90s, 30m, 2h or 90d".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let parsed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(parsed).ok().filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

impl Wait {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Watch).await?;
        let id = self.one.number.0;
        let watch = async {
            let (mut last, mut tries) = (None, 0);
            loop {
                let (details, json, over) = match self.look(&client).await {
                    Ok(seen) => seen,
                    // It was there before: RMM is being restarted.
                    Err(Fault::Unreachable(_)) if last.is_some() && tries < RECONNECT_TRIES => {
                        if tries == 0 {
                            note(words::words(context.ui.language).no_answer);
                        }
                        tries += 1;
                        tokio::time::sleep(RECONNECT_INTERVAL).await;
                        continue;
                    }
                    Err(fault) => return Err(fault.about(id).in_json(self.one.json)),
                };
                tries = 0;
                let release = &details.release;
                // What has ended says why at the end.
                let reason = why(&context.ui, release).filter(|_| release.is_active());
                let now = (release.status.clone(), reason);
                if last.as_ref() != Some(&now) {
                    let why = now.1.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                    let status = words::status(context.ui.language, &release.status);
                    note(&match context.ui.language {
                        Language::En => format!("#{id} is {status}{why}"),
                        Language::Ru => format!("#{id}: {status}{why}"),
                    });
                    last = Some(now);
                }
                if let Some(well) = over {
                    if self.one.json {
                        print(&format!("{json}\n"))?;
                    }
                    if let Some(left) = details.stragglers.as_ref().filter(|_| well) {
                        note(&format!("#{id}: {}", words::stragglers(context.ui.language, left)));
                    }
                    return if well { Ok(()) } else { Err(Fault::failed(ended(&context.ui, &details))) };
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        match self.timeout {
            None => watch.await,
            Some(limit) => tokio::time::timeout(limit, watch)
                .await
                .unwrap_or_else(|_| Err(Fault::failed(CliFault::WaitedFor { release: id, seconds: limit.as_secs() }))),
        }
    }

    /// The release, also as JSON, and what [`Wait::over`] says of it.
    async fn look(&self, client: &Client) -> Result<(contract::ReleaseDetails, String, Option<bool>), Fault> {
        let path = format!("/api/v1/releases/{}", self.one.number.0);
        let (details, json): (contract::ReleaseDetails, _) = client.json(Call::get(&path)).await?;
        let over = self.over(client, &details.release).await?;
        Ok((details, json, over))
    }

    /// Whether there is nothing more to wait for, and whether it is what was waited for.
    async fn over(&self, client: &Client, release: &contract::ReleaseView) -> Result<Option<bool>, Fault> {
        let Some(until) = self.until else {
            return Ok(match release.list.known() {
                Some(List::Active) | None => None,
                Some(List::Successful) => Some(true),
                Some(List::Failed) => Some(false),
            });
        };
        if release.status == until || self.passed(client, release.id, until).await? {
            return Ok(Some(true));
        }
        Ok((!release.is_active()).then_some(false))
    }

    /// Whether the release has been there in its current attempt: it may pass a status between two looks.
    async fn passed(&self, client: &Client, release: i64, until: Status) -> Result<bool, Fault> {
        let (events, _) = client.events(release).await?;
        let attempt = events.iter().rev().take_while(|event| event.kind != "release_retried");
        Ok(attempt.into_iter().any(|event| {
            event.kind == "release_moved" && event.data.get("to").and_then(Value::as_str) == Some(until.as_str())
        }))
    }
}

/// Why it stands where it stands.
fn why(ui: &Ui, release: &contract::ReleaseView) -> Option<String> {
    release.reason.as_ref().map(|reason| words::reason(ui, reason, release.because.as_ref()))
}

fn ended(ui: &Ui, details: &contract::ReleaseDetails) -> String {
    let release = &details.release;
    let reason = why(ui, release).map(|reason| format!(": {reason}")).unwrap_or_default();
    let left = details.stragglers.as_ref().map(|left| format!("; {}", words::stragglers(ui.language, left)));
    let status = words::status(ui.language, &release.status) + &left.unwrap_or_default();
    match ui.language {
        Language::En => format!("#{} ended as {status}{reason}", release.id),
        Language::Ru => format!("#{}: {status}{reason}", release.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        for bad in ["", "soon", "-5s", "0s", "12"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
