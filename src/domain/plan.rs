//! Plans: the ordered steps that take an environment from one release to another.
//!
//! Pure: the same definition and the same releases give the same steps, to be shown before anything runs. This is
//! the only place where values from outside enter a command, and each passes [`shell_word`] on its way.

pub mod known;
mod look;
mod part;
pub mod project;
mod quoting;
mod shell;
pub mod started;
mod values;
mod way_back;
mod words;

use super::env::Env;
use super::ids::{HostName, RunId};
use super::position::{Position, Positions, Side};
use super::reason::Reason;
use super::release::Release;
use super::run::{RunKind, Step};
use super::service::{Order, Service, Surface, Target};

use part::{Part, Plan};
use project::Direction;

pub use look::look_first;
pub use quoting::{Quoting, shell_word, templates, url_part};
pub use shell::{Misplaced, Misplacement, misplaced};
pub use values::check_values;

/// What command templates may name.
pub const VARIABLES: &[&str] = &[
    "release.tag",
    "release.commit",
    "release.number",
    "target.tag",
    "target.commit",
    "target.number",
    "surface.name",
    "surface.artifact",
    "surface.digest",
    "host.name",
    "host.address",
    "service",
    "environment",
    "run.id",
    "run.kind",
];

/// Makes the steps of one run.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// The service.
    pub service: &'a Service,
    /// Where.
    pub environment: Env,
    /// What for.
    pub kind: RunKind,
    /// The run, if it exists already.
    pub run: Option<RunId>,
    /// Hosts that are left out.
    pub without: &'a [HostName],
}

impl<'a> Planner<'a> {
    /// The same, without some hosts.
    #[must_use]
    pub fn without(self, hosts: &'a [HostName]) -> Self {
        Self { without: hosts, ..self }
    }

    /// The steps to `to`, surface by surface in their order. `before` is what runs now.
    ///
    /// # Errors
    /// When the commit is not known, a template does not render or an artifact must not enter a command.
    pub fn forward(&self, to: &Release, before: Option<&Release>) -> Result<Vec<Step>, Reason> {
        // The commands may be others than when it was created.
        check_values(self.service, &to.artifacts).map_err(Reason::ValueNotTaken)?;
        self.onward(to, before, true)
    }

    /// The steps to a version that production runs already: as [`Planner::forward`], but a tag that has moved since
    /// is no reason not to go there.
    ///
    /// # Errors
    /// When the commit is not known or a template does not render.
    pub fn catch_up(&self, to: &Release, before: Option<&Release>) -> Result<Vec<Step>, Reason> {
        self.onward(to, before, false)
    }

    /// The steps that bring hosts back from the code of `newer` to that of `to`, which the others run already; the
    /// database is theirs, too.
    ///
    /// # Errors
    /// When the commit is not known or a template does not render.
    pub fn catch_up_code(&self, newer: &Release, to: &Release) -> Result<Vec<Step>, Reason> {
        let mut plan = Plan::default();
        for surface in self.service.surfaces_in(self.environment) {
            let places = self.places(surface);
            let direction = Direction::Back(newer);
            let mut part = Part { planner: self, surface, code: to, target: Some(to), direction, plan: &mut plan };
            for group in groups(surface.order, &places) {
                part.checkout(group)?;
                part.start(group)?;
            }
        }
        Ok(plan.steps)
    }

    /// Where a surface runs, without the hosts that are left out.
    fn places(&self, surface: &Surface) -> Vec<Target> {
        surface.places().into_iter().filter(|place| !self.without.contains(&place.host)).collect()
    }

    fn onward(&self, to: &Release, before: Option<&Release>, verify_tag: bool) -> Result<Vec<Step>, Reason> {
        let mut plan = Plan::default();
        for surface in self.service.surfaces_in(self.environment) {
            let places = self.places(surface);
            if places.is_empty() {
                continue;
            }
            let direction = Direction::Forward;
            let mut part = Part { planner: self, surface, code: to, target: before, direction, plan: &mut plan };
            part.fetch(&places)?;
            if verify_tag {
                part.verify_tag(&places)?;
            }
            part.advance(&places, true)?;
        }
        Ok(plan.steps)
    }

    /// The steps from `newer` back to `older`, in reverse order of the surfaces. `positions` says where each touched
    /// surface stands, and on which hosts; the others are left alone.
    ///
    /// # Errors
    /// When the commit is not known or a template does not render.
    pub fn back(&self, newer: &Release, older: &Release, positions: &Positions) -> Result<Vec<Step>, Reason> {
        let mut plan = Plan::default();
        self.go_back(&mut plan, newer, older, positions)?;
        Ok(plan.steps)
    }

    /// The steps of a rehearsal: back to `older` and forward to `newer` again.
    ///
    /// # Errors
    /// When the commit is not known or a template does not render.
    pub fn rehearsal(&self, newer: &Release, older: &Release, positions: &Positions) -> Result<Vec<Step>, Reason> {
        let mut plan = Plan::default();
        self.go_back(&mut plan, newer, older, positions)?;
        for surface in self.service.surfaces_in(self.environment) {
            let direction = Direction::Forward;
            let mut part =
                Part { planner: self, surface, code: newer, target: Some(older), direction, plan: &mut plan };
            part.advance(&self.places(surface), false)?;
        }
        Ok(plan.steps)
    }

    /// Every surface, on all of its hosts, on one side.
    #[must_use]
    pub fn everywhere(&self, side: Side) -> Positions {
        let newer = side == Side::Newer;
        let position = |surface: &Surface| Position {
            newer_schema: newer,
            hosts: surface.places().into_iter().map(|place| (place.host, newer)).collect(),
        };
        self.service.surfaces_in(self.environment).map(|surface| (surface.name.clone(), position(surface))).collect()
    }
}

/// The touched hosts of a surface, the last one first; also those that the surface does not have any more.
fn touched(surface: &Surface, position: &Position) -> Vec<Target> {
    let mut places: Vec<_> =
        surface.places().into_iter().rev().filter(|place| position.hosts.contains_key(&place.host)).collect();
    for host in position.hosts.keys() {
        if places.iter().all(|place| place.host != *host) {
            places.push(Target { host: host.clone(), address: host.to_string() });
        }
    }
    places
}

/// The hosts that are worked on side by side, group after group.
fn groups(order: Order, places: &[Target]) -> std::slice::Chunks<'_, Target> {
    places.chunks(match order {
        Order::Parallel => places.len().max(1),
        Order::Rolling => 1,
    })
}

/// Where a repository is cloned from: `owner/name` means GitHub, everything else is meant as it is written.
#[must_use]
pub fn clone_url(repository: &str) -> String {
    let mut parts = repository.split('/');
    let word = |part: Option<&str>| {
        part.is_some_and(|p| {
            !p.is_empty() && !p.starts_with('.') && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
    };
    if word(parts.next()) && word(parts.next()) && parts.next().is_none() {
        return format!("https://github.com/{repository}.git");
    }
    repository.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_on_github_have_a_short_name() {
        assert_eq!(clone_url("YourOrg/name"), "https://github.com/YourOrg/name.git");
        for as_written in
            ["/srv/repo.git", "../repo", "ssh://git@host/x.git", "git@host:x/y.git", "file:///x", "./a/b", "a"]
        {
            assert_eq!(clone_url(as_written), as_written);
        }
    }
}
