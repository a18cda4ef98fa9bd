//! How long GitHub is left alone where it takes no questions and does not say until when: it asks for a minute at least, and for
//! longer each time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::http::header::{HeaderValue, RETRY_AFTER};
use jiff::Timestamp;

use super::answer::Answer;

/// The first time.
const SHORTEST: Duration = Duration::from_mins(1);
/// However often it says no.
const LONGEST: Duration = Duration::from_mins(15);

/// What was heard of questions of one kind.
#[derive(Default)]
pub(super) struct Patience(Mutex<Option<Pause>>);

#[derive(Clone, Copy)]
struct Pause {
    length: Duration,
    until: Timestamp,
}

impl Patience {
    /// Notes an answer, and writes into it how long to wait where GitHub has left that open.
    pub fn heard(&self, answer: &mut Answer, now: Timestamp) {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.limited_until(now) {
            Some(None) => {
                let next = Pause::after(*pause, now);
                *pause = Some(next);
                let left = Duration::try_from(next.until.duration_since(now)).unwrap_or_default();
                answer.headers.insert(RETRY_AFTER, HeaderValue::from(left.as_secs().max(1)));
            }
            // It says so itself, and may not the next time.
            Some(Some(_)) => {}
            None => *pause = None,
        }
    }
}

impl Pause {
    /// The pause that follows one. Questions that were on their way together make none of them longer.
    fn after(last: Option<Self>, now: Timestamp) -> Self {
        let length = match last {
            Some(last) if now < last.until => return last,
            Some(last) => (last.length * 2).min(LONGEST),
            None => SHORTEST,
        };
        Self { length, until: now.checked_add(length).unwrap_or(now) }
    }
}
