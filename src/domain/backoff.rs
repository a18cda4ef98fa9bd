//! Pauses between tries of the same: each twice as long as the one before, up to a longest one.

use std::time::Duration;

/// Such pauses.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// Pauses that begin with the first one.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, tries: 0 }
    }

    /// The pause after another try that failed.
    pub fn pause(&mut self) -> Duration {
        let pause = self.after(self.tries);
        self.tries = self.tries.saturating_add(1);
        pause
    }

    /// The pause that comes after so many others.
    #[must_use]
    pub fn after(&self, others: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(others)).min(self.longest)
    }

    /// The next pause is the first one again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let pauses: Vec<_> = (0..5).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.pause(), Duration::from_secs(1));
        assert_eq!(backoff.after(u32::MAX), Duration::from_secs(5));
    }
}
