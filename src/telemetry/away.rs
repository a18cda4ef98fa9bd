//! Since when a service that RMM calls does not answer.
//!
//! Must not: take one failed call, with none after it, for an absence.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether that service answers.
#[derive(Debug, Default)]
pub struct Way(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The first call without an answer since the last one with one, and the last.
    failing: Option<(Instant, Instant)>,
    /// How long the last absence was that has ended.
    ended: Option<Duration>,
}

impl Way {
    /// A call was answered, or not.
    pub fn called(&self, answered: bool, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            state.ended = state.failing.take().map(|(first, _)| now.duration_since(first)).or(state.ended);
        } else {
            let first = state.failing.map_or(now, |(first, _)| first);
            state.failing = Some((first, now));
        }
    }

    /// For how long nothing was answered, from the first call to the last; none: the last one was.
    #[must_use]
    pub fn away_for(&self) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failing.map(|(first, last)| last.duration_since(first))
    }

    /// How long an absence was that has ended since this was asked last.
    pub fn was_away_for(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ended.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_lasts_from_the_first_call_without_an_answer_to_the_last() {
        let (way, start) = (Way::default(), Instant::now());
        let at = |minutes| start + Duration::from_mins(minutes);
        assert_eq!(way.away_for(), None);
        way.called(false, at(0));
        // There was no call since.
        assert_eq!(way.away_for(), Some(Duration::ZERO));
        way.called(false, at(40));
        assert_eq!((way.away_for(), way.was_away_for()), (Some(Duration::from_mins(40)), None));
        way.called(true, at(45));
        way.called(true, at(46));
        assert_eq!((way.away_for(), way.was_away_for()), (None, Some(Duration::from_mins(45))));
        assert_eq!(way.was_away_for(), None);
    }
}
