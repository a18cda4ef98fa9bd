//! Whether a process at the operator's socket came from RMM itself: then it is a step's, and no operator.
//!
//! Two things tell. RMM is among its ancestors; or it carries the mark, which RMM puts on itself when it starts and
//! everything that it starts inherits: a low hard limit of file locks. Linux makes no use of that limit, and only a
//! process with `CAP_SYS_RESOURCE` can raise it again. So the mark outlives `setsid`, the death of all ancestors and
//! RMM's own restart.

use rustix::process::{Resource, Rlimit, Uid, geteuid, getrlimit, setrlimit};
use tokio::net::unix::UCred;

/// The highest limit that is a mark. An RMM that runs in a step of another one takes the next lower number.
const MARK: u64 = 7;
/// How often ancestors are looked for anew if one of them ends meanwhile.
const TRIES: u8 = 5;

/// Marks this process, and so everything that it starts from now on.
pub fn mark() {
    let limit = getrlimit(Resource::Locks);
    let below = limit.maximum.map_or(MARK, |most| most.saturating_sub(1).min(MARK));
    if let Err(error) = setrlimit(Resource::Locks, Rlimit { current: Some(below), maximum: Some(below) }) {
        tracing::warn!(%error, "steps could not be marked, so some of their processes can use the operator's socket");
    }
}

/// Why a process may not use the operator's socket, as a sentence.
pub fn objection(peer: UCred) -> Option<String> {
    let (me, uid) = (geteuid(), Uid::from_raw(peer.uid()));
    if uid != me && !uid.is_root() {
        return Some(format!("this socket is the operator's, and user {} is not the one that RMM runs as", peer.uid()));
    }
    // A process of an outer PID namespace has no number here, and cannot come from RMM.
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    let rmm = std::process::id();
    let mark = limit_of(rmm).filter(|most| *most <= MARK);
    // Root may hide its processes from others.
    let from_step = comes_from(pid, rmm, mark).unwrap_or(me.is_root() || !uid.is_root());
    from_step.then(|| {
        "this process was started by a step of RMM, and a step is no operator; to let it use RMM, make a token \
         (`rmm token create NAME --role ci --service SERVICE`), hand it to the step as a secret, and set RMM_URL and \
         RMM_TOKEN there"
            .to_owned()
    })
}

/// Whether a process comes from RMM. Not known if it cannot be looked at.
fn comes_from(pid: u32, rmm: u32, mark: Option<u64>) -> Option<bool> {
    if pid == rmm || pid == 0 {
        return Some(false);
    }
    if let Some(mark) = mark
        && limit_of(pid)? <= mark
    {
        return Some(true);
    }
    (0..TRIES).find_map(|_| descends(pid, rmm))
}

/// Whether a process has an ancestor. Not known if one of those between has ended meanwhile.
fn descends(pid: u32, ancestor: u32) -> Option<bool> {
    let mut at = pid;
    while at != ancestor {
        if at <= 1 {
            return Some(false);
        }
        at = parent(at)?;
    }
    Some(true)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in front may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The hard limit of file locks of a process.
fn limit_of(pid: u32) -> Option<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file locks"))?;
    line.split_whitespace().nth(1).map(|most| most.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell that tells a process that it has made, and waits.
    fn shell(script: &str) -> (Child, u32) {
        let mut command = Command::new("sh");
        let mut child = command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    fn end(mut child: Child) {
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn descendants_are_told_from_others() {
        let me = std::process::id();
        // What a shell runs in the background reads nothing from its own standard input.
        let (child, grandchild) = shell("exec 3<&0; sh -c 'echo $$; read x <&3' & wait");
        assert_eq!(comes_from(grandchild, me, None), Some(true));
        assert_eq!(comes_from(grandchild, child.id(), None), Some(true));
        assert_eq!((comes_from(me, me, None), comes_from(0, me, None)), (Some(false), Some(false)));
        assert_eq!(comes_from(me, grandchild, None), Some(false));
        end(child);
        assert_eq!(comes_from(u32::MAX, me, None), None);
    }

    #[test]
    fn the_mark_outlives_the_parents() {
        let rmm = u32::MAX;
        if Command::new("prlimit").arg("--version").output().is_err() {
            return;
        }
        let forks_twice = "exec 3<&0; prlimit --locks=5:5 sh -c '(setsid sh -c \"echo \\$\\$; read x <&3\" &)'; read x";
        let (child, orphan) = shell(forks_twice);
        assert_eq!(comes_from(orphan, rmm, Some(5)), Some(true));
        assert_eq!(comes_from(orphan, rmm, Some(4)), Some(false));
        assert_eq!(comes_from(orphan, rmm, None), Some(false));
        end(child);
    }
}
