//! Scheduled copies of the database: when the next one and its test are due, and what is wrong with them.
//!
//! What counts is the time that has passed, which no setting of the clock changes; only across a restart of the machine the
//! clock on the wall is asked.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::record::RecordFlaw;
use super::fault::store::StoreFault;
use super::moment::Uptime;

/// Before the first of a row of failures is tried again; twice as long after each further one …
const FIRST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// When copies are made and tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Between two copies.
    pub every: Duration,
    /// Between two tests.
    pub test_every: Duration,
}

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// By the clock on the wall.
    pub at: Timestamp,
    /// By the time that passes.
    pub uptime: Uptime,
}

impl Mark {
    /// How much time has passed since. `None`: it is not known, since the clock was set back across a restart of the machine.
    #[must_use]
    pub fn passed(&self, now: &Self) -> Option<Duration> {
        let certain = now.uptime.since(Some(&self.uptime));
        if now.uptime.boot == self.uptime.boot {
            return Some(certain);
        }
        Duration::try_from(now.at.duration_since(self.at)).ok().map(|wall| wall.max(certain))
    }

    fn is_past(&self, time: Duration, now: &Self) -> bool {
        self.passed(now).is_none_or(|passed| passed >= time)
    }
}

/// How scheduled copies stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupState {
    /// The newest copy.
    pub made: Option<Made>,
    /// When the last attempt began.
    pub begun: Option<Mark>,
    /// Attempts since the last one that went well, the one that has begun included.
    pub tries: u32,
    /// What went wrong with the last attempt that ended.
    pub failed: Option<Failed>,
    /// The last test.
    pub tested: Option<Tested>,
}

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// When.
    pub when: Mark,
    /// Where it is.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The number of the last event in it.
    pub head: i64,
    /// The seal of that event.
    pub mac: String,
    /// It still has to be handed to the command that sends it on.
    pub unsent: bool,
}

/// Attempts that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Since when none went well.
    pub since: Timestamp,
    /// What went wrong the last time.
    pub fault: BackupFault,
}

/// A test: a copy was restored beside the database and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// When.
    pub when: Mark,
    /// Which copy.
    pub file: String,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// The number of the last event that was found in it.
    pub head: Option<i64>,
    /// The copy was tested before the command made the file of it: there is none that leads back.
    pub before_pipe: bool,
    /// Why it cannot be relied on.
    pub fault: Option<BackupFault>,
}

/// Why there is no copy, or none to rely on. What others say in it was redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum BackupFault {
    /// The folder is not there.
    FolderMissing {
        /// The folder.
        folder: String,
    },
    /// There is not room enough.
    NoRoom {
        /// Where.
        folder: String,
        /// What is needed, bytes.
        needed: u64,
        /// What there is, bytes.
        free: u64,
    },
    /// The database or the file system says no.
    Machine {
        /// What it says, in English.
        said: String,
        /// The same as facts, where it is one that RMM knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<Box<StoreFault>>,
    },
    /// A command did not do its work.
    Command {
        /// The program.
        program: String,
        /// How it ended.
        end: CommandEnd,
        /// The last of what it said.
        said: String,
    },
    /// The copy cannot be restored.
    Damaged {
        /// What was found, in English.
        found: String,
        /// The same as facts; what earlier versions found has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<Box<StoreFault>>,
    },
    /// The record in the copy does not fit its key.
    Record {
        /// The first flaw, in English.
        flaw: String,
        /// The same as facts; what earlier versions found has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<RecordFlaw>,
    },
    /// The copy ends before the event that it was made with.
    Behind {
        /// What it should hold.
        expected: i64,
        /// What it holds.
        found: i64,
    },
    /// The newest copy is gone.
    FileMissing {
        /// Where it was.
        file: String,
    },
}

/// How a command ended that did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandEnd {
    /// It could not be started.
    NotStarted,
    /// With an exit status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// It took too long and was ended.
    TimeLimit,
    /// It printed nothing.
    Nothing,
}

/// What an admin has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum BackupAlarm {
    /// The copy that was tested last cannot be relied on.
    Unsound {
        /// The copy.
        file: String,
        /// Why.
        fault: BackupFault,
    },
    /// No attempt went well of late.
    Failing {
        /// Since when.
        since: Timestamp,
        /// What went wrong the last time.
        fault: BackupFault,
    },
    /// The newest copy is too old.
    TooOld {
        /// When it was made.
        made: Timestamp,
    },
}

impl BackupAlarm {
    /// Its name: the same for as long as it is the same alarm.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsound { .. } => "unsound",
            Self::Failing { .. } => "failing",
            Self::TooOld { .. } => "too_old",
        }
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A copy.
    Copy,
    /// The newest copy is to be handed on.
    Send,
}

impl BackupState {
    /// Whether a copy is due, or the sending of the last one.
    #[must_use]
    pub fn due(&self, schedule: &Schedule, now: &Mark) -> Option<Due> {
        if self.tries > 0 && self.begun.as_ref().is_some_and(|begun| !begun.is_past(self.pause(schedule), now)) {
            return None;
        }
        match &self.made {
            Some(made) if made.when.is_past(schedule.every, now) => Some(Due::Copy),
            Some(made) => made.unsent.then_some(Due::Send),
            None => Some(Due::Copy),
        }
    }

    /// Whether the newest copy is to be tested.
    #[must_use]
    pub fn test_is_due(&self, schedule: &Schedule, now: &Mark) -> bool {
        let again = if self.tested.as_ref().is_some_and(|tested| tested.fault.is_some()) {
            LONGEST_PAUSE.min(schedule.test_every)
        } else {
            schedule.test_every
        };
        self.tested.as_ref().is_none_or(|tested| tested.when.is_past(again, now))
    }

    fn pause(&self, schedule: &Schedule) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.tries.saturating_sub(1).min(10));
        doubled.min(LONGEST_PAUSE).min(schedule.every)
    }

    /// An attempt begins.
    pub fn begin(&mut self, now: Mark) {
        self.begun = Some(now);
        self.tries = self.tries.saturating_add(1);
    }

    /// The attempt went well.
    pub fn succeed(&mut self) {
        self.tries = 0;
        self.failed = None;
    }

    /// The attempt went wrong.
    pub fn fail(&mut self, at: Timestamp, fault: BackupFault) {
        let since = self.failed.as_ref().map_or(at, |failed| failed.since);
        self.failed = Some(Failed { since, fault });
    }

    /// What an admin has to look at.
    #[must_use]
    pub fn alarm(&self, schedule: &Schedule, now: &Mark) -> Option<BackupAlarm> {
        if let Some(Tested { file, fault: Some(fault), .. }) = &self.tested {
            return Some(BackupAlarm::Unsound { file: file.clone(), fault: fault.clone() });
        }
        if let Some(Failed { since, fault }) = &self.failed {
            return Some(BackupAlarm::Failing { since: *since, fault: fault.clone() });
        }
        let made = self.made.as_ref()?;
        let too_old = made.when.passed(now).is_some_and(|passed| passed >= schedule.every.saturating_mul(2));
        too_old.then_some(BackupAlarm::TooOld { made: made.when.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;
    const DAILY: Schedule = Schedule { every: Duration::from_secs(DAY), test_every: Duration::from_secs(DAY) };

    /// By the clock on the wall, since a start of the machine, and by the time since that: in seconds.
    fn mark(wall: i64, boot: &str, passed: u64) -> Mark {
        let at = Timestamp::from_second(wall).unwrap();
        Mark { at, uptime: Uptime { boot: boot.into(), millis: passed * 1000 } }
    }

    fn made(when: Mark) -> BackupState {
        let (file, mac) = ("/b/rmm.db".into(), String::new());
        BackupState { made: Some(Made { when, file, bytes: 1, head: 1, mac, unsent: false }), ..BackupState::default() }
    }

    fn fault() -> BackupFault {
        BackupFault::FolderMissing { folder: "/b".into() }
    }

    #[test]
    fn a_copy_is_due_when_the_time_has_passed_whatever_the_clock_says() {
        let state = made(mark(1_000_000, "one", 50));
        for wall in [1_000_000, 1_000_000 - 86_400, 1_000_000 + 86_400] {
            assert_eq!(state.due(&DAILY, &mark(wall, "one", 50 + DAY - 1)), None, "never early");
            assert_eq!(state.due(&DAILY, &mark(wall, "one", 50 + DAY)), Some(Due::Copy), "and never never");
        }
    }

    #[test]
    fn what_was_missed_while_the_machine_was_off_is_made_at_the_start() {
        let state = made(mark(1_000_000, "one", 50));
        assert_eq!(state.due(&DAILY, &mark(1_003_600, "two", 5)), None);
        assert_eq!(state.due(&DAILY, &mark(1_090_000, "two", 5)), Some(Due::Copy));
        assert_eq!(state.due(&DAILY, &mark(900_000, "two", 5)), Some(Due::Copy), "the clock was set back meanwhile");
        assert_eq!(BackupState::default().due(&DAILY, &mark(0, "one", 0)), Some(Due::Copy));
    }

    #[test]
    fn a_failure_is_tried_again_sooner_and_ever_more_rarely() {
        let mut state = made(mark(1_000_000, "one", 0));
        let mut now = DAY;
        for pause in [300, 600, 1200, 2400, 3600, 3600] {
            assert_eq!(state.due(&DAILY, &mark(1_000_000, "one", now)), Some(Due::Copy));
            state.begin(mark(1_000_000, "one", now));
            state.fail(Timestamp::from_second(now as i64).unwrap(), fault());
            assert_eq!(state.due(&DAILY, &mark(1_000_000, "one", now + pause - 1)), None);
            now += pause;
        }
        let since = Timestamp::from_second(DAY as i64).unwrap();
        let alarm = BackupAlarm::Failing { since, fault: fault() };
        assert_eq!(state.alarm(&DAILY, &mark(1_000_000, "one", now)), Some(alarm));
        state.succeed();
        state.made.as_mut().unwrap().when = mark(1_000_000, "one", now);
        assert_eq!(state.due(&DAILY, &mark(1_000_000, "one", now)), None);
        assert_eq!(state.alarm(&DAILY, &mark(1_000_000, "one", now)), None);
    }

    #[test]
    fn only_the_sending_is_repeated_where_only_that_went_wrong() {
        let mut state = made(mark(1_000_000, "one", 0));
        state.made.as_mut().unwrap().unsent = true;
        state.begin(mark(1_000_000, "one", 0));
        state.fail(Timestamp::UNIX_EPOCH, fault());
        assert_eq!(state.due(&DAILY, &mark(1_000_000, "one", 299)), None);
        assert_eq!(state.due(&DAILY, &mark(1_000_000, "one", 300)), Some(Due::Send));
        assert_eq!(state.due(&DAILY, &mark(1_000_000, "one", DAY)), Some(Due::Copy));
    }

    #[test]
    fn an_old_copy_and_an_unsound_one_are_alarms() {
        let mut state = made(mark(1_000_000, "one", 0));
        assert_eq!(state.alarm(&DAILY, &mark(1_000_000, "one", 2 * DAY - 1)), None);
        let old = state.alarm(&DAILY, &mark(1_000_000, "one", 2 * DAY)).unwrap();
        assert_eq!(old.code(), "too_old");
        let when = mark(1_000_000, "one", 0);
        let tested = Tested { when, file: "f".into(), took: 1, head: None, before_pipe: false, fault: Some(fault()) };
        state.tested = Some(tested);
        assert_eq!(state.alarm(&DAILY, &mark(1_000_000, "one", 0)).unwrap().code(), "unsound");
        assert!(!state.test_is_due(&DAILY, &mark(1_000_000, "one", 3599)));
        assert!(state.test_is_due(&DAILY, &mark(1_000_000, "one", 3600)), "a failed test is repeated sooner");
    }
}
