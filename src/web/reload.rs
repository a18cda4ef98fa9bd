//! Asking the process about its configuration: to read the file again, to define a service in the dashboard, or to look at what it
//! needs. The asker is told what came of it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::doctor::Examined;
use crate::domain::ids::ServiceName;
use crate::domain::person::Actor;
use crate::domain::service::Service;
use crate::engine::Failure;
use crate::wording::Language;

/// What came of reading the file again: the warnings of the new configuration, or why the old one stays.
pub type Outcome = Result<Vec<String>, Vec<String>>;

/// What an asker wants of the configuration.
#[derive(Debug)]
pub enum Wanted {
    /// Read the file again.
    Read(oneshot::Sender<Outcome>),
    /// Say whether services of the dashboard may run on RMM's own machine.
    RunHere(oneshot::Sender<bool>),
    /// Look at everything that RMM needs.
    Examine(oneshot::Sender<Vec<Examined>>),
    /// Change the definition of a service.
    Change(Change, oneshot::Sender<Result<Changed, NotChanged>>),
}

/// A change of a service that is defined in the dashboard.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who wants it.
    pub actor: Actor,
    /// The service.
    pub service: ServiceName,
    /// Its new definition; none: it is removed.
    pub text: Option<String>,
    /// The revision that it was made from; 0: there was none.
    pub seen: i64,
    /// Only say what would come of it.
    pub is_trial: bool,
    /// What is wrong is told in it.
    pub language: Language,
}

/// What came of a change.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// The revision that it is now.
    pub revision: i64,
    /// How RMM understands it.
    pub effective: String,
    /// The service that it is; none: it is removed.
    pub service: Option<Arc<Service>>,
    /// What is questionable about it.
    pub warnings: Vec<Mistake>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum NotChanged {
    /// Not by this person, or not now.
    Refused(Failure),
    /// The configuration would not be right.
    Wrong(Vec<Mistake>),
    /// The process is stopping, or has no configuration file.
    Stopping,
}

/// Something that is wrong, or questionable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line of the definition; none: it is elsewhere.
    pub line: Option<usize>,
    /// In full, with its place.
    pub text: String,
    /// The same beside the definition, where the line is named already.
    pub short: String,
}

impl Mistake {
    /// Something that is about no line.
    #[must_use]
    pub fn plain(text: String) -> Self {
        Self { line: None, short: text.clone(), text }
    }
}

/// Asks the process that has the configuration.
#[derive(Debug, Clone)]
pub struct Reloads(mpsc::Sender<Wanted>);

/// The other end: each request is answered with what came of it.
pub type Requests = mpsc::Receiver<Wanted>;

impl Reloads {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(1);
        (Self(sender), requests)
    }

    /// Asks for the file to be read again, and waits; none: the process is stopping, or has no configuration file.
    pub async fn ask(&self) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.0.send(Wanted::Read(answer)).await.ok()?;
        outcome.await.ok()
    }

    /// Asks whether services of the dashboard may run on RMM's own machine, and waits.
    pub async fn may_run_here(&self) -> bool {
        let (answer, outcome) = oneshot::channel();
        self.0.send(Wanted::RunHere(answer)).await.is_ok() && outcome.await.unwrap_or(false)
    }

    /// Asks for everything that RMM needs to be looked at, and waits; none: the process is stopping, or has no configuration file.
    pub async fn examine(&self) -> Option<Vec<Examined>> {
        let (answer, examined) = oneshot::channel();
        self.0.send(Wanted::Examine(answer)).await.ok()?;
        examined.await.ok()
    }

    /// Asks for a service to be defined otherwise, and waits.
    ///
    /// # Errors
    /// [`NotChanged`]; nothing has changed then.
    pub async fn change(&self, change: Change) -> Result<Changed, NotChanged> {
        let (answer, outcome) = oneshot::channel();
        self.0.send(Wanted::Change(change, answer)).await.map_err(|_| NotChanged::Stopping)?;
        outcome.await.unwrap_or(Err(NotChanged::Stopping))
    }
}
