//! How many repositories are asked at the same time.
//!
//! Must not: keep a place that anything else needs. A repository that accepts connections and stays silent delays the
//! tags of its own service only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::catalog::Catalog;
use crate::domain::ids::ServiceName;
use crate::domain::plan::clone_url;
use crate::store::outbox::Waiting;

/// Questions at the same time. Each is a git process of some 10 MB that waits most of its time; services take turns.
const MAX_CONCURRENT: usize = 16;
/// Questions to one git server at the same time: enough for a quick one, and so few that a silent one leaves room for
/// the others. A service and a repository have one.
const MAX_CONCURRENT_PER_HOST: usize = 4;

/// The slots for questions.
#[derive(Default)]
pub(super) struct Questions {
    places: Mutex<Slots>,
    freed: Notify,
}

#[derive(Default)]
struct Slots {
    taken: Vec<Asked>,
    /// When each service was asked last, in turns.
    turns: HashMap<Option<String>, u64>,
    turn: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    service: Option<String>,
    repository: Option<String>,
    host: Option<String>,
}

/// A question's place, given back when it is dropped.
pub(super) struct Slot {
    questions: Arc<Questions>,
    asked: Asked,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.questions.lock();
        if let Some(at) = places.taken.iter().position(|asked| *asked == self.asked) {
            places.taken.swap_remove(at);
        }
        drop(places);
        self.questions.freed.notify_one();
    }
}

impl Slots {
    fn have_room_for(&self, asked: &Asked) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
        let at_host = self.taken.iter().filter(|taken| same(&taken.host, &asked.host)).count();
        self.taken.len() < MAX_CONCURRENT
            && at_host < MAX_CONCURRENT_PER_HOST
            && !self
                .taken
                .iter()
                .any(|taken| taken.service == asked.service || same(&taken.repository, &asked.repository))
    }
}

impl Questions {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a place was given back since the last time.
    pub(super) async fn place_was_freed(&self) {
        self.freed.notified().await;
    }

    /// Of the first questions of all services those that find a place, by their ids. Whose turn is longest ago comes
    /// first.
    pub(super) fn choose(self: &Arc<Self>, mut waiting: Vec<Waiting>, catalog: &Catalog) -> Vec<(i64, Slot)> {
        let mut places = self.lock();
        waiting.sort_by_key(|question| (places.turns.get(&question.service).copied(), question.due_at));
        let mut chosen = Vec::new();
        for question in waiting {
            let asked = asked(question.service, catalog);
            if places.have_room_for(&asked) {
                places.turn += 1;
                let turn = places.turn;
                places.turns.insert(asked.service.clone(), turn);
                places.taken.push(asked.clone());
                chosen.push((question.id, Slot { questions: self.clone(), asked }));
            }
        }
        chosen
    }

    /// A place for a question about a service's tags, if there is one.
    pub(super) fn place(self: &Arc<Self>, service: &ServiceName, catalog: &Catalog) -> Option<Slot> {
        let mut places = self.lock();
        let asked = asked(Some(service.to_string()), catalog);
        if !places.have_room_for(&asked) {
            return None;
        }
        places.taken.push(asked.clone());
        Some(Slot { questions: self.clone(), asked })
    }

    /// When the first of those is due that would find a place.
    pub(super) fn first_with_room(&self, waiting: Vec<Waiting>, catalog: &Catalog) -> Option<i64> {
        let places = self.lock();
        let with_room = waiting.into_iter().filter(|it| places.have_room_for(&asked(it.service.clone(), catalog)));
        with_room.map(|question| question.due_at).min()
    }
}

fn asked(service: Option<String>, catalog: &Catalog) -> Asked {
    let name = service.as_ref().and_then(|name| ServiceName::parse("service", name.as_str()).ok());
    let repository = name.and_then(|name| catalog.service(&name)?.repository.as_deref().map(clone_url));
    let host = repository.as_deref().and_then(host);
    Asked { service, repository, host }
}

/// The server of a repository; none for a folder.
fn host(url: &str) -> Option<String> {
    let rest = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest,
        // `git@host:path`, unless a slash comes before the colon.
        None => url.split_once(':').map(|(host, _)| host).filter(|host| !host.contains('/'))?,
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let bare = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(bare, _)| bare);
    Some(bare.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: i64, service: &str) -> Waiting {
        Waiting { id, service: Some(service.to_owned()), due_at: id }
    }

    #[test]
    fn a_repository_names_its_server() {
        let found = |url| host(url);
        for url in
            ["https://git.example.com/a/b.git", "ssh://git@Git.example.com:2222/a", "git@git.example.com:a/b.git"]
        {
            assert_eq!(found(url).as_deref(), Some("git.example.com"), "{url}");
        }
        assert_eq!(found("https://[::1]:8443/a").as_deref(), Some("[::1]"));
        for folder in ["/srv/repo.git", "../repo", "file:///srv/repo", "./a:b"] {
            assert_eq!(found(folder), None, "{folder}");
        }
    }

    #[test]
    fn services_take_turns_and_have_one_place_each() {
        let questions = Arc::new(Questions::default());
        let catalog = Catalog::default();
        let names: Vec<_> = (0..=MAX_CONCURRENT).map(|number| format!("s{number:02}")).collect();
        let all = || names.iter().zip(0..).map(|(name, id)| question(id, name)).collect::<Vec<_>>();
        let mut chosen = questions.choose(all(), &catalog);
        assert_eq!(chosen.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
        assert_eq!(questions.first_with_room(all(), &catalog), None);
        // A repository that was never asked comes before those that are asked again, however long these are due.
        drop(chosen.drain(..2));
        assert_eq!(questions.first_with_room(all(), &catalog), Some(0));
        let next = questions.choose(all(), &catalog);
        assert_eq!(next.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [16, 0]);
    }

    #[test]
    fn one_server_and_one_repository_do_not_take_all_places() {
        let asked = |service: usize, host: &str, repository: &str| Asked {
            service: Some(format!("s{service}")),
            repository: Some(format!("https://{host}/{repository}")),
            host: Some(host.to_owned()),
        };
        let mut places = Slots::default();
        for service in 0..MAX_CONCURRENT_PER_HOST {
            let next = asked(service, "silent", &service.to_string());
            assert!(places.have_room_for(&next));
            places.taken.push(next);
        }
        assert!(!places.have_room_for(&asked(9, "silent", "9")));
        places.taken.push(asked(10, "quick", "one"));
        assert!(!places.have_room_for(&asked(11, "quick", "one")));
        assert!(places.have_room_for(&asked(11, "quick", "two")));
    }
}
