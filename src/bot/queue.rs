//! What a chat has still to see: what people wait for, and the news. They take turns, so that no tapping keeps
//! the news back, and the same wish made again and again is one.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;

use super::Viewer;
use super::screen::{Screen, Wish};
use crate::clients::telegram::Text;
use crate::telemetry::traces::Position;

/// Something to do in a chat for a person who waits.
pub struct Job {
    /// What.
    pub what: What,
    /// The updates that asked for it; they are handled when it is done.
    pub updates: Vec<i64>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// The span that asked for it.
    pub place: Option<Position>,
}

/// What to do in a chat.
pub enum What {
    /// Show something in a message that is there.
    Edit {
        /// The message.
        message: i64,
        /// What.
        screen: Screen,
        /// To whom.
        viewer: Viewer,
    },
    /// Show something in a new message.
    Open {
        /// The topic.
        topic: Option<i64>,
        /// The message that it answers.
        reply_to: Option<i64>,
        /// What.
        screen: Screen,
        /// To whom.
        viewer: Viewer,
    },
    /// Say something.
    Say {
        /// The topic.
        topic: Option<i64>,
        /// The message that it answers.
        reply_to: Option<i64>,
        /// What.
        text: Text,
        /// In what way it is for this person alone.
        asks: Option<(i64, Asks)>,
    },
    /// Take a message away.
    Delete {
        /// The message.
        message: i64,
    },
}

/// Why a message of a group is remembered as one to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// The person answers it by a reply, with the reason for this.
    Reason(Wish),
    /// It says something about this message, which asks, and goes with it.
    Beside(i64),
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(wish) => wish.fmt(f),
            Self::Beside(question) => write!(f, "+{question}"),
        }
    }
}

impl What {
    /// Whether this makes `other` superfluous.
    fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Edit { message, .. }, Self::Edit { message: same, .. })
            | (Self::Delete { message }, Self::Delete { message: same }) => message == same,
            // In private, everybody may have as many answers as they like.
            (
                Self::Open { topic, screen, viewer, reply_to: Some(_) },
                Self::Open { topic: place, screen: same, viewer: other, .. },
            ) => (topic, screen, viewer.user) == (place, same, other.user),
            (
                Self::Say { topic, text, asks, reply_to: Some(_) },
                Self::Say { topic: place, text: same, asks: other, .. },
            ) => (topic, text, asks) == (place, same, other),
            (Self::Edit { .. } | Self::Open { .. } | Self::Say { .. } | Self::Delete { .. }, _) => false,
        }
    }
}

/// Wishes that wait in a chat at most; beyond that the oldest is given up. Telegram takes few messages a minute, and the person
/// who asked has gone before the last one's turn comes.
const MAX_WISHES: usize = 200;

/// What is next.
pub(super) enum Next {
    Job(Box<Job>),
    News,
}

#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// There may be news in the store.
    news: bool,
    /// The last turn was a person's who waits.
    job_done: bool,
}

impl Queue {
    /// The newest of several same wishes counts, in the place of the first one. Gives back what was given up for it.
    pub(super) fn push(&mut self, mut job: Job) -> Option<Job> {
        match self.jobs.iter_mut().find(|older| job.what.replaces(&older.what)) {
            Some(older) => {
                job.updates.append(&mut older.updates);
                *older = job;
                None
            }
            None => {
                self.jobs.push_back(job);
                (self.jobs.len() > MAX_WISHES).then(|| self.jobs.pop_front()).flatten()
            }
        }
    }

    pub(super) fn push_news(&mut self) {
        self.news = true;
    }

    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<Next> {
        let news_first = self.job_done || self.jobs.is_empty();
        if news_first && std::mem::take(&mut self.news) {
            self.job_done = false;
            return Some(Next::News);
        }
        let job = self.jobs.pop_front()?;
        self.job_done = true;
        Some(Next::Job(Box::new(job)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wording::Language;

    fn say(words: &str) -> What {
        let text = Text { html: words.into(), buttons: Vec::new() };
        What::Say { topic: None, reply_to: Some(1), text, asks: None }
    }

    fn open(user: i64) -> What {
        let viewer =
            Viewer { user: Some(user), actor: None, first_name: String::new(), language: Language::En, aloud: false };
        What::Open { topic: None, reply_to: Some(user), screen: Screen::Menu, viewer }
    }

    fn push(queue: &mut Queue, what: What, update: i64) {
        assert!(queue.push(Job { what, updates: vec![update], asked: Timestamp::UNIX_EPOCH, place: None }).is_none());
    }

    /// The updates of a job, or nothing for the news.
    fn turns(queue: &mut Queue) -> Vec<Vec<i64>> {
        std::iter::from_fn(|| queue.next())
            .map(|next| match next {
                Next::Job(job) => job.updates,
                Next::News => Vec::new(),
            })
            .collect()
    }

    #[test]
    fn a_person_who_waits_goes_first_and_the_news_next() {
        let mut queue = Queue::default();
        queue.push_news();
        for update in 1..4 {
            push(&mut queue, say(&update.to_string()), update);
        }
        assert_eq!(turns(&mut queue), [vec![1], vec![], vec![2], vec![3]]);
        queue.push_news();
        assert_eq!(turns(&mut queue), [Vec::<i64>::new()]);
    }

    #[test]
    fn the_same_wish_again_is_one() {
        let mut queue = Queue::default();
        for (update, what) in [open(7), say("a"), open(7), say("b"), open(8), say("a"), open(7)].into_iter().enumerate()
        {
            push(&mut queue, what, update as i64);
        }
        assert_eq!(turns(&mut queue), [vec![6, 2, 0], vec![5, 1], vec![3], vec![4]]);
    }

    #[test]
    fn a_queue_has_an_end_and_gives_up_the_oldest() {
        let mut queue = Queue::default();
        for update in 0..=MAX_WISHES as i64 {
            let given_up = queue.push(Job {
                what: say(&update.to_string()),
                updates: vec![update],
                asked: Timestamp::UNIX_EPOCH,
                place: None,
            });
            let expected = (update == MAX_WISHES as i64).then(|| vec![0]);
            assert_eq!(given_up.map(|job| job.updates), expected);
        }
        assert_eq!(turns(&mut queue).len(), MAX_WISHES);
    }
}
