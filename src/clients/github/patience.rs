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
            // It says so itself, and may not the next time.
            Some(Some(until)) if until > now => {}
            // A time that is over already says nothing: the clocks differ, or GitHub does not know.
            Some(_) => {
                let next = Pause::after(*pause, now);
                *pause = Some(next);
                let left = Duration::try_from(next.until.duration_since(now)).unwrap_or_default();
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                answer.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
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

#[cfg(test)]
mod tests {
    use hyper::http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: StatusCode) -> Answer {
        let body = br#"{"message":"You have exceeded a secondary rate limit."}"#.to_vec();
        Answer { status, headers: HeaderMap::new(), body }
    }

    /// The seconds that are to be waited after an answer at a time.
    fn waits(patience: &Patience, seconds: i64, status: StatusCode) -> Option<i64> {
        let now = Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let mut answer = answer(status);
        patience.heard(&mut answer, now);
        answer.limited_until(now).map(|until| until.unwrap().duration_since(now).as_secs())
    }

    #[test]
    fn each_no_makes_the_next_pause_longer_until_there_is_a_yes() {
        let patience = Patience::default();
        let limited = |seconds| waits(&patience, seconds, StatusCode::FORBIDDEN).unwrap();
        assert_eq!(limited(0), 60);
        assert_eq!(limited(20), 40, "it was on its way already");
        let mut now = 60;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            pauses.push(limited(now));
            now += pauses.last().unwrap();
        }
        assert_eq!(pauses, [120, 240, 480, 900, 900, 900]);
        assert_eq!(waits(&patience, now, StatusCode::OK), None);
        assert_eq!(waits(&patience, now, StatusCode::TOO_MANY_REQUESTS), Some(60));
    }

    #[test]
    fn a_time_that_is_over_is_no_reason_to_ask_again_at_once() {
        let now = Timestamp::from_millisecond(1_800_000_000_500).unwrap();
        let (over, used_up) = ((now.as_second() - 30).to_string(), "0".to_owned());
        let reset = [("x-ratelimit-remaining", used_up.clone()), ("x-ratelimit-reset", over)];
        for headers in [vec![("retry-after", used_up)], reset.to_vec()] {
            let patience = Patience::default();
            let heard = |milliseconds: i64| {
                let now = Timestamp::from_millisecond(now.as_millisecond() + milliseconds).unwrap();
                let mut told = answer(StatusCode::FORBIDDEN);
                for (name, value) in &headers {
                    told.headers.insert(*name, value.parse().unwrap());
                }
                patience.heard(&mut told, now);
                told.limited_until(now).unwrap().unwrap().duration_since(now).as_secs()
            };
            assert_eq!([heard(0), heard(500), heard(60_000), heard(180_000)], [60, 60, 120, 240], "{headers:?}");
        }
    }

    #[test]
    fn abuse_detection_is_a_limit() {
        let said = br#"{"message":"You have triggered an abuse detection mechanism. Please wait a few minutes."}"#;
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut told = Answer { body: said.to_vec(), ..answer(StatusCode::FORBIDDEN) };
        assert_eq!(told.limited_until(now), Some(None));
        Patience::default().heard(&mut told, now);
        assert_eq!(told.headers[RETRY_AFTER], "60");
    }

    #[test]
    fn what_github_says_itself_counts() {
        let (patience, now) = (Patience::default(), Timestamp::from_second(1_800_000_000).unwrap());
        let mut told = answer(StatusCode::FORBIDDEN);
        told.headers.insert(RETRY_AFTER, HeaderValue::from(5));
        patience.heard(&mut told, now);
        assert_eq!(told.headers[RETRY_AFTER], "5");
    }
}
