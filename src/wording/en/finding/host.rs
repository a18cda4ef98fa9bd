//! What there is to say of a host.

use super::super::{git_advice, list, reason};
use crate::domain::finding::HostFact;
use crate::domain::finding::host::{AskedFrom, Place};
use crate::wording::free_space;

/// Where the surface has to have a folder that it shares with no other.
const OWN_FOLDER: &str = "; give the surface a folder of its own (`directory`)";

/// A sentence.
pub(in crate::wording) fn host_fact(fact: &HostFact) -> String {
    use HostFact as F;
    match fact {
        F::OwnMachine => "it is RMM's own machine".into(),
        F::SshAnswers { address } => format!("an SSH server answers at {address}"),
        F::ShowsNoKey { address, limit } => format!("{address} showed no key within {} s", limit.as_secs()),
        F::Through { host, user, address } => format!("through {host} ({user} at {address})"),
        F::OfJumpHost { host, found } => format!("the jump host {host}: {}", host_fact(found)),
        F::LeadsOn { host, address } => format!("{host} at {address} takes connections from here"),
        F::LeadsOnNever { host, cause } => format!("{host} is reached through this host. {}", reason(cause)),
        F::LeadsOnNotNow { host, cause } => format!("{host}: {}", reason(cause)),
        F::LoginOnly { user, address } => format!("{user} is in at {address}; no service runs here"),

        F::PinnedKey { key } => format!("{key}, as rmm.toml says"),
        F::TrustedKey { key } => format!("{key}, trusted"),
        F::OtherKey { trusted, offered } => {
            let trusted: Vec<_> = trusted.iter().map(ToString::to_string).collect();
            format!(
                "THE HOST KEY HAS CHANGED: {} is trusted, but the host has no such key and shows {offered}. The connection may be \
                 intercepted; compare on the host itself before anything else",
                trusted.join(" or ")
            )
        }
        F::NewKey { key, compare } => format!("{key} is not trusted yet; compare it with `{compare}` on the host"),

        F::RunsAs { user } => format!("commands run as {user}"),
        F::ShellFit => "sh is there, and every program that RMM's scripts call".into(),
        F::ShellLacks { programs } => format!("missing on the host: {}", list(programs)),
        F::ShellBroke { status, said } => {
            format!("`sh` did not run to the end of RMM's script (exit status {status}){}", behind(said.as_deref()))
        }
        F::ShellRefuses { status, said } => format!(
            "the user's login shell, which must run commands (nologin and false do not), did not run RMM's script (exit status \
             {status}){}",
            behind(said.as_deref())
        ),
        F::AnswersLate { limit } => format!("the host did not answer everything within {} s", limit.as_secs()),

        F::Installed { version } => version.clone(),
        F::GitMissing => "git is missing, and surfaces are checked out here".into(),
        F::RepositoryAnswers { url } => format!("{url} answers git on the host"),
        F::RepositoryUntrusted { url, folder, user } => {
            format!("{url} does not answer git on the host: {folder} belongs to another user than {user}")
        }
        F::RepositorySilent { url, said, advice } => {
            format!("{url} does not answer git on the host: {said}{}", advice.map(git_advice).unwrap_or_default())
        }
        F::OwnRepositoryAnswers { url, by_api: true } => format!("{url} answers RMM, which asks GitHub's API"),
        F::OwnRepositoryAnswers { url, by_api: false } => format!("{url} answers RMM's own git"),
        F::DockerAnswers { user, version } => format!("the daemon answers {user}: version {version}"),
        F::DockerSilent { user, said } => format!("the daemon does not answer {user}: {said}"),
        F::DockerMissing => "docker is missing, and surfaces are deployed with it here".into(),
        F::ComposeMissing => "docker has no plugin `compose`, and surfaces are started with it".into(),
        F::ComposeFails { said } => format!("`docker compose` does not work: {said}"),

        F::Free { free, total, paths } => {
            let [free, total] = [*free, *total].map(|bytes| free_space(bytes, ["MiB", "GiB"]));
            format!("{free} of {total} free for {}", list(paths))
        }
        F::FreeUnknown { paths } => format!("`df` does not say how much is free for {}", list(paths)),
        F::ClockAgrees => "agrees with RMM's".into(),
        F::ClockOff { seconds: ahead @ 0.. } => format!("is {ahead} s ahead of RMM's"),
        F::ClockOff { seconds: behind } => format!("is {} s behind RMM's", behind.unsigned_abs()),
        F::ClockUnknown => "the host does not tell the time".into(),

        F::RunFilesFit { folder } => format!("{folder} takes the files of steps"),
        F::RunFilesUnfit { folder, said } => {
            format!("{folder} does not take the files of steps, which need plain files, hard links and FIFOs: {said}")
        }
        F::FolderWritable { path } => format!("{path} can be written"),
        F::FolderThere { path } => format!("{path} is there; nothing is checked out in it"),
        F::FolderAbsent { path, user } => {
            format!("{path} is not there for {user}, and RMM checks nothing out in it: no command can run there")
        }
        F::FolderToBeMade { path } => format!("{path} is not there yet; it can be made"),
        F::FolderOfOther { path, user, own_folder, trust } => format!(
            "{path} belongs to another user than {user}, and git refuses to work in it{}; or let {user}'s git do so all the same: \
             `{trust}`",
            own(*own_folder)
        ),
        F::FolderReadOnly { path, user, own_folder } => {
            format!("{path} cannot be written by {user}{}", own(*own_folder))
        }
        F::LinkToNowhere { path } => {
            format!("{path} is a symbolic link that leads to no folder; make the folder that it names")
        }
        F::NoFolder { path } => format!("{path} is no directory"),
        F::FolderNotToBeMade { path, user, near, own_folder } => {
            format!("{path} is not there and {user} cannot make it in {near}{}", own(*own_folder))
        }
        F::LinkToSystem { path, real } => {
            format!("{path} leads to {real} here, where no code may be checked out{OWN_FOLDER}")
        }
        F::SameFolder { path, other, real } => format!(
            "{path} and {other} are one folder here, {real}; give each surface a folder of its own, or write both alike \
             (`directory`)"
        ),

        F::PlaceFit { place } => format!("{}: nothing else uses it, and there is room", title(place)),
        F::PlaceSays { place, said } => format!("{}: {said}", title(place)),

        F::Askable { address, from } => format!("{address} can be asked {}", way(*from)),
        F::AskableSilent { address, from } => {
            format!("{address} can be asked {}; nothing answers there now", way(*from))
        }
        F::AskedForbidden { address, from, cause, instead } => {
            let instead = if *instead { " (tried in place of the address of a release)" } else { "" };
            format!("a health check asks {address} {}. {}{instead}", way(*from), reason(cause))
        }
        F::AskedNowhere { address, from, cause } => {
            format!("a health check asks {address} {}, and the name leads nowhere there: {}", way(*from), reason(cause))
        }
        F::Unwell { cause } => format!("what runs there now is not well: {}", reason(cause)),
    }
}

const fn own(own_folder: bool) -> &'static str {
    if own_folder { OWN_FOLDER } else { "" }
}

fn behind(said: Option<&str>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

fn title(Place { surface, service, environment, folder }: &Place) -> String {
    format!("{surface} of {service} on {environment} in {}", folder.as_deref().unwrap_or("~"))
}

const fn way(from: AskedFrom) -> &'static str {
    match from {
        AskedFrom::Host => "through the host",
        AskedFrom::Rmm => "from RMM's own machine",
    }
}
