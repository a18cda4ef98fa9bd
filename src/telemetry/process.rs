//! What the system knows of this process, from `/proc`.

use std::fs;

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, getrlimit};

/// Under the names that all Prometheus clients use: the name, what it is, and its value, where the system tells it.
pub(super) struct Process {
    pub(super) resident: Option<u64>,
    pub(super) virtual_memory: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
    pub(super) threads: Option<u64>,
    /// Since 1970, in seconds.
    pub(super) started: Option<f64>,
    /// Of all processors, in seconds.
    pub(super) worked: Option<f64>,
}

impl Process {
    /// As it is now.
    pub(super) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let booted = fs::read_to_string("/proc/stat").unwrap_or_default();
        let booted = booted.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
        let files = fs::read_dir("/proc/self/fd").ok();
        Self {
            resident: kilobytes(&status, "VmRSS:"),
            virtual_memory: kilobytes(&status, "VmSize:"),
            // One of them is the folder that is being read.
            open_files: files.map(|files| (files.count() as u64).saturating_sub(1)),
            most_files: getrlimit(Resource::Nofile).current,
            threads: number(&status, "Threads:"),
            started: booted.zip(field(&stat, 22)).map(|(booted, ticks)| booted + in_seconds(ticks)),
            worked: field(&stat, 14).zip(field(&stat, 15)).map(|(user, system)| in_seconds(user) + in_seconds(system)),
        }
    }
}

/// A line of `/proc/self/status`.
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    number(status, name).map(|kilobytes| kilobytes * 1024)
}

/// A field of `/proc/self/stat` by its number (proc_pid_stat(5)). The second, the program's name, may hold anything.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn in_seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let now = Process::now();
        assert!(now.resident.is_some_and(|bytes| bytes > 1_000_000));
        assert!(now.resident <= now.virtual_memory);
        assert!(now.open_files.is_some_and(|files| files >= 3 && Some(files) < now.most_files));
        assert!(now.started.is_some_and(|at| at > 1_600_000_000.0));
        assert!(now.worked.is_some() && now.threads.is_some_and(|threads| threads > 0));
    }

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13";
        assert_eq!((field(stat, 4), field(stat, 14)), (Some(1), Some(11)));
    }
}
