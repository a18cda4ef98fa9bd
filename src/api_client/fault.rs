//! How a verb can end other than well, and the exit statuses that scripts lean on.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::contract::{GateView, Problem};
use crate::domain::fault::cli::{CliFault, CliHint, Unreached};
use crate::domain::gate::Gate;
use crate::domain::refusal;
use crate::store::StoreError;
use crate::terminal::{self, full_stop, note};
use crate::wording::{Language, english_gate};

/// Exit status: it was tried and failed.
pub const FAILED: u8 = 1;
/// Exit status: wrong usage or configuration.
pub const USAGE: u8 = 2;
/// Exit status: RMM's rules do not allow it.
pub const REFUSED: u8 = 3;
/// Exit status: no RMM could be reached.
pub const UNREACHABLE: u8 = 4;

/// The exit statuses, for `--help`.
pub const EXIT_HELP: &str =
    "Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 refused, 4 not reachable.";

/// Why a verb did not end well.
#[derive(Debug)]
pub enum Fault {
    /// It was tried and failed.
    Failed(Told),
    /// RMM could not do it for a reason of its own or of its machine: a problem document.
    Trouble(Box<Problem>),
    /// It cannot be asked like this.
    Usage(Told),
    /// The configuration is wrong.
    Configuration(ConfigErrors),
    /// RMM's rules do not allow it.
    Refused(Box<Refusal>),
    /// No RMM could be reached.
    Unreachable(Unreached),
    /// All is said already; the exit status.
    Said(u8),
    /// The reader of standard output is gone, which is no failure.
    Pipe,
}

/// What went wrong: facts, or the words of a library or of a verb.
#[derive(Debug)]
pub enum Told {
    /// Facts.
    Fact(Box<CliFault>),
    /// Words.
    Words(String),
}

impl From<CliFault> for Told {
    fn from(fault: CliFault) -> Self {
        Self::Fact(Box::new(fault))
    }
}

impl From<String> for Told {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl Told {
    fn told(&self, language: Language) -> String {
        match self {
            Self::Fact(fault) => language.cli_fault(fault),
            Self::Words(words) => words.clone(),
        }
    }
}

/// A problem document, and how to tell it.
#[derive(Debug, Default)]
pub struct Refusal {
    /// What RMM answered.
    pub problem: Problem,
    /// The same as JSON; empty when the refusal was made here.
    pub json: String,
    /// The release that it is about, for commands to paste.
    pub release: Option<i64>,
    /// What this program refuses by itself.
    pub own: Option<Box<CliFault>>,
    /// What to try.
    pub hint: Option<CliHint>,
    /// The reader is a machine.
    pub as_json: bool,
}

impl Fault {
    /// It was tried and failed.
    pub fn failed(told: impl Into<Told>) -> Self {
        Self::Failed(told.into())
    }

    /// It cannot be asked like this.
    pub fn usage(told: impl Into<Told>) -> Self {
        Self::Usage(told.into())
    }

    /// A refusal by this program.
    pub fn refused(code: &str, detail: impl Into<String>) -> Self {
        let problem = Problem { code: code.to_owned(), detail: detail.into(), ..Problem::default() };
        Self::Refused(Box::new(Refusal { problem, ..Refusal::default() }))
    }

    /// A refusal by this program, of facts.
    #[must_use]
    pub fn refuses(code: &str, fault: CliFault) -> Self {
        let detail = Language::En.cli_fault(&fault);
        Self::refused(code, detail).refusal(|refusal| refusal.own = Some(Box::new(fault)))
    }

    /// Changes how a refusal is told; everything else stays.
    #[must_use]
    pub fn refusal(self, change: impl FnOnce(&mut Refusal)) -> Self {
        match self {
            Self::Refused(mut refusal) => {
                change(&mut refusal);
                Self::Refused(refusal)
            }
            other @ (Self::Failed(_)
            | Self::Trouble(_)
            | Self::Usage(_)
            | Self::Configuration(_)
            | Self::Unreachable(_)
            | Self::Said(_)
            | Self::Pipe) => other,
        }
    }

    /// The release that it is about, for commands to paste.
    #[must_use]
    pub fn about(self, release: i64) -> Self {
        self.refusal(|refusal| refusal.release = Some(release))
    }

    /// Tells a refusal as the JSON that RMM answered.
    #[must_use]
    pub fn in_json(self, as_json: bool) -> Self {
        self.refusal(|refusal| refusal.as_json = as_json)
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(self, hint: impl Into<CliHint>) -> Self {
        self.refusal(|refusal| refusal.hint = Some(hint.into()))
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        match self {
            Self::Failed(told) | Self::Usage(told) => told.told(language),
            Self::Unreachable(why) => language.unreached(why),
            Self::Trouble(problem) => language.problem(&problem.code).unwrap_or(&problem.detail).to_owned(),
            Self::Configuration(errors) => errors.told(language),
            Self::Refused(refusal) => language.refused(&full_stop(&refusal.sentences(language).0)),
            Self::Said(status) => format!("exit status {status}"),
            Self::Pipe => "standard output is closed".to_owned(),
        }
    }

    /// Tells it on standard error; the exit status.
    #[must_use]
    pub fn tell(&self, language: Language) -> ExitCode {
        let status = match self {
            Self::Failed(_) | Self::Trouble(_) => FAILED,
            Self::Usage(_) | Self::Configuration(_) => USAGE,
            Self::Refused(_) => REFUSED,
            Self::Unreachable(_) => UNREACHABLE,
            Self::Said(status) => *status,
            Self::Pipe => 0,
        };
        match self {
            Self::Failed(_) | Self::Trouble(_) | Self::Usage(_) | Self::Unreachable(_) => {
                note(&format!("rmm: {}", self.told(language)));
            }
            Self::Configuration(errors) => note(&errors.told(language)),
            Self::Refused(refusal) => refusal.tell(language),
            Self::Said(_) | Self::Pipe => {}
        }
        ExitCode::from(status)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Language::En))
    }
}

impl std::error::Error for Fault {}

impl GateView {
    /// The gate as the domain knows it, where its facts say all that its sentence says.
    fn facts(&self) -> Option<Gate> {
        let state = self.because.clone().filter(|facts| english_gate(facts) == self.sentence)?;
        Some(Gate { name: self.name.known()?, state, remedy: self.remedy.clone(), bypass: None, void_bypass: None })
    }
}

impl Refusal {
    /// What is wrong and what to do, and the particulars, from the facts; as RMM says them where facts are missing, and in
    /// English.
    fn sentences(&self, language: Language) -> (String, Vec<String>) {
        let Problem { detail, details, unmet, .. } = &self.problem;
        if let Some(own) = &self.own {
            return (language.cli_fault(own), details.clone());
        }
        let Some(cause) = self.problem.cause().filter(|_| language != Language::En) else {
            let known = language.problem(&self.problem.code).map(ToOwned::to_owned);
            return (known.unwrap_or_else(|| detail.clone()), details.clone());
        };
        let gates = unmet.iter().filter_map(GateView::facts).collect();
        let refusal = refusal::Refusal { unmet: gates, ..cause.into() };
        let told = language.details(&refusal);
        (language.refusal(&refusal.cause), if told.len() == details.len() { told } else { details.clone() })
    }

    fn tell(&self, language: Language) {
        if self.as_json && !self.json.is_empty() {
            note(&self.json);
            return;
        }
        let (sentence, details) = self.sentences(language);
        note(&format!("rmm: {}", language.refused(&full_stop(&sentence))));
        for detail in details {
            note(&format!("  - {detail}"));
        }
        if !self.problem.legal.is_empty() {
            note(language.possible_now());
            for word in &self.problem.legal {
                match self.release.and_then(|id| paste(word, id)) {
                    Some(line) => note(&format!("  {line}")),
                    None => note(&format!("  {word}")),
                }
            }
        }
        if let Some(hint) = &self.hint {
            note(&language.cli_hint(hint));
        }
    }
}

/// A legal move as a line to paste.
#[must_use]
pub fn paste(word: &str, release: i64) -> Option<String> {
    let known = ["approve", "reject", "cancel", "abort", "retry", "promote", "rollback", "bypass"];
    let reason =
        if matches!(word, "reject" | "cancel" | "abort" | "rollback" | "bypass") { " --reason '…'" } else { "" };
    let gate = if word == "bypass" { " --gate …" } else { "" };
    known.contains(&word).then(|| format!("rmm release {word} {release}{gate}{reason}"))
}

/// Writes to standard output at once.
///
/// # Errors
/// [`Fault::Pipe`] when the reader is gone.
pub fn print(text: &str) -> Result<(), Fault> {
    print_bytes(text.as_bytes())
}

/// As [`print`], of text that need not be text.
///
/// # Errors
/// Those of [`print`].
pub fn print_bytes(bytes: &[u8]) -> Result<(), Fault> {
    terminal::print(bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Fault::Pipe
        } else {
            Fault::failed(CliFault::Output { said: error.to_string() })
        }
    })
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<StoreError>() {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<ConfigErrors>() {
            Ok(errors) => return errors.into(),
            Err(error) => error,
        };
        match error.downcast::<CliFault>() {
            Ok(fault) => Self::failed(fault),
            Err(error) => Self::failed(format!("{error:#}")),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let (is_locked, fault) = (matches!(error, StoreError::Locked { .. }), error.fault());
        if is_locked { Self::Unreachable(Unreached::InUse { fault }) } else { Self::failed(CliFault::Store { fault }) }
    }
}

impl From<ConfigErrors> for Fault {
    fn from(errors: ConfigErrors) -> Self {
        Self::Configuration(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cause::Cause;
    use crate::domain::gate::{GateName, GateState, Remedy};
    use crate::domain::ids::{PersonName, ReleaseId};

    #[test]
    fn a_refusal_is_told_with_its_particulars() {
        let unmet = |sentence: &str| GateView {
            name: GateName::Approvals.into(),
            met: false,
            bypassed: false,
            sentence: sentence.to_owned(),
            because: Some(GateState::ApprovalsMissing { given: 1, needed: 2, void: Vec::new() }),
            how: Some("bob must approve.".to_owned()),
            remedy: Some(Remedy::Approve { count: 1, of: vec![PersonName::parse("person", "bob").unwrap()] }),
        };
        let cause = Cause::GatesUnmet { release: ReleaseId(12), title: "shop v1".to_owned() };
        let refusal = |gate: GateView| Refusal {
            problem: Problem {
                detail: Language::En.refusal(&cause),
                details: vec!["1 of 2 approved. bob must approve.".to_owned()],
                because: serde_json::to_value(&cause).ok(),
                unmet: vec![gate],
                ..Problem::default()
            },
            ..Refusal::default()
        };
        let known = GateState::ApprovalsMissing { given: 1, needed: 2, void: Vec::new() };
        let known = refusal(unmet(&Language::En.gate_state(&known)));
        let english = vec!["1 of 2 approved. bob must approve.".to_owned()];
        assert_eq!(known.sentences(Language::En).1, english);
        let russian = ("#12 shop v1 ещё не может идти в продакшн", "1 из 2. Ещё должны подтвердить: bob.");
        assert_eq!(known.sentences(Language::Ru), (russian.0.to_owned(), vec![russian.1.to_owned()]));
        let newer = refusal(unmet("It says more than its facts."));
        assert_eq!(newer.sentences(Language::Ru), (russian.0.to_owned(), english));
    }

    #[test]
    fn moves_to_paste() {
        assert_eq!(paste("approve", 3).as_deref(), Some("rmm release approve 3"));
        assert_eq!(paste("rollback", 3).as_deref(), Some("rmm release rollback 3 --reason '…'"));
        assert_eq!(paste("dance", 3), None);
    }
}
