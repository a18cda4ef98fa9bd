//! The one place that reads the time. Everything else gets it as a parameter.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::domain::moment::Uptime;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// Now, to the millisecond: as it is stored.
    fn now(&self) -> Timestamp;

    /// Returns after `time` has passed.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;

    /// How long the machine has been up, which no setting of its clock changes. A clock that is never set needs none of
    /// its own.
    fn uptime(&self) -> Uptime {
        Uptime { boot: "one".into(), millis: self.now().as_millisecond().unsigned_abs() }
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn uptime(&self) -> Uptime {
        kernel_uptime().unwrap_or_else(|| {
            // Without /proc nothing outlives the process.
            static START: LazyLock<Instant> = LazyLock::new(Instant::now);
            let millis = u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX);
            Uptime { boot: format!("process {}", std::process::id()), millis }
        })
    }
}

/// What Linux tells: this clock counts the time that the machine slept, too.
fn kernel_uptime() -> Option<Uptime> {
    // It is another one only after the next start of the machine.
    static BOOT: LazyLock<Option<String>> =
        LazyLock::new(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok());
    let boot = BOOT.as_deref()?.trim().to_owned();
    let passed = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
    Some(Uptime { boot, millis: u64::try_from(passed.as_millis()).ok()? })
}

/// Notices that the clock on the wall was set.
#[derive(Debug)]
pub(super) struct ClockWatch {
    wall: Timestamp,
    uptime: Uptime,
}

/// Less than this is the ordinary correction of a clock, or a pause between two looks at it.
const JUMP: Duration = Duration::from_secs(10);

impl ClockWatch {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), uptime: clock.uptime() }
    }

    /// By how many seconds the clock was set forward (or back, if negative) since the last look.
    pub(super) fn look(&mut self, clock: &dyn Clock) -> Option<i64> {
        let now = Self::new(clock);
        let passed = now.uptime.since(Some(&self.uptime));
        let same_boot = now.uptime.boot == self.uptime.boot;
        let jump = now.wall.as_millisecond() - self.wall.as_millisecond() - i64::try_from(passed.as_millis()).ok()?;
        *self = now;
        (same_boot && u128::from(jump.unsigned_abs()) >= JUMP.as_millis()).then_some(jump / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn the_machine_tells_how_long_it_has_been_up() {
        let (one, two) = (SystemClock.uptime(), SystemClock.uptime());
        assert!(!one.boot.is_empty() && one.boot == two.boot && two.millis >= one.millis, "{one:?} {two:?}");
    }

    /// The clock on the wall and the time that has passed, in seconds.
    struct Two(Mutex<(i64, u64)>);

    impl Clock for Two {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.lock().unwrap().0).unwrap()
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }

        fn uptime(&self) -> Uptime {
            Uptime { boot: "one".into(), millis: self.0.lock().unwrap().1 * 1000 }
        }
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_runs_is_not() {
        let clock = Two(Mutex::new((1_000_000, 50)));
        let mut watch = ClockWatch::new(&clock);
        let mut look = |wall: i64, passed: u64| {
            *clock.0.lock().unwrap() = (wall, passed);
            watch.look(&clock)
        };
        assert_eq!(look(1_000_015, 65), None);
        assert_eq!(look(1_003_630, 80), Some(3600));
        assert_eq!(look(1_003_645, 95), None);
        assert_eq!(look(1_000_060, 110), Some(-3600));
        // The machine slept for an hour: both know it.
        assert_eq!(look(1_003_675, 3725), None);
    }
}
