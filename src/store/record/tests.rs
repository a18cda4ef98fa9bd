use super::*;
use crate::store::migrate::test_database;

const MOST: Most = Most { events: 100, bytes: usize::MAX };

fn put(conn: &Connection, seq: i64, service: Option<&str>, actor: &str, kind: &str, data: &str) {
    conn.prepare_cached(
        "INSERT INTO events (seq, at, service, actor, kind, data, mac) VALUES (?1, ?1 * 1000, ?2, ?3, ?4, ?5, x'00')",
    )
    .unwrap()
    .execute((seq, service, actor, kind, data))
    .unwrap();
}

const ANN: &str = r#"{"is":"person","name":"ann","role":"admin","door":"dashboard"}"#;
const NONE: [i64; 0] = [];
const RMM: &str = r#"{"is":"machine"}"#;

/// Every third event is about the shop, every fifth is ann's.
fn record(events: i64) -> Connection {
    let conn = test_database();
    conn.execute_batch("BEGIN").unwrap();
    for seq in 1..=events {
        let service = if seq % 3 == 0 { "shop" } else { "blog" };
        let (actor, kind) = if seq % 5 == 0 { (ANN, "service_locked") } else { (RMM, "step_started") };
        put(&conn, seq, Some(service), actor, kind, &format!(r#"{{"reason":"Ünter \"Nr {seq}\""}}"#));
    }
    conn.execute_batch("COMMIT").unwrap();
    conn
}

fn seqs(conn: &Connection, filter: &Filter) -> Vec<i64> {
    look(conn, filter, i64::MAX, MOST).unwrap().events.iter().map(|event| event.seq).collect()
}

fn shop() -> Option<ServiceName> {
    Some(ServiceName::parse("service", "shop").unwrap())
}

#[test]
fn what_a_filter_names_is_found_newest_first() {
    let conn = record(60);
    let all = Filter::default();
    assert_eq!(seqs(&conn, &Filter { service: shop(), actor: Some("ann".into()), ..all.clone() }), [60, 45, 30, 15]);
    assert_eq!(seqs(&conn, &Filter { actor: Some("rmm".into()), service: shop(), ..all.clone() })[..3], [57, 54, 51]);
    assert_eq!(seqs(&conn, &Filter { kind: Some("service_locked".into()), ..all.clone() }).len(), 12);
    assert_eq!(seqs(&conn, &Filter { text: Some("ünter \"nr 17\"".into()), ..all.clone() }), [17]);
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    assert_eq!(seqs(&conn, &Filter { since: at(20), until: at(23), ..all.clone() }), [22, 21, 20]);
    assert_eq!(seqs(&conn, &Filter { since: at(61), ..all.clone() }), NONE);
    assert_eq!(seqs(&conn, &Filter { until: at(1), ..all.clone() }), NONE);
    assert_eq!(seqs(&conn, &Filter { actor: Some("' OR 1=1 --".into()), ..all }), NONE);
    assert_eq!(kinds(&conn).unwrap(), ["service_locked", "step_started"]);
}

#[test]
fn page_after_page_the_whole_record_is_seen_once() {
    let conn = record(LOOKED_AT as i64 * 2 + 50);
    let rare = Filter { text: Some("nr 7\"".into()), ..Filter::default() };
    for (filter, expected) in [
        (Filter { actor: Some("ann".into()), ..Filter::default() }, LOOKED_AT * 2 / 5 + 10),
        (rare, 1),
        (
            Filter { service: shop(), kind: Some("service_locked".into()), ..Filter::default() },
            (LOOKED_AT * 2 + 50) / 15,
        ),
    ] {
        let (mut place, mut seen, mut looks) = (i64::MAX, Vec::new(), 0);
        loop {
            let found = look(&conn, &filter, place, Most { events: 500, ..MOST }).unwrap();
            seen.extend(found.events.iter().map(|event| event.seq));
            looks += 1;
            assert!(found.tired_at.is_none() || found.next.is_some());
            match found.next {
                Some(next) => place = next,
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{filter:?}");
        assert!(seen.is_sorted_by(|newer, older| newer > older) && looks > 1, "{filter:?}");
    }
}

#[test]
fn a_page_ends_where_its_room_does() {
    let conn = record(30);
    let first = look(&conn, &Filter::default(), i64::MAX, Most { events: 10, ..MOST }).unwrap();
    assert_eq!((first.events.len(), first.next, first.tired_at), (10, Some(21), None));
    let small = look(&conn, &Filter::default(), 21, Most { bytes: 1, ..MOST }).unwrap();
    assert_eq!((small.events.len(), small.next), (1, Some(20)));
    let last = look(&conn, &Filter::default(), 11, Most { events: 10, ..MOST }).unwrap();
    assert_eq!((last.events.len(), last.next), (10, None));
}
