//! How long GitHub is left alone where it takes no questions: until when it says, by all who ask with the same login. Where it
//! does not say, it is a minute at least, and longer each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::http::header::{HeaderValue, RETRY_AFTER};
use jiff::Timestamp;

use super::answer::Answer;
use crate::domain::fault::github::GithubFault;

/// The first time.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// However often it says no.
const MAX_PAUSE: Duration = Duration::from_mins(15);

/// The limits of each login: an App has one for each account that it is installed for.
#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<Option<String>, Arc<OfLogin>>>);

/// Questions that only read, and those that change something: GitHub limits them apart, until it takes none at all.
#[derive(Default)]
pub(super) struct OfLogin {
    reads: Patience,
    writes: Patience,
}

impl Limits {
    /// Those of a login; none: the token's, or the App's own.
    pub fn of(&self, login: Option<String>) -> Arc<OfLogin> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(login).or_default())
    }
}

impl OfLogin {
    /// Why a question is not to be asked now.
    pub fn closed(&self, reads: bool, now: Timestamp) -> Option<GithubFault> {
        self.kinds(reads).0.closed(now)
    }

    /// Notes an answer, and writes into it how long to wait where GitHub has left that open.
    pub fn heard(&self, reads: bool, answer: &mut Answer, now: Timestamp) {
        let (own, other) = self.kinds(reads);
        own.heard(answer, now);
        if answer.is_used_up()
            && let Some(Some(until)) = answer.limited_until(now)
        {
            other.close(until, answer.said());
        }
    }

    const fn kinds(&self, reads: bool) -> (&Patience, &Patience) {
        if reads { (&self.reads, &self.writes) } else { (&self.writes, &self.reads) }
    }
}

/// What was heard of questions of one kind.
#[derive(Default)]
struct Patience(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    /// The last pause whose length was left open.
    pause: Option<Pause>,
    /// Until when nothing is asked, and in which words that was said.
    closed: Option<(Timestamp, Option<String>)>,
}

#[derive(Clone, Copy)]
struct Pause {
    length: Duration,
    until: Timestamp,
}

impl Patience {
    fn closed(&self, now: Timestamp) -> Option<GithubFault> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, said) = heard.closed.as_ref().filter(|(until, _)| *until > now)?;
        Some(GithubFault::RateLimited { until: Some(*until), said: said.clone() })
    }

    fn close(&self, until: Timestamp, said: Option<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed = Some((until, said));
    }

    fn heard(&self, answer: &mut Answer, now: Timestamp) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.limited_until(now) {
            // It says so itself, and may not the next time.
            Some(Some(until)) if until > now => heard.closed = Some((until, answer.said())),
            // A time that is over already says nothing: the clocks differ, or GitHub does not know.
            Some(_) => {
                let next = Pause::after(heard.pause, now);
                (heard.pause, heard.closed) = (Some(next), Some((next.until, answer.said())));
                let left = Duration::try_from(next.until.duration_since(now)).unwrap_or_default();
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                answer.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            // The answer to a question that was on its way already says nothing of the limit.
            None if heard.closed.as_ref().is_some_and(|(until, _)| *until > now) => {}
            None => *heard = Heard::default(),
        }
    }
}

impl Pause {
    /// The pause that follows one. Questions that were on their way together make none of them longer.
    fn after(last: Option<Self>, now: Timestamp) -> Self {
        let length = match last {
            Some(last) if now < last.until => return last,
            Some(last) => (last.length * 2).min(MAX_PAUSE),
            None => FIRST_PAUSE,
        };
        Self { length, until: now.checked_add(length).unwrap_or(now) }
    }
}

#[cfg(test)]
mod tests {
    use hyper::http::{HeaderMap, StatusCode};

    use super::super::app::Proof;
    use super::*;

    fn answer(status: StatusCode) -> Answer {
        let body = br#"{"message":"You have exceeded a secondary rate limit."}"#.to_vec();
        Answer { status, headers: HeaderMap::new(), body, proof: Proof::Token }
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
    fn others_with_the_same_login_wait_too_until_the_time_that_was_told() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |seconds| now.checked_add(Duration::from_secs(seconds)).unwrap();
        let limits = Limits::default();
        let told = |headers: &[(&'static str, String)]| {
            let mut told = answer(StatusCode::FORBIDDEN);
            headers.iter().for_each(|(name, value)| drop(told.headers.insert(*name, value.parse().unwrap())));
            told
        };
        let closed = |login: Option<&str>, seconds| {
            let of = limits.of(login.map(ToOwned::to_owned));
            [true, false].map(|reads| of.closed(reads, at(seconds)).is_some())
        };
        limits.of(None).heard(false, &mut told(&[("retry-after", "90".into())]), now);
        assert_eq!((closed(None, 89), closed(None, 90)), ([false, true], [false, false]));
        assert_eq!(closed(Some("acme"), 0), [false, false], "another login");
        // What was on its way already changes nothing.
        limits.of(None).heard(false, &mut answer(StatusCode::OK), at(1));
        assert_eq!(closed(None, 89), [false, true]);

        let reset = at(150).as_second().to_string();
        let used_up = [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
        limits.of(Some("acme".into())).heard(true, &mut told(&used_up), now);
        assert_eq!((closed(Some("acme"), 149), closed(Some("acme"), 150)), ([true, true], [false, false]));
    }

    #[test]
    fn a_date_is_a_time_as_seconds_are() {
        let now: Timestamp = "2026-11-30T00:06:22Z".parse().unwrap();
        let told = |text: &'static str| {
            let mut told = answer(StatusCode::TOO_MANY_REQUESTS);
            told.headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            told.limited_until(now).unwrap().map(|until| until.duration_since(now).as_secs())
        };
        assert_eq!(told("Mon, 30 Nov 2026 00:16:22 GMT"), Some(600));
        assert_eq!(told("Thu, 30 Nov 2056 00:16:22 GMT"), Some(86_400), "a day at most");
        assert_eq!((told("99999999999"), told("soon")), (Some(86_400), None));
        // Two older ways to write it, which may be sent still.
        assert_eq!(told("Monday, 30-Nov-26 00:16:22 GMT"), Some(600));
        assert_eq!(told("Mon Nov 30 00:16:22 2026"), Some(600));
        assert_eq!(told("Tue Dec  1 00:06:21 2026"), Some(86_399));
        assert_eq!(told("Sunday, 06-Nov-94 08:49:37 GMT").map(|left| left < 0), Some(true), "long ago");
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
