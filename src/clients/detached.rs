//! Durable steps: commands that outlive RMM and its connection to the host.
//!
//! A step is started in a session of its own. Its output goes to files of
//! bounded size and its exit status to another one, all in the run directory,
//! and a FIFO which its watcher process holds open tells when it has ended. So
//! RMM can be killed or cut off at any moment, find the step again and go on
//! with the output where it stopped. `detached.sh` is the host's side and
//! describes the files.
//!
//! A step must never be started twice, hence nothing here falls back to
//! another way of starting it: what cannot be known is [`Ended::Lost`]. The
//! values of environment pairs must never reach a command line or a file.

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::transport::{Channel, EnvPair, Transport, TransportError};
use crate::domain::fault::step::StepFault;
use crate::domain::reason::Reason;
use crate::wording::english;

mod follow;
mod traces;

use follow::{Answer, Output, cut, follow, listen};
pub use traces::{Known, Last, Ready, Successor, TurnedAway};

const SCRIPT: &str =
    concat!(include_str!("detached/watcher.sh"), include_str!("detached/place.sh"), include_str!("detached.sh"));
/// Linux takes at most 128 KiB as one argument, and the step's shell gets the
/// command as one.
const LONGEST_COMMAND: usize = 96 * 1024;
/// A host that is asked for something short answers within this, or something is wrong with it.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the rest of a killed process group may take to disappear.
const KILL_TENTHS: &str = "50";

/// Where the output of a step goes.
pub trait Sink: Send {
    /// Takes the bytes which start at `offset` of the step's output.
    ///
    /// Chunks come in order and without gaps. An error ends the following,
    /// not the step.
    fn write<'a>(&'a mut self, offset: u64, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Takes note that the host has left out the bytes from `from` to `to`:
    /// what comes next starts at `to`.
    fn skip<'a>(&'a mut self, from: u64, to: u64) -> BoxFuture<'a, Result<(), SinkError>>;
}

/// Why a [`Sink`] could not take output.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// A run's directory on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: String,
}

impl RunDir {
    /// The run directory `path`, which must be absolute and below `/`, or
    /// begin with `~/`, the home directory of the user on the host.
    pub fn new(path: impl Into<String>) -> Result<Self, StepError> {
        let path = path.into();
        let plain = path.strip_prefix("~/").or(path.strip_prefix('/')).is_some_and(|rest| {
            rest.split('/').all(|part| !["", ".", ".."].contains(&part) && !part.contains(['\n', '\0']))
        });
        if plain { Ok(Self { path }) } else { Err(StepError::Invalid(StepFault::NoRunDirectory { path })) }
    }

    /// The path on the host, as it was given.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Which run and process speaks to the host, so that the host can turn others away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The run, as `INSTANCE-RUN-WORD`: no other run may touch its directory.
    pub token: &'a str,
    /// The number of the RMM process: a process started later has a higher
    /// one, and from then on those with a lower one are turned away.
    pub generation: u64,
    /// The random word of the RMM process, should a copy of it have the same number.
    pub process: &'a str,
}

/// What a step is to do.
#[derive(Debug, Clone)]
pub struct StepSpec {
    /// The step's place in its run, such as `3` or `3.2`.
    pub key: String,
    /// The shell command. It can be read in the host's process list.
    pub command: String,
    /// Where the command runs; without it, where the transport puts scripts.
    pub directory: Option<String>,
    /// Secret or not, these reach the command's environment only. A `PATH`
    /// must also lead to the tools RMM needs (`sh`, `setsid`, `tail` …).
    pub env: Vec<EnvPair>,
    /// RMM may have begun this step before. Then it is not started on a host
    /// that was restarted since and does not know the step: the restart may
    /// have swallowed the traces.
    pub again: bool,
}

/// Whether [`prepare`] made the run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// The directory is new.
    New,
    /// The directory was there with the same token.
    Same,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The command ended by itself with this status; 128 + N when signal N ended it.
    Exited(i32),
    /// The command ended with this status after [`stop`] had signalled it.
    Stopped(i32),
    /// The result cannot be known, for this reason.
    Lost(Reason),
    /// The command did not run, for this reason.
    NotStarted(Reason),
}

/// Why a step could not be followed. The step itself goes on.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The host could not be reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The run directory carries another token, a later RMM process has taken
    /// it over, or another run has become the holder.
    #[error("The run directory {directory} belongs to another RMM or another run; it was left alone.")]
    Fenced {
        /// Where.
        directory: String,
        /// To whom.
        by: Successor,
    },
    /// The steps of this run were begun by another RMM.
    #[error(
        "Steps of this run were begun or taken over in {0} by another copy of this RMM's database; what they did cannot be known."
    )]
    Foreign(String),
    /// The last run there is not vouched for, whichever installation's it is.
    #[error("The last run there, {0}, is not known to this RMM.")]
    Stranger(String),
    /// The host could not do what the protocol needs.
    #[error("{}", english(.0))]
    Refused(Reason),
    /// The script ended before it gave its answer: [`StepFault::ShellEnded`], where the connection is there, but something
    /// else than the script answers, or it was killed; or [`StepFault::ConnectionEnded`].
    #[error("{}", english(&.0.clone().into()))]
    Cut(StepFault),
    /// The arguments cannot be used.
    #[error("{}", english(&.0.clone().into()))]
    Invalid(StepFault),
    /// The step has ended, but the rest of its output is gone.
    #[error("{}", english(&StepFault::OutputGone { position: *.position }.into()))]
    OutputGone {
        /// How the step ended.
        ended: Ended,
        /// How much was delivered.
        position: u64,
    },
    /// The sink did not take the output.
    #[error("The step's output could not be kept: {0}")]
    Sink(#[source] SinkError),
}

impl StepError {
    /// The same as a fact.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Transport(error) => error.reason(),
            Self::Fenced { directory, .. } => Reason::DirectoryTaken { directory: directory.clone() },
            Self::Foreign(directory) => Reason::DirectoryOfCopy { directory: directory.clone() },
            Self::Stranger(token) => Reason::LastRunNotKnown { token: token.clone() },
            Self::Refused(reason) => reason.clone(),
            Self::Cut(fault) | Self::Invalid(fault) => fault.clone().into(),
            Self::OutputGone { position, .. } => StepFault::OutputGone { position: *position }.into(),
            Self::Sink(error) => Reason::OutputNotKept { said: error.to_string() },
        }
    }
}

/// Makes the run directory (mode 0700), marks it with the token and becomes
/// the holder beside it. What other runs of this RMM left at work there is
/// ended, since it would go on changing what this run brings; what they left
/// there two weeks ago is deleted.
///
/// What the steps with these keys need is made at once; any other
/// step makes it when it starts.
///
/// Nothing is taken over that is not certainly this run's: neither steps that
/// have begun before the run is on record as prepared ([`StepError::Foreign`]),
/// nor the place of a run that is not vouched for ([`StepError::Stranger`]).
///
/// Repeating it with the same token does no harm, but after the first step
/// began, [`Prepared::New`] means that the host has lost the files: do not go
/// on with that run.
pub async fn prepare(
    t: &dyn Transport,
    dir: &RunDir,
    fence: Fence<'_>,
    known: Known<'_>,
    keys: &[String],
) -> Result<Ready, StepError> {
    let vouched = known.vouched.join(",");
    let call: Vec<_> = ["prepare", if known.prepared { "again" } else { "first" }, &vouched]
        .into_iter()
        .chain(keys.iter().map(String::as_str))
        .collect();
    let answer = ask(t, dir, fence, &call).await.map_err(without_shell)?;
    let made = match answer.word.as_str() {
        "new" => Prepared::New,
        "same" => Prepared::Same,
        _ => return Err(answer.into_error(dir)),
    };
    Ok(Ready::parse(made, &answer.text))
}

/// Starts the step, or finds it again, and follows it to its end.
///
/// Every byte of the output from `offset` on goes to `sink` exactly once,
/// unless the host has left it out, of which `sink` is told. After an error the
/// same call, with the offset the sink has reached, goes on; the step is not
/// started a second time.
pub async fn run(
    t: &dyn Transport,
    dir: &RunDir,
    fence: Fence<'_>,
    spec: &StepSpec,
    offset: u64,
    sink: &mut dyn Sink,
) -> Result<Ended, StepError> {
    check_spec(spec)?;
    let directory = spec.directory.as_deref().unwrap_or("");
    let mut again = spec.again;
    let mut output = Output::new(offset, sink);
    // Each turn follows one part of the output.
    loop {
        let start = output.position.to_string();
        let call = ["run", &spec.key, &start, if again { "1" } else { "0" }, directory, &spec.command];
        let (channel, mark) = exec(t, dir, fence, &call, &spec.env).await?;
        again = true;
        let answer = follow(channel, &mark, &mut output).await?;
        if let Some(next) = answer.gap() {
            output.skip(next).await?;
            continue;
        }
        output.deliver_slice(answer.end_of_output(&output)).await?;
        // Output that came faster than it could be followed.
        let size = answer.size;
        let mut before = None;
        while output.position < size && before != Some(output.position) {
            before = Some(output.position);
            let start = output.position.to_string();
            let (mut channel, _) = exec(t, dir, fence, &["rest", &spec.key, &start], &[]).await?;
            while output.position < size && output.deliver_from(&mut channel.stdout, size).await? {}
        }
        if answer.word == "part" {
            // What is missing was deleted meanwhile.
            output.skip(size).await?;
            continue;
        }
        let (ended, position) = (answer.into_ended(dir)?, output.position);
        return if position < size { Err(StepError::OutputGone { ended, position }) } else { Ok(ended) };
    }
}

/// Ends the step: TERM to its process group, KILL after `grace`.
///
/// A step that was not started yet never will be. A step that has ended
/// already keeps its result, and what it left in the background stays.
pub async fn stop(
    t: &dyn Transport,
    dir: &RunDir,
    fence: Fence<'_>,
    key: &str,
    grace: Duration,
) -> Result<Ended, StepError> {
    check_key(key)?;
    if !grace.is_zero() {
        // The script must not give up on the group before the grace is over.
        let tenths = (grace.as_millis() / 100 + 20).to_string();
        let call = ["stop", key, "TERM", "143", &tenths];
        let gently = ask(t, dir, fence, &call);
        if let Ok(answer) = tokio::time::timeout(grace, gently).await {
            return answer?.into_ended(dir);
        }
        tracing::debug!(key, "the step did not end in time after TERM");
    }
    let answer = ask(t, dir, fence, &["stop", key, "KILL", "137", KILL_TENTHS]).await?;
    answer.into_ended(dir)
}

/// How long a step has been at work, as its host counts the time; `None` when
/// the host cannot say it.
pub async fn age(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>, key: &str) -> Result<Option<Duration>, StepError> {
    check_key(key)?;
    let answer = ask(t, dir, fence, &["age", key]).await?;
    Ok((answer.word == "age").then(|| Duration::from_secs(answer.size)))
}

/// How a step ended that is not at work any more, whichever run is the holder now.
pub async fn result(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>, key: &str) -> Result<Ended, StepError> {
    check_key(key)?;
    ask(t, dir, fence, &["result", key]).await?.into_ended(dir)
}

/// The run that was the last one beside a run directory, which need not be there.
pub async fn last(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>) -> Result<Last, StepError> {
    let answer = ask(t, dir, fence, &["last"]).await.map_err(without_shell)?;
    match answer.word.as_str() {
        "last" => Ok(Last { token: Some(answer.text).filter(|token| !token.is_empty()), at_work: answer.size }),
        _ => Err(answer.into_error(dir)),
    }
}

/// Ends what any run has left at work beside a run directory, which need not be there; gives back the run's token and the
/// step's key of each.
pub async fn clear(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>) -> Result<Vec<(String, String)>, StepError> {
    let answer = ask(t, dir, fence, &["clear"]).await.map_err(without_shell)?;
    match answer.word.as_str() {
        "clear" => Ok(traces::steps(&answer.text)),
        _ => Err(answer.into_error(dir)),
    }
}

/// Tells the process that took a run over that the former one is alive.
pub async fn protest(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>, against: &Successor) -> Result<(), StepError> {
    ask(t, dir, fence, &["protest", &against.text()]).await.map(drop)
}

/// Who was turned away beside a run directory since the last look; the directory need not be there.
pub async fn met(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>) -> Result<Option<TurnedAway>, StepError> {
    Ok(TurnedAway::parse(&ask(t, dir, fence, &["met"]).await?.text))
}

/// Deletes the run directory, if it belongs to this run. No step may run. Gives
/// back who was turned away there since the last look.
pub async fn remove(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>) -> Result<Option<TurnedAway>, StepError> {
    let answer = ask(t, dir, fence, &["remove"]).await?;
    match answer.word.as_str() {
        "gone" => Ok(TurnedAway::parse(&answer.text)),
        _ => Err(answer.into_error(dir)),
    }
}

async fn exec(
    t: &dyn Transport,
    dir: &RunDir,
    fence: Fence<'_>,
    call: &[&str],
    env: &[EnvPair],
) -> Result<(Channel, String), StepError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let word = |text: &str| !text.is_empty() && text.chars().all(plain);
    if !word(fence.token) || !word(fence.process) {
        return Err(StepError::Invalid(StepFault::BadName { name: fence.token.to_owned() }));
    }
    if dir.path.starts_with('~') && env.iter().any(|(name, _)| name == "HOME") {
        return Err(StepError::Invalid(StepFault::HomeInTheWay));
    }
    let generation = fence.generation.to_string();
    let mut args = vec![call.first().copied().unwrap_or(""), &dir.path, fence.token, &generation, fence.process];
    args.extend(call.iter().skip(1));
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| StepError::Invalid(StepFault::NoRandom { said: error.to_string() }))?;
    let mark = format!("{:032x}", u128::from_ne_bytes(random));
    // In the environment, since all users can read the arguments of a process.
    let env: Vec<_> = env.iter().cloned().chain([("rmm_mark".to_owned(), SecretString::from(mark.clone()))]).collect();
    Ok((t.exec(SCRIPT, &args, &env).await?, mark))
}

fn late() -> StepError {
    TransportError::Died(Reason::AnswerLate { limit: ANSWER_TIMEOUT }).into()
}

/// A shell that ends at the first contact without an answer is most likely none.
fn without_shell(error: StepError) -> StepError {
    // 125 is RMM's own word for a script that did not arrive whole.
    if let StepError::Cut(StepFault::ShellEnded { status: status @ (1..=124 | 126 | 127), said }) = error {
        return StepError::Refused(StepFault::NoShell { status, said }.into());
    }
    error
}

/// Calls a function of the script that has no output.
async fn ask(t: &dyn Transport, dir: &RunDir, fence: Fence<'_>, call: &[&str]) -> Result<Answer, StepError> {
    let asked = async {
        let (Channel { stdout, stderr, status }, mark) = exec(t, dir, fence, call, &[]).await?;
        // The output of other programs is dropped.
        drop(stdout);
        match listen(stderr, &mark, 0).await? {
            Ok(answer) => Ok(answer),
            Err(noise) => Err(cut(noise, status).await),
        }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, asked).await.unwrap_or_else(|_| Err(late()))
}

fn check_key(key: &str) -> Result<(), StepError> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if key.split('.').all(number) {
        Ok(())
    } else {
        Err(StepError::Invalid(StepFault::BadName { name: key.to_owned() }))
    }
}

fn check_spec(spec: &StepSpec) -> Result<(), StepError> {
    check_key(&spec.key)?;
    let directory = spec.directory.as_deref().unwrap_or("");
    if spec.command.contains('\0') || directory.contains('\0') {
        return Err(StepError::Invalid(StepFault::NulCharacter));
    }
    if spec.command.len() + directory.len() > LONGEST_COMMAND {
        return Err(StepError::Invalid(StepFault::CommandTooLong { limit: LONGEST_COMMAND / 1024 }));
    }
    for (name, _) in &spec.env {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        // The script's own variables begin with rmm_.
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        if !plain || digit || name.is_empty() || name.starts_with("rmm_") {
            return Err(StepError::Invalid(StepFault::VariableName { name: name.clone() }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
