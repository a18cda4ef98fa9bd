//! A service that is called otherwise now keeps its history, and the name by which its hosts know it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Connection;

use super::chain::NewEvent;
use super::columns::{millis, to_json, word};
use super::error::StoreError;
use super::writer::Tx;
use crate::domain::event::Event;
use crate::domain::fault::machine::MachineFault;
use crate::domain::ids::ServiceName;
use crate::domain::person::Actor;
use crate::wording::on_record;

/// What becomes of a history that a service claims by `was`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// It belongs to the new name.
    Now,
    /// There is none under the former name any more, or under either name.
    Nothing,
    /// There is none under the former name, and one under the new name that was never another's.
    NoSuch,
    /// Both names run something or have a release under way, so that they stay two services.
    TwoServices,
}

impl Carried {
    /// What people are told of it.
    #[must_use]
    pub fn fault(self, was: ServiceName, now: ServiceName) -> Option<MachineFault> {
        match self {
            Self::Now => Some(MachineFault::Renamed { was, now }),
            Self::Nothing => None,
            Self::NoSuch => Some(MachineFault::NothingToCarryOver { was, now }),
            Self::TwoServices => Some(MachineFault::StayTwo { was, now }),
        }
    }
}

/// What becomes of a history when [`carry_over`] is called.
///
/// # Errors
/// When the database cannot be read.
pub fn outlook(conn: &Connection, from: &ServiceName, to: &ServiceName) -> Result<Carried, StoreError> {
    Ok(match (has_history(conn, from)?, has_history(conn, to)?) {
        (true, true) if is_at_work(conn, to)? => Carried::TwoServices,
        (true, _) => Carried::Now,
        (false, true) if !all_names(conn)?.contains_key(to) => Carried::NoSuch,
        (false, _) => Carried::Nothing,
    })
}

/// Carries releases, runs, what environments run, work that is due and the tokens of a service over to its new name. The record
/// keeps what it says of the former name, and says that the service was renamed. What was tried under the new name and came to
/// nothing stays with it.
///
/// # Errors
/// When the database cannot be written.
pub fn carry_over(
    tx: &mut Tx<'_>,
    from: &ServiceName,
    to: &ServiceName,
    now: Timestamp,
) -> Result<Carried, StoreError> {
    let outlook = outlook(tx, from, to)?;
    if outlook != Carried::Now {
        return Ok(outlook);
    }
    let names = (to.as_str(), from.as_str());
    // What may have been noted of a service that runs nothing yet.
    tx.execute("DELETE FROM environments WHERE service = ?1", [to.as_str()])?;
    for table in ["releases", "runs", "environments", "outbox", "github_marks_due", "ended_runs"] {
        tx.execute(&format!("UPDATE {table} SET service = ?1 WHERE service = ?2"), names)?;
    }
    for table in ["watched_repositories", "seen_tags", "pushed_tags"] {
        tx.execute(&format!("UPDATE OR REPLACE {table} SET service = ?1 WHERE service = ?2"), names)?;
    }
    tx.execute("UPDATE OR IGNORE definition_revisions SET service = ?1 WHERE service = ?2", names)?;
    tx.execute("DELETE FROM defined_services WHERE service = ?1", [from.as_str()])?;
    tx.execute(
        "INSERT OR REPLACE INTO names_on_hosts (service, name) \
         SELECT ?1, coalesce((SELECT name FROM names_on_hosts WHERE service = ?2), ?2)",
        names,
    )?;
    tx.execute("DELETE FROM names_on_hosts WHERE service = ?1 AND ?1 <> ?2", [from.as_str(), to.as_str()])?;
    tx.execute(
        "UPDATE tokens SET services = (SELECT json_group_array(iif(value = ?2, ?1, value)) FROM json_each(services)) \
         WHERE EXISTS (SELECT 1 FROM json_each(services) WHERE value = ?2)",
        names,
    )?;
    let renamed = Event::ServiceRenamed { from: from.clone(), to: to.clone() };
    let (kind, data) = renamed.into_record(on_record);
    tx.append_event(&NewEvent {
        at: millis(now),
        service: Some(to.as_str()),
        release_id: None,
        run_id: None,
        actor: &to_json(&Actor::Machine)?,
        kind: &kind,
        data: &data,
        trace_id: None,
    })?;
    Ok(Carried::Now)
}

/// Notes by which names hosts know services, as far as it is not on record, and tells all of them. One that was renamed keeps its
/// former name there, also when the configuration does not say so any more; a new one gets no name that another one keeps.
///
/// # Errors
/// When the database cannot be written.
pub fn names_on_hosts<'s>(
    tx: &Tx<'_>,
    services: impl IntoIterator<Item = (&'s ServiceName, Option<&'s ServiceName>)>,
) -> Result<BTreeMap<ServiceName, ServiceName>, StoreError> {
    let mut known = all_names(tx)?;
    for (service, was) in services {
        if known.contains_key(service) {
            continue;
        }
        let name = match was {
            Some(was) if !has_history(tx, service)? => was.clone(),
            None if known.values().any(|name| name == service) && !has_history(tx, service)? => {
                another(service, &known)
            }
            Some(_) | None => continue,
        };
        tx.execute("INSERT INTO names_on_hosts (service, name) VALUES (?1, ?2)", [service.as_str(), name.as_str()])?;
        known.insert(service.clone(), name);
    }
    Ok(known)
}

fn all_names(conn: &Connection) -> Result<BTreeMap<ServiceName, ServiceName>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT service, name FROM names_on_hosts")?;
    let rows = statement.query_map([], |row| Ok((word(row, 0)?, word(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The first of `shop-2`, `shop-3`, … that hosts do not know; the same name where it would become too long.
fn another(service: &ServiceName, known: &BTreeMap<ServiceName, ServiceName>) -> ServiceName {
    let is_free = |name: &ServiceName| !known.contains_key(name) && known.values().all(|known| known != name);
    let mut names = (2..).map_while(|number: u32| ServiceName::parse("service", format!("{service}-{number}")).ok());
    names.find(is_free).unwrap_or_else(|| service.clone())
}

/// Whether a service runs something, or may, or is about to.
fn is_at_work(conn: &Connection, service: &ServiceName) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM releases WHERE service = ?1 AND list = 'active') OR EXISTS (SELECT 1 FROM environments \
         WHERE service = ?1 AND (coalesce(current, mixed, dirty, unknown) IS NOT NULL OR left_hosts <> '{}'))",
    )?;
    Ok(statement.query_row([service.as_str()], |row| row.get(0))?)
}

fn has_history(conn: &Connection, service: &ServiceName) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM releases WHERE service = ?1)")?;
    Ok(statement.query_row([service.as_str()], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestDir;

    fn name(text: &str) -> ServiceName {
        ServiceName::parse("service", text).unwrap()
    }

    fn release(tx: &Tx<'_>, id: i64, service: &str) -> Result<(), StoreError> {
        tx.execute(
            "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, notes, \
             artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (?1, ?2, 'deployed', 'deployed', 0, 1, 1, 'ann', 'ann', '', '[]', 0, '[]', 0, 0)",
            (id, service),
        )?;
        Ok(())
    }

    #[tokio::test]
    async fn a_history_is_carried_over_once_with_the_tokens_and_two_histories_stay_two() {
        let place = TestDir::new();
        let store = place.store().await;
        let written = store.write(|tx| {
            release(tx, 1, "shop")?;
            let token = "INSERT INTO tokens (hash, name, role, services, created_at, created_by) VALUES (?1, ?2, 'ci', ?3, 0, 'root')";
            tx.execute(token, ([1_u8; 32], "both", r#"["shop","blog"]"#))?;
            tx.execute(token, ([2_u8; 32], "all", "[]"))?;
            let now = Timestamp::UNIX_EPOCH;
            let first = carry_over(tx, &name("shop"), &name("store"), now)?;
            let again = carry_over(tx, &name("shop"), &name("store"), now)?;
            release(tx, 2, "shop")?;
            tx.execute("INSERT INTO environments (service, environment, current) VALUES ('store', 'stage', '{}')", [])?;
            let both = carry_over(tx, &name("shop"), &name("store"), now)?;
            let services = |id: i64| {
                tx.query_row("SELECT service FROM releases WHERE id = ?1", [id], |row| row.get::<_, String>(0))
            };
            let tokens = |name: &str| {
                tx.query_row("SELECT services FROM tokens WHERE name = ?1", [name], |row| row.get::<_, String>(0))
            };
            Ok::<_, StoreError>(([first, again, both], services(1)?, services(2)?, tokens("both")?, tokens("all")?))
        });
        let (carried, one, two, both, all) = written.await.unwrap();
        assert_eq!(carried, [Carried::Now, Carried::Nothing, Carried::TwoServices]);
        assert_eq!((one.as_str(), two.as_str()), ("store", "shop"));
        assert_eq!((both.as_str(), all.as_str()), (r#"["store","blog"]"#, "[]"));
    }

    #[tokio::test]
    async fn hosts_know_a_service_by_its_first_name_and_no_other_by_that() {
        let place = TestDir::new();
        let store = place.store().await;
        let written = store.write(|tx| {
            let (shop, store, market) = (name("shop"), name("store"), name("market"));
            let now = Timestamp::UNIX_EPOCH;
            release(tx, 1, "shop")?;
            carry_over(tx, &shop, &store, now)?;
            carry_over(tx, &store, &market, now)?;
            // Another one has the first name now.
            names_on_hosts(tx, [(&market, None), (&shop, None), (&store, None)])?;
            let three = all_names(tx)?;
            tx.execute("DELETE FROM names_on_hosts WHERE service = 'shop'", [])?;
            carry_over(tx, &market, &shop, now)?;
            Ok::<_, StoreError>((three, all_names(tx)?))
        });
        let (three, back) = written.await.unwrap();
        let told = |names: BTreeMap<ServiceName, ServiceName>| {
            names.into_iter().map(|(service, name)| format!("{service}: {name}")).collect::<Vec<_>>()
        };
        assert_eq!(told(three), ["market: shop", "shop: shop-2"]);
        assert_eq!(told(back), ["shop: shop"]);
    }
}
