//! A service: what runs where.

use minijinja::Value;

use super::pen::{Pen, tapped};
use super::{Drawn, missing};
use crate::bot::screen::{Key, Screen, Tap};
use crate::bot::words::facts;
use crate::clients::telegram::Text;
use crate::domain::env::Env;
use crate::domain::environment::EnvironmentState;
use crate::domain::release::Release;
use crate::engine::Failure;
use crate::views::ServiceOverview;

pub(super) async fn service(pen: &Pen<'_>, key: Key) -> Result<Drawn, Failure> {
    let catalog = pen.engine.catalog();
    let found = catalog.services().find(|service| Key::of(service.name.as_str()) == key);
    let Some(service) = found else { return Ok(missing(pen, "service", None)) };
    let overview = ServiceOverview::read(pen.engine, &service.name).await?;
    let names = |people: &[crate::domain::ids::PersonName]| people.iter().map(ToString::to_string).collect::<Vec<_>>();
    let facts = facts! {
        name => service.name.as_str(),
        repository => service.repository,
        retired => service.retired,
        put_aside => service.put_aside,
        surfaces => service.surfaces.iter().map(|surface| surface.name.to_string()).collect::<Vec<_>>(),
        places => overview.environments.values().map(|state| place(pen, &overview, state)).collect::<Vec<_>>(),
        another_copy => overview.another_copy.as_ref().and_then(|met| pen.why(&met.reason)),
        required => names(&service.approvals.required),
        minimum => service.approvals.minimum,
        line => overview.line.iter().map(|release| release.version().to_string()).collect::<Vec<_>>(),
    };
    let mut buttons = Vec::new();
    for state in overview.environments.values() {
        let dirty = state.dirty.as_ref().map(|dirty| dirty.run);
        if let Some(run) = dirty.filter(|_| pen.is_admin()) {
            let label = pen.phrase("button.run", facts! { number => run.0 });
            buttons.push(vec![tapped(label, &Tap::Show(Screen::Run(run)))]);
        }
    }
    if let Some(lock) = overview.production().lock.as_ref().filter(|_| pen.is_admin()) {
        let tap = Tap::Unlock { service: key, lock: Key::of_lock(lock) };
        buttons.push(vec![pen.button("button.unlock", &tap)]);
    }
    if let Some(release) = &overview.in_production {
        let label = pen.phrase("button.release", facts! { title => Release::title(release) });
        buttons.push(vec![tapped(label, &Tap::Show(Screen::Release(release.id)))]);
    }
    buttons.push(pen.way_out(&Screen::Service(key)));
    Ok(Drawn { text: Text { html: pen.html("service", facts), buttons }, about: None })
}

fn place(pen: &Pen<'_>, overview: &ServiceOverview, state: &EnvironmentState) -> Value {
    let kind = state.kind;
    let run = overview.run_in(kind).map(|run| format!("{} · #{}", pen.run_title(run.kind, kind), run.release));
    facts! {
        icon => match kind { Env::Preview(_) => "🔎", Env::Stage => "🧪", Env::Production => "🌍" },
        title => pen.place(kind),
        current => state.current.as_ref().map(ToString::to_string),
        since => state.since.map(|since| pen.time(since)),
        lock => state.lock.as_ref().map(|lock| facts! {
            by => lock.by, at => pen.time(lock.at), reason => pen.why(&lock.reason),
        }),
        left => state.left.iter().map(|(host, left)| facts! {
            host => host.as_str(), since => pen.time(left.since), reason => pen.why(&left.reason),
            given_up => left.given_up,
        }).collect::<Vec<_>>(),
        dirty => state.dirty.as_ref().map(|dirty| {
            let version = dirty.to.as_ref().map(ToString::to_string);
            facts! { run => dirty.run.0, version => version, reason => pen.why(&dirty.reason) }
        }),
        unknown => state.unknown.as_ref().and_then(|unknown| pen.why(&unknown.reason)),
        kind => kind.to_string(),
        run => run,
    }
}
