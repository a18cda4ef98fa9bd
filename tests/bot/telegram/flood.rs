//! Telegram's limits: a chat takes a few messages at once and then one a second, a group twenty a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const BURST: usize = 3;
const MINUTE: Duration = Duration::from_secs(60);

/// When messages came, by chat.
#[derive(Debug, Default)]
pub struct Flood(BTreeMap<i64, Vec<Instant>>);

impl Flood {
    /// Counts a message; when it is one too many, says after how many seconds there may be another one.
    pub fn count(&mut self, chat: i64) -> Result<(), u64> {
        let now = Instant::now();
        let times = self.0.entry(chat).or_default();
        times.retain(|at| now.duration_since(*at) < MINUTE);
        if chat < 0 && times.len() >= 20 {
            return Err(1 + (MINUTE - now.duration_since(times[0])).as_secs());
        }
        let recent = times.iter().filter(|at| now.duration_since(**at) < Duration::from_secs(BURST as u64)).count();
        if recent >= BURST {
            return Err(1);
        }
        times.push(now);
        Ok(())
    }
}
