//! `jump`: the hosts on the way to a host.
//!
//! What is written is the last part of the way; how RMM gets to its first host is written there. So the list is read
//! as SSH reads `ProxyJump`.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::HostName;

use super::error::nearest;
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
            Some("must be the name of a host; leave the key out where RMM reaches the host itself".to_owned())
        } else if name.value == host {
            Some("a host is not on the way to itself".to_owned())
        } else if name.value == HostName::local().as_str() {
            Some("`local` is RMM's own machine: every way begins there".to_owned())
        } else if !known.contains(name.value.as_str()) {
            let near = nearest(&name.value, known.iter().copied().filter(|other| *other != host));
            let near = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            Some(format!("`{}` is not among [[hosts]]{near}", name.value))
        } else {
            None
        };
        if let Some(problem) = problem {
            let hint = "`jump` names other [[hosts]], each with its own address, login and key";
            report.error_hint(&name.place, problem, hint);
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
        report.error(&jump.place, format!("leads in a circle: {}", whole()));
        return None;
    }
    if way.len() > LONGEST_WAY {
        report.error(&jump.place, format!("leads over more than {LONGEST_WAY} hosts: {}", whole()));
        return None;
    }
    way.into_iter().map(|name| HostName::parse("jump", name).ok()).collect()
}
