//! In which time zone the one who reads is told times that stand inside of sentences.

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

tokio::task_local! {
    static OF_READER: TimeZone;
}

static OF_PROCESS: OnceLock<TimeZone> = OnceLock::new();

/// What is put into words during `work` is read in this zone.
pub fn read_in<W: Future>(zone: &TimeZone, work: W) -> impl Future<Output = W::Output> {
    // Drawing a page or a screen is a large future; it is moved once.
    OF_READER.scope(zone.clone(), Box::pin(work))
}

/// What is put into words by `work` is for no reader: for the record, the API, the log.
pub(super) fn for_the_record<T>(work: impl FnOnce() -> T) -> T {
    OF_READER.sync_scope(TimeZone::UTC, work)
}

/// All that this process says is read in this zone, where [`read_in`] names no other. The first zone stays.
pub fn follow_zone(zone: TimeZone) {
    OF_PROCESS.get_or_init(|| zone);
}

/// A time as the reader's clock shows it; by UTC where no reader is known, as in the record and in the API.
#[must_use]
pub fn local(at: Timestamp) -> Zoned {
    at.to_zoned(reader())
}

/// The zone that [`local`] tells times in.
#[must_use]
pub fn reader() -> TimeZone {
    let of_process = || OF_PROCESS.get().cloned().unwrap_or(TimeZone::UTC);
    OF_READER.try_with(Clone::clone).unwrap_or_else(|_| of_process())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::env::Env;
    use crate::domain::reason::Reason;
    use crate::wording::{Language, english};

    #[tokio::test]
    async fn a_time_within_a_sentence_is_told_by_the_readers_clock() {
        let since = "2026-11-29T23:55:35Z".parse().unwrap();
        let reason = Reason::CiSilent { environment: Env::Production, since };
        let said = || Language::En.reason(&reason);
        assert!(said().contains("2026-11-29 23:55:35 UTC"), "{}", said());
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let (read, recorded) = read_in(&tokyo, async { (said(), english(&reason)) }).await;
        assert!(read.contains("2026-11-30 08:55:35 JST"), "{read}");
        assert_eq!(recorded, said(), "the record has no reader");
    }
}
