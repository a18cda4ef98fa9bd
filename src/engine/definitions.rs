//! Services that are defined in the dashboard: who may define them, and what is written then.
//!
//! Must not: know what a definition means. The caller has checked it, and takes the configuration over afterwards.

use crate::config::{Block, Composed};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::ids::ServiceName;
use crate::domain::person::{Actor, Right};
use crate::domain::refusal::Refusal;
use crate::store::dashboard::{self, Defined};
use crate::store::definitions::{self, Definition};
use crate::store::{StoreError, WriteError};

use rusqlite::Connection;

use super::{Engine, Failure};

impl Engine {
    /// Whether a caller may define services in the dashboard: an admin, and no token without a person.
    ///
    /// # Errors
    /// A [`Refusal`] that says who may.
    pub fn may_define(&self, actor: &Actor) -> Result<(), Refusal> {
        actor.may(Right::Administer, None, false)?;
        if matches!(actor, Actor::Token { .. }) {
            return Err(Cause::NoEditor.into());
        }
        if !self.catalog().edits_services() {
            return Err(Cause::EditingOff.into());
        }
        Ok(())
    }

    /// The services that are defined in the dashboard.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn defined_services(&self) -> Result<Vec<Defined>, StoreError> {
        self.read(dashboard::all).await
    }

    /// Those of them that are put aside.
    pub(super) async fn put_aside(&self) -> Result<Vec<ServiceName>, StoreError> {
        let all = self.defined_services().await?;
        Ok(all.into_iter().filter(|defined| defined.problem.is_some()).map(|defined| defined.service).collect())
    }

    /// Whether the definition of a service is the one that was looked at: that of a revision, or none for 0.
    ///
    /// # Errors
    /// [`Cause::DefinitionChanged`] where it is not.
    pub async fn is_still(&self, service: &ServiceName, seen: i64) -> Result<(), Failure> {
        let service = service.clone();
        Ok(self.read(move |conn| still(conn, &service, seen)).await??)
    }

    /// Writes the definition of a service, which is understood as `effective`; answers with its revision.
    ///
    /// # Errors
    /// [`Failure::Refused`] when it has changed since it was looked at; nothing has changed then.
    pub async fn note_definition(
        &self,
        actor: &Actor,
        block: Block,
        effective: String,
        seen: i64,
    ) -> Result<i64, Failure> {
        let by = actor.label().to_owned();
        self.record(actor, move |conn, now| {
            let Block { service, text } = block;
            still(conn, &service, seen)??;
            let is = Definition { text: &effective, written: Some(&text), by: Some(&by) };
            let number = definitions::revise(conn, &service, &is, now)?;
            dashboard::put(conn, &Defined { service: service.clone(), text, number, problem: None })?;
            Ok((number, Some(Event::ServiceDefined { service, revision: number })))
        })
        .await
    }

    /// Removes the definition of a service of which nothing is under way.
    ///
    /// # Errors
    /// [`Failure::Refused`] when something is, or it has changed since it was looked at; nothing has changed then.
    pub async fn note_removal(&self, actor: &Actor, service: ServiceName, seen: i64) -> Result<(), Failure> {
        let by = actor.label().to_owned();
        self.record(actor, move |conn, now| {
            still(conn, &service, seen)??;
            if let Some(release) = dashboard::under_way(conn, &service)? {
                return Err(Cause::ServiceBusy { service, release }.into());
            }
            dashboard::remove(conn, &service)?;
            definitions::revise(conn, &service, &Definition { text: "", written: None, by: Some(&by) }, now)?;
            Ok(((), Some(Event::ServiceRemoved { service })))
        })
        .await
    }

    /// Notes what became of the services of the dashboard when the configuration was read: those that the file defines, too,
    /// are gone from the dashboard; and what is put aside, and why.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_composed(&self, composed: &Composed) -> Result<(), Failure> {
        for service in composed.in_file.iter().cloned() {
            tracing::info!("the service {service} is defined in rmm.toml now; its definition in the dashboard is gone");
            self.record(&Actor::Machine, move |conn, _| {
                dashboard::remove(conn, &service)?;
                Ok(((), Some(Event::ServiceMovedToFile { service })))
            })
            .await?;
        }
        for defined in self.defined_services().await? {
            let problem = composed.aside.get(&defined.service).map(ToString::to_string);
            if let Some(problem) = &problem {
                let service = &defined.service;
                tracing::error!(
                    "the service {service} of the dashboard is disabled, since its definition is not valid:\n{problem}"
                );
            }
            if problem != defined.problem {
                let changed = Defined { problem, ..defined };
                let put = self.store().write(move |tx| dashboard::put(tx, &changed)).await;
                put.map_err(WriteError::flatten)?;
            }
        }
        Ok(())
    }
}

/// Refuses what was made of another definition than the one that is there.
fn still(conn: &Connection, service: &ServiceName, seen: i64) -> Result<Result<(), Refusal>, StoreError> {
    let now = dashboard::get(conn, service)?.map_or(0, |defined| defined.number);
    if now == seen {
        return Ok(Ok(()));
    }
    let last = definitions::revisions(conn, service, 1)?.pop();
    let by = last.and_then(|last| last.by);
    Ok(Err(Cause::DefinitionChanged { service: service.clone(), by, gone: now == 0 }.into()))
}
