//! Failures that programs tell in words of their own which are always the same: a port that is taken, a full disk, a login
//! that a registry refuses. Recognised in what a step has printed, so that people read at once what usually helps.
//!
//! Must not: decide anything. It is a guess that stands beside what was printed.

use serde::{Deserialize, Serialize};

/// What most probably went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownFailure {
    /// Another program listens on the port.
    PortTaken,
    /// Another container has the name.
    ContainerNameTaken,
    /// No room, or no inodes, on a disk.
    DiskFull,
    /// No more files may be watched.
    FileWatches,
    /// No more files may be open.
    OpenFiles,
    /// The disk cannot be written.
    ReadOnlyDisk,
    /// The user may not speak to Docker.
    DockerForbidden,
    /// Docker does not run.
    DockerAway,
    /// Docker has no network addresses left.
    DockerNetworks,
    /// The compose file is wrong.
    ComposeFile,
    /// It ran out of memory.
    OutOfMemory,
    /// Another client of the database holds a lock that a migration needs.
    MigrationLock,
    /// An earlier migration ended half-way.
    MigrationHalfWay,
    /// The database refuses the login.
    DatabaseLogin,
    /// The registry has no such image.
    NoSuchImage,
    /// The registry refuses the login.
    RegistryLogin,
    /// The registry gives no more for now.
    RegistryLimit,
    /// A name has no address.
    NameNotFound,
    /// A certificate is not trusted or not valid any more.
    Certificate,
    /// An SSH host shows another key than the known one, or none is known.
    HostKey,
    /// The repository refuses the login.
    RepositoryLogin,
    /// The program is made for another processor.
    OtherProcessor,
    /// A program is not installed.
    NoSuchProgram,
    /// The user may not do that.
    Forbidden,
    /// Nothing listens there.
    NothingListens,
    /// The other side did not answer in time.
    NoAnswer,
}

/// How a program says it, in lower case. What is found first, from the last line on, counts.
const TELLING: &[(KnownFailure, &[&str])] = {
    use KnownFailure as F;
    &[
        (
            F::PortTaken,
            &["address already in use", "eaddrinuse", "port is already allocated", "ports are not available"],
        ),
        (F::ContainerNameTaken, &["is already in use by container"]),
        (F::FileWatches, &["number of file watchers reached"]),
        (F::DiskFull, &["no space left on device", "enospc", "disk quota exceeded", "database or disk is full"]),
        (F::OpenFiles, &["too many open files", "emfile"]),
        (F::ReadOnlyDisk, &["read-only file system", "erofs"]),
        (F::DockerForbidden, &["permission denied while trying to connect to the docker"]),
        (F::DockerAway, &["cannot connect to the docker daemon", "is the docker daemon running"]),
        (
            F::DockerNetworks,
            &["non-overlapping ipv4 address pool", "predefined address pools have been fully subnetted"],
        ),
        (
            F::ComposeFile,
            &[
                "invalid compose project",
                "invalid interpolation format",
                "no configuration file provided",
                "yaml: line ",
                "yaml: unmarshal",
            ],
        ),
        (
            F::OutOfMemory,
            &["out of memory", "cannot allocate memory", "oomkilled", "oom-kill", "std::bad_alloc", "memoryerror"],
        ),
        (F::MigrationHalfWay, &["dirty database version"]),
        (
            F::MigrationLock,
            &[
                "lock wait timeout exceeded",
                "due to lock timeout",
                "could not obtain lock",
                "deadlock detected",
                "database is locked",
                "can't acquire lock",
                "could not acquire lock",
                "failed to acquire lock",
                "migration table is already locked",
            ],
        ),
        (F::DatabaseLogin, &["password authentication failed for user", "access denied for user"]),
        (F::RegistryLimit, &["toomanyrequests", "pull rate limit"]),
        (
            F::RegistryLogin,
            &[
                "unauthorized: authentication required",
                "no basic auth credentials",
                "requested access to the resource is denied",
                "incorrect username or password",
                "authorization failed: no basic auth",
            ],
        ),
        (F::NoSuchImage, &["manifest unknown", "pull access denied", "no such image"]),
        (
            F::NameNotFound,
            &[
                "name resolution",
                "could not resolve host",
                "no such host",
                "name or service not known",
                "enotfound",
                "eai_again",
                "getaddrinfo",
            ],
        ),
        (
            F::Certificate,
            &[
                "certificate has expired",
                "certificate verify failed",
                "x509: ",
                "self-signed certificate",
                "self signed certificate",
                "local issuer certificate",
                "ssl certificate problem",
                "server certificate verification failed",
            ],
        ),
        (F::HostKey, &["host key verification failed", "remote host identification has changed"]),
        (
            F::RepositoryLogin,
            &["permission denied (publickey", "could not read username for", "authentication failed for 'http"],
        ),
        (F::OtherProcessor, &["exec format error", "no matching manifest for"]),
        (F::NoSuchProgram, &["command not found", "executable file not found in $path"]),
    ]
};

/// What says less: it counts where nothing else does.
const VAGUE: &[(KnownFailure, &[&str])] = {
    use KnownFailure as F;
    &[
        (F::Forbidden, &["permission denied", "eacces", "operation not permitted", "eperm"]),
        (F::NothingListens, &["connection refused", "econnrefused"]),
        (F::NoAnswer, &["connection timed out", "etimedout", "i/o timeout", "context deadline exceeded"]),
    ]
};

/// Lines from the end that are looked at: a failure is told there, with a trace of calls behind it perhaps.
const LAST_LINES: usize = 80;
/// What a shell ends with when the kernel has killed the program at once, as it does for want of memory.
const KILLED: i32 = 128 + 9;
/// What a shell ends with when a program is not there.
const NOT_FOUND: i32 = 127;

impl KnownFailure {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::PortTaken,
        Self::ContainerNameTaken,
        Self::DiskFull,
        Self::FileWatches,
        Self::OpenFiles,
        Self::ReadOnlyDisk,
        Self::DockerForbidden,
        Self::DockerAway,
        Self::DockerNetworks,
        Self::ComposeFile,
        Self::OutOfMemory,
        Self::MigrationLock,
        Self::MigrationHalfWay,
        Self::DatabaseLogin,
        Self::NoSuchImage,
        Self::RegistryLogin,
        Self::RegistryLimit,
        Self::NameNotFound,
        Self::Certificate,
        Self::HostKey,
        Self::RepositoryLogin,
        Self::OtherProcessor,
        Self::NoSuchProgram,
        Self::Forbidden,
        Self::NothingListens,
        Self::NoAnswer,
    ];

    /// What the end of the output of something that failed tells, and its exit status, where it has one.
    #[must_use]
    pub fn in_output(output: &str, status: Option<i32>) -> Option<Self> {
        let lines: Vec<_> = output.lines().rev().take(LAST_LINES).map(str::to_lowercase).collect();
        let found = |table: &[(Self, &[&str])]| {
            let of_line = |line: &String| {
                let fits = |(_, words): &&(Self, &[&str])| words.iter().any(|word| says(line, word));
                table.iter().find(fits).map(|(failure, _)| *failure)
            };
            lines.iter().find_map(of_line)
        };
        let killed = (status == Some(KILLED)).then_some(Self::OutOfMemory);
        // That is what this exit status says already.
        let found_out = found(TELLING).filter(|failure| (*failure, status) != (Self::NoSuchProgram, Some(NOT_FOUND)));
        found_out.or(killed).or_else(|| found(VAGUE))
    }
}

/// Whether a line has these words, and not as a part of longer ones.
fn says(line: &str, words: &str) -> bool {
    let is_part = |at: usize| line[..at].chars().next_back().is_some_and(char::is_alphanumeric);
    line.match_indices(words).any(|(at, _)| !is_part(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the programs print it.
    const SAID: &[(&str, KnownFailure)] = &[
        ("Error: listen EADDRINUSE: address already in use :::3000", KnownFailure::PortTaken),
        (
            "Error response from daemon: driver failed programming external connectivity on endpoint web: \
             Bind for 0.0.0.0:80 failed: port is already allocated",
            KnownFailure::PortTaken,
        ),
        ("OSError: [Errno 98] Address already in use", KnownFailure::PortTaken),
        (
            "docker: Error response from daemon: Conflict. The container name \"/web\" is already in use by container \"4f\".",
            KnownFailure::ContainerNameTaken,
        ),
        ("tar: app/data.bin: Cannot write: No space left on device", KnownFailure::DiskFull),
        ("ENOSPC: System limit for number of file watchers reached, watch '/app'", KnownFailure::FileWatches),
        ("accept4: too many open files", KnownFailure::OpenFiles),
        ("touch: cannot touch 'x': Read-only file system", KnownFailure::ReadOnlyDisk),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            KnownFailure::DockerForbidden,
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            KnownFailure::DockerAway,
        ),
        (
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
            KnownFailure::DockerNetworks,
        ),
        ("no configuration file provided: not found", KnownFailure::ComposeFile),
        ("yaml: line 4: mapping values are not allowed in this context", KnownFailure::ComposeFile),
        (
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            KnownFailure::OutOfMemory,
        ),
        ("ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction", KnownFailure::MigrationLock),
        ("ERROR: canceling statement due to lock timeout", KnownFailure::MigrationLock),
        ("error: Dirty database version 7. Fix and force version.", KnownFailure::MigrationHalfWay),
        ("FATAL: password authentication failed for user \"shop\"", KnownFailure::DatabaseLogin),
        ("Error: manifest for acme/shop:v9 not found: manifest unknown", KnownFailure::NoSuchImage),
        ("denied: requested access to the resource is denied", KnownFailure::RegistryLogin),
        ("toomanyrequests: You have reached your pull rate limit.", KnownFailure::RegistryLimit),
        ("curl: (6) Could not resolve host: api.example.com", KnownFailure::NameNotFound),
        ("dial tcp: lookup db on 127.0.0.11:53: no such host", KnownFailure::NameNotFound),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", KnownFailure::Certificate),
        ("Host key verification failed.", KnownFailure::HostKey),
        ("git@git.example.com: Permission denied (publickey).", KnownFailure::RepositoryLogin),
        ("exec /usr/bin/app: exec format error", KnownFailure::OtherProcessor),
        ("bash: line 1: npm: command not found", KnownFailure::NoSuchProgram),
        ("mkdir: cannot create directory '/srv/x': Permission denied", KnownFailure::Forbidden),
        ("connect ECONNREFUSED 127.0.0.1:5432", KnownFailure::NothingListens),
        ("dial tcp 10.0.0.5:5432: i/o timeout", KnownFailure::NoAnswer),
    ];

    #[test]
    fn what_programs_print_is_recognised_whatever_they_print_around_it() {
        for (said, failure) in SAID {
            let output = format!("building\nwarning: deprecated\n{said}\n    at main (app.js:1)\nexit\n");
            assert_eq!(KnownFailure::in_output(&output, Some(1)), Some(*failure), "{said}");
        }
        let without = KnownFailure::ALL.iter().filter(|known| SAID.iter().all(|(_, failure)| failure != *known));
        assert_eq!(without.count(), 0, "each has an example");
    }

    #[test]
    fn what_git_says_behind_the_cause_hides_it_not() {
        let behind = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n\
                      and the repository exists.\n";
        for (said, failure) in [
            ("Host key verification failed.", KnownFailure::HostKey),
            ("ssh: Could not resolve hostname git: Temporary failure in name resolution", KnownFailure::NameNotFound),
            ("git@git.example.com: Permission denied (publickey).", KnownFailure::RepositoryLogin),
            ("ssh: connect to host git.example.com port 22: Connection refused", KnownFailure::NothingListens),
        ] {
            assert_eq!(KnownFailure::in_output(&format!("{said}\n{behind}"), Some(128)), Some(failure), "{said}");
        }
    }

    #[test]
    fn the_last_one_counts_and_a_telling_one_more_than_a_vague_one() {
        let output = "no such host\nlater: no space left on device\nconnection refused\n";
        assert_eq!(KnownFailure::in_output(output, Some(1)), Some(KnownFailure::DiskFull));
    }

    #[test]
    fn what_is_a_part_of_other_words_says_nothing() {
        for output in ["", "all is well\n", "myenospc\n", "1 of 3 tests failed\n", "deploy.yaml: applied\n"] {
            assert_eq!(KnownFailure::in_output(output, Some(1)), None, "{output}");
        }
        let long_ago = format!("address already in use\n{}", "line\n".repeat(LAST_LINES));
        assert_eq!(KnownFailure::in_output(&long_ago, Some(1)), None);
    }

    #[test]
    fn a_program_that_was_killed_at_once_had_too_little_memory() {
        assert_eq!(KnownFailure::in_output("Killed\n", Some(137)), Some(KnownFailure::OutOfMemory));
        assert_eq!(KnownFailure::in_output("Killed\n", Some(1)), None);
        assert_eq!(KnownFailure::in_output("bash: npm: command not found\n", Some(127)), None);
    }
}
