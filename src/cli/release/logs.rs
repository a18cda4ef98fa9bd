//! `release logs`: the output of the steps, as it was and as it comes.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use serde_json::Value;

use super::super::words;
use super::{Number, look, steps};
use crate::api_client::{
    Call, Client, Context, Fault, Intent, print, print_bytes,
    sse::{Message, Reader},
    with_query,
};
use crate::contract::{self, AskStream, PrintedView, ReadOutput, bytes_of};
use crate::domain::fault::cli::CliFault;
use crate::domain::status::{List, Status};
use crate::terminal::{Tone, Ui, clean, note};
use crate::wording::Language;

/// Before a stream that broke is taken up again.
pub(super) const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);
/// How often in a row that is tried.
pub(super) const RECONNECT_TRIES: u32 = 60;

/// Print the output of the steps.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm release logs 12\n  rmm release logs 12 --follow\n  rmm release logs 12 --run 41 > run-41.log\n\n\
    --follow ends when the release (or the run) has ended, and survives a restart of RMM. With --json every line is a \
    piece of output, or with --follow also an event."
)]
pub struct Logs {
    /// The number of the release, as 12 or '#12'
    #[arg(value_name = "N")]
    number: Number,
    /// Go on until the release has ended
    #[arg(long, short)]
    follow: bool,
    /// Only of this run
    #[arg(long, value_name = "RUN")]
    run: Option<Number>,
    /// Print a line of JSON for each piece
    #[arg(long)]
    json: bool,
}

impl Logs {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let release = self.number.0;
        let intent = if self.follow { Intent::Watch } else { Intent::Look };
        let client = match Client::connect(context, intent).await {
            // What has ended can be read without a running RMM.
            Err(Fault::Unreachable(_)) if self.follow => Client::connect(context, Intent::Look).await?,
            other => other?,
        };
        let mut printer = Printer::new(context.ui, self.json);
        let path = format!("/api/v1/releases/{release}");
        let about = |fault: Fault| fault.about(release).in_json(self.json);
        // The place in the record comes first: what happens while the output is read is told again, not lost.
        let (events, _) = client.events(release).await.map_err(about)?;
        let runs: Vec<contract::RunView> = client.pages(format!("{path}/runs")).await.map_err(about)?.0;
        if let Some(wanted) = self.run
            && !runs.iter().any(|run| run.id == wanted.0)
        {
            return Err(Fault::refuses("not_found", CliFault::NoSuchRun { release, run: wanted.0 }));
        }
        let mut place = Position { event: events.last().map_or(0, |event| event.seq), output: 0 };
        for run in runs.iter().filter(|run| self.wants(run.id)) {
            printer.know(run);
            place.output = place.output.max(kept(&client, run, &mut printer).await?);
        }
        if !self.follow || self.is_over(&client, &path).await? {
            printer.finish()?;
            if printer.silent && !self.json {
                note(words::words(context.ui.language).no_output);
            }
            return Ok(());
        }
        self.follow(&client, &path, place, &mut printer).await
    }

    fn wants(&self, run: i64) -> bool {
        self.run.is_none_or(|wanted| wanted.0 == run)
    }

    /// Whether nothing more will be printed.
    async fn is_over(&self, client: &Client, path: &str) -> Result<bool, Fault> {
        let release: contract::ReleaseView = client.get(path).await?;
        let runs: Vec<contract::RunView> = client.pages(format!("{path}/runs")).await?.0;
        let live = runs.iter().any(|run| self.wants(run.id) && run.is_live());
        Ok(!live && (self.run.is_some() || !release.is_active()))
    }

    async fn follow(&self, client: &Client, path: &str, place: Position, printer: &mut Printer) -> Result<(), Fault> {
        let mut place = place.to_string();
        let mut tries = 0;
        loop {
            let query = AskStream { release: Some(self.number.0), ..AskStream::default() };
            let stream = with_query("/api/v1/stream", &query);
            match client.bytes(Call::stream(stream, Some(place.clone()))).await {
                Ok(mut pieces) => {
                    let mut reader = Reader::default();
                    while let Some(Ok(piece)) = pieces.next().await {
                        tries = 0;
                        for message in reader.take(&piece) {
                            place.clone_from(&message.id);
                            if self.told(client, path, &message, printer).await? {
                                return printer.finish();
                            }
                        }
                    }
                }
                Err(fault @ Fault::Unreachable(_)) if tries >= RECONNECT_TRIES => return Err(fault),
                Err(Fault::Unreachable(_) | Fault::Failed(_) | Fault::Trouble(_)) => {}
                Err(fault) => return Err(fault),
            }
            if tries == 0 {
                note(words::words(printer.ui.language).connection_ended);
            }
            tries += 1;
            tokio::time::sleep(RECONNECT_INTERVAL).await;
        }
    }

    /// Prints a message; whether it was the last one.
    async fn told(&self, client: &Client, path: &str, message: &Message, printer: &mut Printer) -> Result<bool, Fault> {
        if message.event == "log" {
            let Ok(piece) = serde_json::from_str::<PrintedView>(&message.data) else { return Ok(false) };
            if self.wants(piece.run) {
                if !printer.knows(piece.run) {
                    let run: contract::RunView = client.get(format!("/api/v1/runs/{}", piece.run)).await?;
                    printer.know(&run);
                }
                let bytes = bytes_of(&piece.text, piece.hex.as_deref());
                printer.piece((piece.run, piece.step, piece.attempt), 0, &bytes, &message.data)?;
            }
            return Ok(false);
        }
        let Ok(event) = serde_json::from_str::<contract::EventView>(&message.data) else { return Ok(false) };
        if event.run.is_none_or(|run| self.wants(run)) {
            printer.event(&event, &message.data)?;
        }
        let seq = event.seq;
        let ended = match event.kind.as_str() {
            "run_ended" => true,
            "release_moved" => event
                .data
                .get("to")
                .and_then(Value::as_str)
                .and_then(|to| to.parse::<Status>().ok())
                .is_none_or(|to| to.list() != List::Active),
            _ => false,
        };
        if !ended || !self.is_over(client, path).await? {
            return Ok(false);
        }
        // What was recorded in the same moment belongs to the end.
        let (events, raw) = client.events(self.number.0).await?;
        for (event, raw) in events.iter().zip(&raw) {
            if event.seq > seq && event.run.is_none_or(|run| self.wants(run)) {
                printer.event(event, &raw.to_string())?;
            }
        }
        Ok(true)
    }
}

/// Prints what is kept of a run; the id of its last piece.
async fn kept(client: &Client, run: &contract::RunView, printer: &mut Printer) -> Result<i64, Fault> {
    let path = format!("/api/v1/runs/{}/log", run.id);
    let mut after = 0;
    loop {
        let call = Call::get(with_query(&path, &ReadOutput { after: Some(after) }));
        let (output, json): (contract::RunOutput, String) = client.json(call).await?;
        if let Some(deleted) = output.deleted_at.filter(|_| after == 0) {
            note(&match printer.ui.language {
                Language::En => format!("note: the output of run {} was old and was deleted at {deleted}", run.id),
                Language::Ru => format!("Вывод прогона {} устарел и удалён {deleted}", run.id),
            });
            printer.silent = false;
        }
        if output.pieces.is_empty() {
            return Ok(after);
        }
        let raw: Value = serde_json::from_str(&json).unwrap_or_default();
        for (at, piece) in output.pieces.iter().enumerate() {
            let mut line = raw["pieces"][at].clone();
            if let Some(line) = line.as_object_mut() {
                line.insert("run".into(), run.id.into());
            }
            let bytes = bytes_of(&piece.text, piece.hex.as_deref());
            printer.piece((run.id, piece.step, piece.attempt), piece.dropped_before, &bytes, &line.to_string())?;
        }
        after = output.next;
    }
}

/// How far the stream was read.
struct Position {
    event: i64,
    output: i64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.event, self.output)
    }
}

/// Puts pieces of output one after the other, with a heading where another step begins.
struct Printer {
    ui: Ui,
    json: bool,
    titles: HashMap<(i64, i64), String>,
    runs: HashMap<i64, String>,
    last: Option<(i64, i64, i64)>,
    open_line: bool,
    silent: bool,
}

impl Printer {
    fn new(ui: Ui, json: bool) -> Self {
        Self { ui, json, titles: HashMap::new(), runs: HashMap::new(), last: None, open_line: false, silent: true }
    }

    fn know(&mut self, run: &contract::RunView) {
        let (words, what) = (words::words(self.ui.language), words::run(&self.ui, run));
        self.runs.insert(run.id, format!("{} {} · {what}", words.run, run.id));
        for step in &run.steps {
            let host = (step.host != "local").then(|| clean(&step.host));
            let what = steps::named(step, &steps::title(step, self.ui.language), host.as_deref(), self.ui.language);
            let title = format!("{} {} {what}", words.step, step.index + 1);
            self.titles.insert((run.id, i64::from(step.index)), title);
        }
    }

    fn knows(&self, run: i64) -> bool {
        self.runs.contains_key(&run)
    }

    /// Prints what the try of a step of a run has printed, after what was left out before it.
    fn piece(&mut self, of: (i64, i64, i64), dropped_before: u64, bytes: &[u8], json: &str) -> Result<(), Fault> {
        self.silent = false;
        if self.json {
            return print(&format!("{json}\n"));
        }
        if self.last != Some(of) {
            self.finish()?;
            let (run, step, attempt) = of;
            let title = self.titles.get(&(run, step));
            let words = words::words(self.ui.language);
            let step = title.map_or_else(|| format!("{} {}", words.step, step + 1), Clone::clone);
            let run = self.runs.get(&run).map_or_else(|| format!("{} {run}", words.run), Clone::clone);
            let attempt = if attempt > 0 { format!(" · {} {attempt}", words.try_number) } else { String::new() };
            print(&format!("{}\n", self.ui.paint(&format!("── {run} · {step}{attempt}"), Tone::Bold)))?;
            self.last = Some(of);
        }
        if dropped_before > 0 {
            self.finish()?;
            let gap = match self.ui.language {
                Language::En => format!("[… {dropped_before} bytes left out …]"),
                Language::Ru => format!("[… пропущено байт: {dropped_before} …]"),
            };
            print(&format!("{}\n", self.ui.paint(&gap, Tone::Dim)))?;
        }
        self.open_line = bytes.last().is_some_and(|byte| *byte != b'\n');
        print_bytes(bytes)
    }

    fn event(&mut self, event: &contract::EventView, json: &str) -> Result<(), Fault> {
        self.silent = false;
        if self.json {
            return print(&format!("{json}\n"));
        }
        // Steps have their headings.
        if matches!(event.kind.as_str(), "step_started" | "step_ended" | "run_created") {
            return Ok(());
        }
        self.finish()?;
        self.last = None;
        let text = format!("•• {} ({})", clean(&look::what(event, &self.ui)), look::actor(event));
        print(&format!("{}\n", self.ui.paint(&text, Tone::Dim)))
    }

    /// Ends a line that was left open.
    fn finish(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.open_line) { print("\n") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_comes_back_byte_for_byte() {
        assert_eq!(bytes_of("x", None), b"x");
        assert_eq!(bytes_of("x", Some("00ffc3")), [0, 255, 0xc3]);
        assert_eq!(bytes_of("x", Some("zz")), b"x");
    }
}
