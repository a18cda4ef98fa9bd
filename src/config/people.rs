//! `[[people]]`: who is known, and by which ids.

use std::collections::BTreeMap;

use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::ids::PersonName;
use crate::domain::person::{Person, Role, is_shared_username, shared_account};
use crate::domain::text::{folded, is_same_name};

use super::file::Section;
use super::report::{Located, Origin, Report, Spot};

/// The people, and what approver lists may refer to.
pub(super) struct People {
    pub list: Vec<Person>,
    /// Every name that is written, also of people whose other keys are wrong; the role where it is known.
    pub names: BTreeMap<String, Option<Role>>,
}

/// Values that may stand in one place only.
#[derive(Default)]
pub(super) struct Unique<T: Ord>(BTreeMap<T, String>);

impl<T: Ord> Unique<T> {
    /// Reports a value that another place has already.
    pub fn claim(&mut self, report: &Report<'_>, value: T, place: &Origin) {
        if let Some(first) = self.0.get(&value) {
            report.error(place, ConfigFault::Unique { first: first.clone() });
        } else {
            self.0.insert(value, place.path.clone());
        }
    }
}

/// Names of people, services, surfaces or hosts: those that look the same to a reader are one. Files from before may hold
/// twins.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, Located<String>>);

impl Names {
    pub fn claim(&mut self, report: &Report<'_>, name: &Located<String>) {
        let Some(first) = self.0.get(&folded(&name.value)) else {
            self.0.insert(folded(&name.value), name.clone());
            return;
        };
        if first.value == name.value {
            report.error(&name.place, ConfigFault::Unique { first: first.place.path.clone() });
        } else {
            let (one, other, first) = (name.value.clone(), first.value.clone(), first.place.path.clone());
            report.collision(&name.place, ConfigFault::LookAlike { one, other, first }, ConfigHint::OtherName);
        }
    }
}

pub(super) fn read(root: &Section<'_>) -> People {
    let report = root.report;
    let mut people = People { list: Vec::new(), names: BTreeMap::new() };
    let mut names = Names::default();
    let (mut telegram_ids, mut logins, mut usernames) = (Unique::default(), Unique::default(), Unique::default());
    let mut places = Vec::new();
    for section in root.list("people").unwrap_or_default() {
        let name = name(&section, &mut names);
        let roles = [("admin", Role::Admin), ("member", Role::Member), ("viewer", Role::Viewer)];
        let role = if section.has("role") {
            section.choice("role", &roles).map(|role| role.value)
        } else {
            Some(Role::Member)
        };
        let telegram_id = section.number("telegram_id", 1..=i64::MAX).filter(|id| is_of_one(report, id));
        if let Some(id) = &telegram_id {
            telegram_ids.claim(report, id.value, &id.place);
        }
        let username = section.text("telegram").and_then(|text| username(report, text));
        if let Some(username) = &username {
            if section.has("telegram_id") {
                report.error(&username.place, ConfigFault::NumberSaysMore);
            }
            usernames.claim(report, username.value.to_lowercase(), &username.place);
        }
        let github = section.text("github").filter(|login| check_login(report, login));
        if let Some(login) = &github {
            // GitHub does not tell `Ann` from `ann`.
            logins.claim(report, login.value.to_lowercase(), &login.place);
        }
        let Some(name) = name else { continue };
        if ["operator", "rmm"].into_iter().any(|taken| is_same_name(taken, name.as_str())) {
            let place = section.at("name");
            report.warn(&place, ConfigFault::NameOfRecord);
        }
        places.extend(github.clone().map(|login| (name.clone(), login)));
        people.names.insert(name.to_string(), role);
        people.list.push(Person {
            name,
            telegram_id: telegram_id.map(|id| id.value),
            telegram_username: username.map(|username| username.value),
            github: github.map(|login| login.value),
            role: role.unwrap_or(Role::Member),
            groups: Vec::new(),
        });
    }
    for (owner, login) in places {
        let other =
            people.list.iter().find(|other| other.name != owner && is_same_name(other.name.as_str(), &login.value));
        if let Some(other) = other {
            let (owner, other) = (owner.to_string(), other.name.to_string());
            let fault = ConfigFault::LoginIsName { login: login.value, owner, other };
            report.collision(&login.place, fault, ConfigHint::OtherPerson);
        }
    }
    let admins = people.names.values().any(|role| matches!(role, Some(Role::Admin) | None));
    if !people.list.is_empty() && !admins {
        let place = Origin { path: "people".into(), spot: Spot::File };
        report.warn(&place, ConfigFault::NoAdmin);
    }
    people
}

fn name(section: &Section<'_>, taken: &mut Names) -> Option<PersonName> {
    let Some(text) = section.text("name") else {
        if !section.has("name") {
            section.missing("name", Needed::NameOfPerson);
        }
        return None;
    };
    taken.claim(section.report, &text);
    PersonName::parse("name", text.value).map_err(|invalid| section.report.error(&text.place, invalid.rule)).ok()
}

/// Whether a number is one person's. One that stands for many is left out, so that it gives no rights.
fn is_of_one(report: &Report<'_>, id: &Located<i64>) -> bool {
    let Some(shared) = shared_account(id.value) else { return true };
    let fault = ConfigFault::SharedAccount { number: Some(shared.to_owned()) };
    report.collision(&id.place, fault, ConfigHint::OwnNumber);
    false
}

/// Telegram's rule for usernames; people write them with an `@`.
fn username(report: &Report<'_>, text: Located<String>) -> Option<Located<String>> {
    let name = text.value.strip_prefix('@').unwrap_or(&text.value);
    let fits = (4..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.as_bytes()[0].is_ascii_alphabetic();
    if !fits {
        report.error_hint(&text.place, ConfigFault::Username, ConfigHint::NumberIsBetter);
        return None;
    }
    if is_shared_username(name) {
        report.collision(&text.place, ConfigFault::SharedAccount { number: None }, ConfigHint::OwnNumber);
        return None;
    }
    Some(Located { value: name.to_owned(), place: text.place })
}

/// GitHub's rule for logins, with the underscore of managed accounts.
fn check_login(report: &Report<'_>, login: &Located<String>) -> bool {
    let text = login.value.as_bytes();
    let fits = (1..=100).contains(&text.len())
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && text[0].is_ascii_alphanumeric();
    if !fits {
        report.error(&login.place, ConfigFault::GithubLogin);
    }
    fits
}
