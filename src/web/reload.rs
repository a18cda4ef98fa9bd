//! Reading the configuration again because a caller asks for it, and telling that caller what came of it.

use tokio::sync::{mpsc, oneshot};

/// What came of it: the warnings of the new configuration, or why the old one stays.
pub type Outcome = Result<Vec<String>, Vec<String>>;

/// Asks the process to read its configuration again.
#[derive(Debug, Clone)]
pub struct Reloads(mpsc::Sender<oneshot::Sender<Outcome>>);

/// The other end: each request is answered with what came of it.
pub type Requests = mpsc::Receiver<oneshot::Sender<Outcome>>;

impl Reloads {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(1);
        (Self(sender), requests)
    }

    /// Asks, and waits; none: the process is stopping, or has no configuration file.
    pub async fn ask(&self) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.0.send(answer).await.ok()?;
        outcome.await.ok()
    }
}
