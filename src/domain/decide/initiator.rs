//! Who began a release. Whom GitHub itself names counts, whatever else was said and in whichever order it comes.

use crate::domain::event::Event;
use crate::domain::ids::ReleaseId;
use crate::domain::text::is_same_name;

use super::Draft;

/// Who begins a new release.
pub(super) struct Initiators {
    /// By which name it is told.
    pub shown: String,
    /// Whom GitHub, or the person's own token, has named.
    pub proven: Vec<String>,
}

impl Draft<'_, '_> {
    /// Whether two names are those of one person, or the same.
    fn is_one_person(&self, one: &str, other: &str) -> bool {
        let is_called = |name: &str| is_same_name(name.trim_start_matches('@'), other.trim_start_matches('@'));
        is_called(one) || self.world.people.values().any(|person| person.is_called(one) && person.is_called(other))
    }

    /// Of whom is told, and of whom it is proven: the first proven one counts.
    pub(super) fn initiators(&self, told: String, proven: Vec<String>) -> Initiators {
        let mut all: Vec<String> = Vec::new();
        for login in proven {
            if !all.iter().any(|known| is_same_name(known, &login)) {
                all.push(login);
            }
        }
        let other = all.first().filter(|first| !self.is_one_person(first, &told)).cloned();
        Initiators { shown: other.unwrap_or(told), proven: all }
    }

    /// Those who began a new release beside the one of whom is told.
    pub(super) fn record_others(&mut self, id: ReleaseId, initiators: &Initiators) {
        for login in &initiators.proven {
            if !self.is_one_person(login, &initiators.shown) {
                let event = Event::InitiatorProven { initiated_by: login.clone(), before: None };
                self.world.record(Some(id), None, event);
            }
        }
    }

    /// GitHub has named who began a release, or another attempt of it. The first such name replaces one that was only said.
    pub(super) fn prove_initiators(&mut self, id: ReleaseId, logins: &[String]) {
        for login in logins {
            let release = self.world.release(id);
            if release.proven_initiators.iter().any(|known| is_same_name(known, login)) {
                continue;
            }
            let (was_said, before) = (release.proven_initiators.is_empty(), release.initiated_by.clone());
            let is_known = self.is_one_person(&before, login);
            let changed = self.world.release_mut(id);
            changed.proven_initiators.push(login.clone());
            if is_known {
                continue;
            }
            if was_said {
                if is_same_name(&changed.owner, &before) {
                    changed.owner.clone_from(login);
                }
                changed.initiated_by.clone_from(login);
                changed.said_by = None;
            }
            let event = Event::InitiatorProven { initiated_by: login.clone(), before: was_said.then_some(before) };
            self.world.record(Some(id), None, event);
        }
    }
}
