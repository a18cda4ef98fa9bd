//! `jump`: the hosts on the way to a host.
//!
//! What is written is the last part of the way; how RMM gets to its first host is written there. So the list is read
//! as SSH reads `ProxyJump`.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::ids::HostName;

use super::error::not_among;
use super::report::{Located, Report};

/// Hosts on one way; more is a mistake.
const LONGEST_WAY: usize = 8;

/// What is written at one host.
type Written = Located<Vec<Located<String>>>;

/// The whole way to each host that has one. Reports names that are unknown and ways that lead in a circle.
pub(super) fn ways(
    report: &Report<'_>,
    known: &BTreeSet<&str>,
    written: &BTreeMap<String, Written>,
) -> BTreeMap<String, Vec<HostName>> {
    written.iter().filter_map(|(host, jump)| Some((host.clone(), way(report, known, written, host, jump)?))).collect()
}

fn way(
    report: &Report<'_>,
    known: &BTreeSet<&str>,
    written: &BTreeMap<String, Written>,
    host: &str,
    jump: &Written,
) -> Option<Vec<HostName>> {
    let mut good = true;
    for name in &jump.value {
        let problem = if name.value.trim().is_empty() {
            Some(ConfigFault::JumpEmpty)
        } else if name.value == host {
            Some(ConfigFault::JumpToItself)
        } else if name.value == HostName::local().as_str() {
            Some(ConfigFault::JumpToLocal)
        } else if !known.contains(name.value.as_str()) {
            Some(not_among("hosts", &name.value, known.iter().copied().filter(|other| *other != host)))
        } else {
            None
        };
        if let Some(problem) = problem {
            report.error_hint(&name.place, problem, ConfigHint::Jump);
            good = false;
        }
    }
    if !good {
        return None;
    }
    let mut way: Vec<&str> = jump.value.iter().map(|name| name.value.as_str()).collect();
    while let Some(more) = way.first().and_then(|first| written.get(*first)) {
        way.splice(0..0, more.value.iter().map(|name| name.value.as_str()));
        let twice = (0..way.len()).find(|at| way[*at] == host || way[at + 1..].contains(&way[*at]));
        if twice.is_some() || way.len() > LONGEST_WAY {
            break;
        }
    }
    let whole = || [way.as_slice(), &[host]].concat().join(" → ");
    let mut seen = BTreeSet::from([host]);
    if way.iter().any(|name| !seen.insert(name)) {
        report.error(&jump.place, ConfigFault::Circle { way: whole() });
        return None;
    }
    if way.len() > LONGEST_WAY {
        report.error(&jump.place, ConfigFault::LongWay { most: LONGEST_WAY, way: whole() });
        return None;
    }
    way.into_iter().map(|name| HostName::parse("jump", name).ok()).collect()
}
