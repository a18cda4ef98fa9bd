//! Refused reports on the record: the first ones of a release each, then ever more rarely, with the number of those
//! between. A client that reports in a loop fills no disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::Connection;

use crate::domain::event::Event;
use crate::domain::ids::ReleaseId;
use crate::domain::world::Happened;
use crate::store::{StoreError, events};

/// Refused reports of a release that are recorded one by one: a CI system that is set up wrongly is seen whole.
const ONE_BY_ONE: u32 = 8;
/// The pause between two that are recorded doubles from one second up to this many times: about an hour.
const DOUBLINGS: u32 = 12;
/// Releases whose refused reports are counted; beyond, counting begins anew, and the record only tells fewer.
const COUNTED: usize = 10_000;

/// How many refused reports of each release have no place on the record yet.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<ReleaseId, u64>>);

impl Refusals {
    /// Takes those out of what happened that come too soon.
    pub(super) fn thin(
        &self,
        conn: &Connection,
        happened: &mut Vec<Happened>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut kept = Vec::with_capacity(happened.len());
        for mut one in happened.drain(..) {
            if let (Some(release), Event::ReportRefused { unrecorded, .. }) = (one.release, &mut one.event) {
                let times = events::last_times(conn, release, "report_refused", ONE_BY_ONE + DOUBLINGS)?;
                let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if is_too_soon(&times, now.as_millisecond()) {
                    if counts.len() >= COUNTED {
                        counts.clear();
                    }
                    *counts.entry(release).or_insert(0) += 1;
                    continue;
                }
                *unrecorded = counts.remove(&release);
            }
            kept.push(one);
        }
        *happened = kept;
        Ok(())
    }
}

/// `times` are those of the recorded ones, the newest first. A clock that was set back makes nothing too soon.
fn is_too_soon(times: &[i64], now: i64) -> bool {
    let recorded = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let Some(beyond) = recorded.checked_sub(ONE_BY_ONE) else { return false };
    times.first().is_some_and(|last| (0..1000 << beyond.min(DOUBLINGS)).contains(&(now - last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_grows_ever_more_slowly() {
        let mut recorded: Vec<i64> = Vec::new();
        let day = 86_400_000;
        for now in (0..day).step_by(100) {
            let newest: Vec<_> = recorded.iter().rev().copied().take((ONE_BY_ONE + DOUBLINGS) as usize).collect();
            if !is_too_soon(&newest, now) {
                recorded.push(now);
            }
        }
        assert_eq!(recorded[..8], [0, 100, 200, 300, 400, 500, 600, 700]);
        assert!((30..60).contains(&recorded.len()), "{}", recorded.len());
        assert!(!is_too_soon(&[day; 20], 5));
    }
}
