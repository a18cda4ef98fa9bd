//! What can be wrong with the record.

use super::*;
use crate::domain::fault::record::{LostEvents, RecordAlarm, RecordFlaw};

const SOURCE: &str = include_str!("../../domain/fault/record.rs");

#[test]
fn every_flaw_of_the_record_has_words() {
    use RecordFlaw as F;
    let flaws = [
        F::Edited { seq: 7 },
        F::Missing { from: 7, to: 7 },
        F::Missing { from: 7, to: 9 },
        F::Swapped { seq: 7, found_at: 9 },
        F::CutOff { from: 7, to: 7 },
        F::CutOff { from: 7, to: 9 },
        F::Added { seq: 7 },
        F::HeadMissing { seq: 7 },
        F::HeadForged { seq: 7 },
        F::Rewritten { seq: 7 },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "RecordFlaw", &flaws, |language, flaw| language.record_flaw(flaw)));
}

#[test]
fn every_alarm_about_the_record_has_words() {
    use RecordAlarm as A;
    let file = || "/var/lib/rmm/audit.key.head".to_owned();
    let alarms = [
        A::Told { text: "the record is empty".into() },
        A::NoteChanged { file: file() },
        A::NoteGone { file: file() },
        A::Rewritten { seq: 7 },
        A::Behind { seq: 7, last: None },
        A::Behind { seq: 7, last: Some(5) },
        A::DatabaseGone,
        A::All { alarms: vec![A::DatabaseGone, A::Rewritten { seq: 7 }] },
    ];
    insta::assert_snapshot!(catalogue(SOURCE, "RecordAlarm", &alarms, |language, alarm| language.record_alarm(alarm)));
}

#[test]
fn what_a_copy_has_lost_is_told_in_every_language() {
    let told = |lost: LostEvents| [Language::En, Language::Ru].map(|language| language.lost_events(&lost)).join("\n");
    let lost = [LostEvents::Range { from: 7, to: 7 }, LostEvents::Range { from: 7, to: 9 }];
    insta::assert_snapshot!(lost.map(told).join("\n"));
}
