//! `rmm demo`: the whole life cycle on this machine, with a real server, a real repository, real deploys, and three
//! sample people. It plays a story over the HTTP API and tells what the API, the event stream and the released
//! service themselves say.
//!
//! It must leave nothing behind: no process, and no file unless something went wrong.

mod api;
mod board;
mod live;
pub mod repository;
mod sandbox;
mod screen;
pub mod service;
mod story;
mod summary;
mod telegram;
mod teller;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::board::{Fact, Mark};
use self::live::Line;
use self::sandbox::{PEOPLE, SERVICE, Sandbox};
use self::screen::{Audience, Screen};
use self::summary::{Summary, rounded};
use self::telegram::{Guest, Pairing};
use self::teller::Teller;
use crate::domain::plan::shell_word;
use crate::terminal::Tone;

/// How the demo is played.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// End after the story.
    pub once: bool,
    /// A summary for machines on standard output.
    pub json: bool,
    /// How long each tap is waited for, if a person plays ann in Telegram.
    pub telegram: Option<Duration>,
}

/// How a part of the demo came to its end.
enum Ended<T> {
    Done(T),
    Interrupted,
}

/// Plays the demo. Says whether all of it held.
///
/// # Errors
/// When it could not begin, or something of it could not be ended.
pub async fn run(options: Options) -> Result<bool> {
    let mut signals = Signals::new()?;
    let mut screen = Screen::new(Audience::of_stdout(options.json));
    screen.fact(&Fact::new(Mark::Note, "RMM demo: real releases of a real service, on this machine only"));
    let mut sandbox = match signals.or(begin(options, &mut screen)).await {
        Ended::Done(started) => started?,
        Ended::Interrupted => return Ok(false),
    };
    let played = signals.or(play(&mut sandbox, &mut screen)).await;
    screen.clear();
    let Ended::Done(mut summary) = played else {
        screen.fact(&Fact::new(Mark::Note, "interrupted; ending what is under way"));
        sandbox.end(false).await?;
        return Ok(false);
    };
    if !options.once && summary.ok {
        show(&mut screen, options, &summary)?;
        screen.text(&invitation(&sandbox));
        signals.any().await;
        screen.text(&[Line::default().add(Tone::Dim, "Ending RMM and both guestbooks …")]);
        sandbox.end(false).await?;
        return Ok(true);
    }
    sandbox.telegram_is_told().await;
    summary.folder = sandbox.end(!summary.ok).await?;
    show(&mut screen, options, &summary)?;
    if let Some(folder) = &summary.folder {
        let text = format!("Everything was left in {}; nothing of it runs any more.", folder.display());
        screen.text(&[Line::default().add(Tone::Plain, text)]);
    }
    Ok(summary.ok)
}

/// Everything that the story needs; with Telegram, that includes a person to play ann.
async fn begin(options: Options, screen: &mut Screen) -> Result<Sandbox> {
    sandbox::require_git()?;
    let guest = match options.telegram {
        Some(timeout) => Some(invite(Pairing::open(timeout).await?, screen).await?),
        None => None,
    };
    Sandbox::start(screen.is_live(), guest).await
}

async fn invite(pairing: Pairing, screen: &mut Screen) -> Result<Guest> {
    let text = format!("open {} and press Start: you will be ann, who approves", pairing.link());
    screen.fact(&Fact::new(Mark::Open, text));
    let guest = pairing.guest().await?;
    let text = format!("{} (number {} in Telegram) is ann, an admin", guest.first_name, guest.id);
    screen.fact(&Fact::new(Mark::Good, text));
    Ok(guest)
}

/// The story and what came of it; an error in it is a part of the summary.
async fn play(sandbox: &mut Sandbox, screen: &mut Screen) -> Summary {
    let mut summary = Summary {
        ok: false,
        seconds: 0.0,
        releases: Vec::new(),
        environments: summary::Environments::default(),
        checks: Vec::new(),
        error: None,
        folder: None,
    };
    let outcome = tell(sandbox, screen, &mut summary).await;
    summary.error = outcome.err().map(|error| format!("{error:#}"));
    summary.seconds = rounded(screen.seconds());
    summary.ok = summary.error.is_none() && summary.checks.iter().all(|check| check.ok);
    summary
}

async fn tell(sandbox: &Sandbox, screen: &mut Screen, summary: &mut Summary) -> Result<()> {
    let mut teller = Teller::new(sandbox, screen).await?;
    let api = teller.admin()?;
    let played = teller.play().await;
    summary.checks = std::mem::take(&mut teller.checks);
    // Also of a story that has broken off: it says how far it came.
    (summary.releases, summary.environments) = summary::gather(&api, sandbox).await?;
    played
}

fn show(screen: &mut Screen, options: Options, summary: &Summary) -> Result<()> {
    if options.json {
        let text = serde_json::to_string_pretty(summary).context("the summary cannot be written as JSON")?;
        use std::io::Write;
        writeln!(std::io::stdout(), "{text}").context("the summary cannot be written")?;
    } else {
        screen.text(&summary.lines());
    }
    Ok(())
}

/// How to call this very program from any folder: by its name where that leads to it, or by its path.
fn this_program() -> String {
    let Ok(program) = std::env::current_exe() else { return "rmm".to_owned() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path).map(|folder| folder.join("rmm")).find(|found| found.is_file());
    let is_this = first.and_then(|found| found.canonicalize().ok()).is_some_and(|found| found == program);
    if is_this { "rmm".to_owned() } else { shell_word(&program.display().to_string()) }
}

/// What a person can try while RMM goes on serving: whatever is printed works as it stands, and fits a narrow terminal.
fn invitation(sandbox: &Sandbox) -> Vec<Line> {
    let rmm = this_program();
    let [ann, boris, chen] =
        PEOPLE.map(|person| format!(". {}", shell_word(&sandbox.token_of(person).display().to_string())));
    let look = [ann, format!("{rmm} release list"), format!("{rmm} release show 3"), format!("{rmm} login-link ann")];
    let ship = [
        format!("{rmm} service unlock {SERVICE}"),
        format!("{rmm} release retry 2"),
        format!("{rmm} release wait 2 --until manual_testing"),
        format!("{rmm} release approve 2"),
        format!("({boris}; {rmm} release approve 2)"),
        format!("({chen}; {rmm} release approve 2)"),
        format!("{rmm} release wait 2"),
        format!("curl {}/", sandbox.production.url()),
    ];
    let call = [
        r#"curl -fsS -H "$AUTH" "$API/releases?limit=1""#.to_owned(),
        format!(r#"curl -fsS -o /dev/null -X POST -H "$AUTH" $API/services/{SERVICE}/unlock"#),
        r#"curl -N -H "$AUTH" "$API/stream?from=0-0""#.to_owned(),
    ];
    let mut lines = Vec::new();
    for (title, commands) in [
        ("RMM goes on serving. Look around as ann, an admin, also in a browser:", look.as_slice()),
        ("Bring v1.1.0 back: production is locked, and all three have to say yes:", &ship),
        ("Or with curl: the newest release, unlock, everything that happens:", &call),
    ] {
        lines.extend([Line::default(), Line::default().add(Tone::Bold, title), Line::default()]);
        lines.extend(commands.iter().map(|text| Line::default().add(Tone::Plain, format!("  {text}"))));
    }
    lines.push(Line::default());
    if let Some(guest) = &sandbox.guest {
        let text = format!("In Telegram, {} listens on: /status, /releases, /rollback, /unlock, /help", guest.link());
        lines.push(Line::default().add(Tone::Plain, text));
    }
    lines.push(Line::default().add(Tone::Dim, "Ctrl-C ends everything and removes all files."));
    lines
}

/// What ends the demo before its time.
struct Signals(Vec<Signal>);

impl Signals {
    /// Before anything is started that would have to be ended.
    fn new() -> Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let signals = kinds.into_iter().map(signal).collect::<std::io::Result<_>>();
        Ok(Self(signals.context("signals cannot be listened for")?))
    }

    async fn any(&mut self) {
        let waiting = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures_util::future::select_all(waiting).await;
    }

    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Ended<T> {
        tokio::select! {
            done = work => Ended::Done(done),
            () = self.any() => Ended::Interrupted,
        }
    }
}
