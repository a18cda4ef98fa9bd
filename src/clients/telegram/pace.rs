//! How fast RMM may send: Telegram takes about one message a second in a chat, 20 a minute in a group and 30 a second in
//! all, and says so (429) to bots that are faster. It counts when messages arrive, which may be closer together than they
//! were sent: hence a little room everywhere.
//!
//! Time is a value here: what has passed since some beginning.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Between two messages in one chat.
const CHAT_INTERVAL: Duration = Duration::from_secs(1);
/// Messages in one group …
const IN_GROUP: usize = 20;
/// … within this time.
const GROUP_WINDOW: Duration = Duration::from_secs(61);
/// Between any two messages: 25 a second, so that a few which were held up on the way do no harm.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(40);
/// Chats that are remembered before those that have been quiet for long are forgotten.
const MAX_REMEMBERED_CHATS: usize = 256;

/// What was sent lately, and who asked for a pause.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the next message may go, whatever the chat.
    free: Duration,
    chats: HashMap<i64, Chat>,
}

#[derive(Debug, Default)]
struct Chat {
    sent: VecDeque<Duration>,
    paused_until: Duration,
}

impl Pace {
    /// Counts a message to a chat, if it may go now.
    ///
    /// # Errors
    /// The time at which it may go, unless others go before.
    pub fn take(&mut self, chat: i64, now: Duration) -> Result<(), Duration> {
        self.forget(now);
        let state = self.chats.entry(chat).or_default();
        let in_group = if chat < 0 { after(&state.sent, IN_GROUP, GROUP_WINDOW) } else { Duration::ZERO };
        let free = self.free.max(in_group).max(after(&state.sent, 1, CHAT_INTERVAL)).max(state.paused_until);
        if free > now {
            return Err(free);
        }
        keep(&mut state.sent, now, IN_GROUP);
        self.free = now.saturating_add(MESSAGE_INTERVAL);
        Ok(())
    }

    /// Nothing more goes to a chat until then. Others are not held up.
    pub fn pause(&mut self, chat: i64, until: Duration) {
        let state = self.chats.entry(chat).or_default();
        state.paused_until = state.paused_until.max(until);
    }

    /// Chats in which nothing counts any more.
    fn forget(&mut self, now: Duration) {
        if self.chats.len() > MAX_REMEMBERED_CHATS {
            self.chats.retain(|_, chat| {
                chat.paused_until > now || chat.sent.back().is_some_and(|last| *last + GROUP_WINDOW > now)
            });
        }
    }
}

/// When one more fits, if at most `most` may fall into a window.
fn after(sent: &VecDeque<Duration>, most: usize, window: Duration) -> Duration {
    let earliest = sent.len().checked_sub(most).and_then(|index| sent.get(index));
    earliest.map_or(Duration::ZERO, |at| at.saturating_add(window))
}

fn keep(sent: &mut VecDeque<Duration>, now: Duration, most: usize) {
    sent.push_back(now);
    while sent.len() > most {
        sent.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When each message goes if all want to go at once, one after the other.
    fn times(pace: &mut Pace, chats: impl IntoIterator<Item = i64>) -> Vec<Duration> {
        let mut now = Duration::ZERO;
        let mut send = |chat| {
            while let Err(free) = pace.take(chat, now) {
                assert!(free > now);
                now = free;
            }
            now
        };
        chats.into_iter().map(&mut send).collect()
    }

    #[test]
    fn a_chat_gets_one_a_second_and_a_group_twenty_a_minute() {
        let person = times(&mut Pace::default(), std::iter::repeat_n(7, 30));
        assert_eq!(person[29], 29 * SECOND);
        let group = times(&mut Pace::default(), std::iter::repeat_n(-7, 41));
        assert_eq!((group[19], group[20], group[39], group[40]), (19 * SECOND, 61 * SECOND, 80 * SECOND, 122 * SECOND));
    }

    #[test]
    fn all_chats_together_get_less_than_thirty_a_second() {
        let all = times(&mut Pace::default(), 1..=61);
        assert_eq!((all[0], all[1], all[25], all[50]), (Duration::ZERO, MESSAGE_INTERVAL, SECOND, 2 * SECOND));
    }

    #[test]
    fn a_pause_holds_up_no_other_chat() {
        let mut pace = Pace::default();
        pace.pause(-1, 30 * SECOND);
        pace.pause(-1, 20 * SECOND);
        assert_eq!(pace.take(-1, SECOND), Err(30 * SECOND));
        assert_eq!(pace.take(-2, SECOND), Ok(()));
        assert_eq!(pace.take(-3, SECOND), Err(SECOND + MESSAGE_INTERVAL));
        assert_eq!(pace.take(-1, 30 * SECOND), Ok(()));
    }

    #[test]
    fn quiet_chats_are_forgotten() {
        let mut pace = Pace::default();
        times(&mut pace, 1..=1000);
        pace.pause(5, 1000 * SECOND);
        pace.take(1, 500 * SECOND).unwrap();
        assert_eq!(pace.chats.len(), 2);
        assert_eq!(pace.take(5, 500 * SECOND), Err(1000 * SECOND));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_too_many(steps in proptest::collection::vec((-3..40_i64, 0..700_u64), 1..300)) {
            let (mut pace, mut now, mut sent) = (Pace::default(), Duration::ZERO, Vec::new());
            for (chat, wait) in steps {
                now += Duration::from_millis(wait);
                match pace.take(chat, now) {
                    Ok(()) => sent.push((chat, now)),
                    Err(free) => prop_assert!(free > now && free <= now + GROUP_WINDOW),
                }
            }
            for (index, (chat, at)) in sent.iter().enumerate() {
                let within = |window: Duration| sent[index..].iter().filter(move |(_, other)| *other < *at + window);
                prop_assert!(within(SECOND).count() <= 30);
                prop_assert!(within(CHAT_INTERVAL).filter(|(other, _)| other == chat).count() <= 1);
                prop_assert!(*chat >= 0 || within(GROUP_WINDOW).filter(|(other, _)| other == chat).count() <= IN_GROUP);
            }
        }
    }
}
