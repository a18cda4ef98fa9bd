//! Why a verb does not do what it was asked for, or RMM does not start, in English.

use std::fmt;

use super::machine::machine;
use super::part::part;
use super::record::record_flaw;
use super::store::store;
use crate::domain::fault::cli::{CliFault, CliHint, CliNote, Unreached};

impl fmt::Display for CliFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cli_fault(self))
    }
}

impl std::error::Error for CliFault {}

/// A sentence that begins small and has no full stop.
pub(in crate::wording) fn cli_fault(fault: &CliFault) -> String {
    use CliFault as F;
    match fault {
        F::NoAddress { url } => format!("{url:?} is not an address such as https://rmm.example.com (RMM_URL)"),
        F::NoConfiguration { file } => format!(
            "{file} does not exist; `rmm init` writes one, --config (or RMM_CONFIG) names another, and RMM_URL with RMM_TOKEN reach \
             an RMM elsewhere"
        ),
        F::FileMissing => "FILE is missing".to_owned(),
        F::NotUtf8 { file } => format!("{file} is not UTF-8"),
        F::NotThere { file } => format!("{file} is not there"),
        F::NoFolder { folder } => format!("{folder} is no folder"),
        F::NotRead { file, said } => format!("{file} cannot be read: {said}"),
        F::NotWritten { file, said } => format!("{file} cannot be written: {said}"),
        F::ThereAlready { file } => format!("{file} is there already; --force replaces it"),
        F::OthersThere { files } => format!(
            "nothing was written, as these files are there and say something else:\n  {}\nLook at what is in them; --force replaces them.",
            files.join("\n  ")
        ),
        F::NoGuess { option } => format!("no name can be guessed; give {option} NAME"),
        F::WhereIsCode { service } => format!(
            "rmm init: where is the code of {service}? Give --repository URL, or --no-service to connect it in the dashboard"
        ),
        F::BadInit { why } => format!("rmm init: {why}"),
        F::NoPage { wanted, list } => format!("there is no page {wanted:?}; there is\n{list}"),
        F::TooFar => "--expires: that is too far away".to_owned(),
        F::WhoStarts => "it is not known who starts this release; say so with --by WHO".to_owned(),
        F::ForNoTerminal => "an export is nothing for a terminal; lead it into a file or a command".to_owned(),
        F::KeyOnlyHere => "--with-key works only on the server itself, without RMM_URL".to_owned(),
        F::NoSuchRun { release, run } => format!("#{release} has no run {run}"),

        F::DatabaseThere { file } => format!("there is a database at {file} already"),
        F::InstallationThere { folder } => format!("there is an installation at {folder} already"),
        F::KeyMissing { here, there } => format!("the key of the record is not there: neither {here} nor {there}"),
        F::OtherKey { copy, key, flaw } => {
            format!("the record in {copy} does not fit the key in {key}. {}", record_flaw(flaw))
        }
        F::ExportBroken { flaw } => format!("the record in the export does not fit its key. {}", record_flaw(flaw)),
        F::IsExport { file } => format!("{file} is a whole installation, which `rmm export` wrote"),
        F::Encrypted { file, with } => format!("{file} is encrypted with {with}"),
        F::Compressed { file, with } => format!("{file} is compressed with {with}"),
        F::Store { fault } => store(fault),

        F::NoKey { host, why } => format!("{host} shows no key: {why}"),
        F::NoKeyToTrust { host } => format!("{host} has no key to trust"),

        F::WaitedFor { release, seconds } => format!("#{release} did not come there within {seconds} s"),

        F::NoService { name, near: Some(near), .. } => {
            format!("rmm.toml has no service {name:?}; did you mean {near}?")
        }
        F::NoService { name, near: None, known } => {
            format!("rmm.toml has no service {name:?}; it has: {}", known.join(", "))
        }
        F::NoPublicUrl => {
            "GitHub's runners have to reach RMM: set `public_url` of [server] in rmm.toml, or give --url (where only \
            runners of your own reach it, an address inside your network)"
                .to_owned()
        }
        F::NoCheckout { folder } => format!("{folder} is no folder; --write takes a checkout of the repository"),

        F::Output { said } => format!("standard output cannot be written: {said}"),
        F::NoHttp { said } => format!("HTTP cannot be set up: {said}"),
        F::NoCall { url, said } => format!("{url} cannot be called: {said}"),
        F::AnswerUnread { said } => format!("the answer cannot be read: {said}"),
        F::NoProgram { said } => format!("this program is not found: {said}"),
        F::NotInBinary { file } => format!("{file} is not in this binary"),
        F::NotToml { said } => format!("the effective configuration is not TOML: {said}"),

        F::Machine { fault } => machine(fault),
        F::NoDataFolder { folder, said } => format!("the data directory {folder} cannot be made: {said}"),
        F::CannotListen { address, said } => format!(
            "cannot listen on {address}: {said}. Is another program there? `listen` in [server] chooses the address"
        ),
        F::NoSocket { file, said } => format!("the socket {file} cannot be made: {said}"),
        F::NoSignals { said } => format!("signals cannot be heard: {said}"),
        F::NoRuntime { said } => format!("the runtime cannot be started: {said}"),
        F::PartEnded { part, said } => format!("a part of RMM ended badly ({}): {said}", self::part(*part)),
    }
}

/// A sentence or two with a full stop.
pub(in crate::wording) fn cli_hint(hint: &CliHint) -> String {
    use CliHint as H;
    match hint {
        H::SetToken => "RMM_TOKEN is not set; an admin makes one with `rmm token create`.".to_owned(),
        H::CheckToken => "Check RMM_TOKEN.".to_owned(),
        H::StopFirst { then: None } => "Stop RMM first (systemctl stop rmm).".to_owned(),
        H::StopFirst { then: Some(verb) } => format!("Stop RMM first (systemctl stop rmm), then `{verb}`."),
        H::ForceReplacesDatabase => "`--force` replaces it and keeps it as rmm.db.before-restore.".to_owned(),
        H::ForceReplacesInstallation => {
            "`--force` replaces it and keeps its database as rmm.db.before-restore.".to_owned()
        }
        H::BringKey => "Put the audit.key that belongs to this backup into the data directory first; RMM does not start without it."
            .to_owned(),
        H::ForceRestores => {
            "Is it the key that was made together with this database? `--force` restores all the same.".to_owned()
        }
        H::ForceTakesExport => "`--force` takes it all the same.".to_owned(),
        H::NewKeyMendsNothing => "A new key would not mend it; `rmm audit verify` says more.".to_owned(),
        H::ImportTakesIt => "`rmm import` takes it.".to_owned(),
        H::OpenFirst { command } => format!("Open it first: {command}"),
        H::Said { text } => text.clone(),
    }
}

/// As [`cli_fault`].
pub(in crate::wording) fn unreached(why: &Unreached) -> String {
    use Unreached as U;
    match why {
        U::SocketOfOther { socket } => format!(
            "the socket {socket} belongs to another user: run rmm as the user that runs RMM (sudo -u USER rmm …), or set RMM_URL and \
             RMM_TOKEN"
        ),
        U::Locked { fault, socket } => format!("{}; but nothing answers at its socket {socket}", store(fault)),
        U::InUse { fault } => store(fault),
        U::NotThis { name, said } => format!("what answers at {name} is not this RMM ({said})"),
        U::NotRmm { name } => format!("what answers at {name} is not RMM"),
        U::Late { name, seconds } => format!("{name} did not answer within {seconds} s"),
        U::CutOff { name, said } => format!("the answer of {name} was cut off: {said}"),
        U::Elsewhere { name, to } => format!("{name} points to {to}; set RMM_URL to the address itself"),
        U::Behind { name, status } => {
            format!("{name} answered {status}, and not as RMM would: is RMM down behind a proxy, or RMM_URL wrong?")
        }
        U::NotRunning { folder } => format!(
            "no RMM runs on {folder}, and nothing moves until it does: start it with `rmm serve`, or set RMM_URL and RMM_TOKEN to reach \
             one elsewhere"
        ),
        U::NeverRan { folder } => format!(
            "no RMM runs on {folder}, and none ever has: start it with `rmm serve`, or set RMM_URL and RMM_TOKEN to reach one elsewhere"
        ),
        U::NoRmm { folder } => format!("there is no RMM at {folder}"),
        U::NeverWas { folder } => format!("there is no RMM at {folder}: no one runs, and no one ever has"),
        U::NoAnswer { url, said } => {
            let why = said.as_deref().unwrap_or("it did not answer in time");
            format!("no RMM could be reached at {url}: {why}. Does it run there, and is RMM_URL right?")
        }
        U::WentAway { socket, said } => format!("RMM at {socket} went away: {said}; is it being restarted?"),
        U::Stopping => "RMM is stopping".to_owned(),
        U::NotReady { url, why } => format!("RMM at {url} is not ready: {why}"),
        U::Answered { url, said } => format!("{url} answered: {said}"),
    }
}

/// A line of its own.
pub(in crate::wording) fn cli_note(note: &CliNote) -> String {
    use CliNote as N;
    match note {
        N::TokenUnused => "note: RMM_TOKEN is not used without RMM_URL; this is done as the operator".to_owned(),
        N::NotEncrypted => "note: RMM_URL is not https; the token travels unencrypted".to_owned(),
        N::RecordedOnly { folder } => {
            format!("note: no RMM runs on {folder}; this is recorded now, and work begins with `rmm serve`")
        }
        N::PutAside { service } => {
            format!("the service {service} of the dashboard is disabled, since its definition is not valid")
        }
        N::DefinedTwice { service } => format!(
            "the service {service} is defined in the dashboard, too; the file wins, and the dashboard's is dropped"
        ),
        N::ConfigErrors { errors, warnings } => {
            let (more, most) = (plural(*errors), plural(*warnings));
            format!("{errors} error{more}, {warnings} warning{most} in the configuration")
        }
        N::NotForHere { file, errors, cannot_work } => {
            let what = if *cannot_work { "cannot work on this machine" } else { "is not safe on this machine" };
            let many = if *errors == 1 { String::new() } else { format!(": {errors} errors") };
            format!("{file} {what}{many}")
        }
        N::HiddenFromUnit { file, folder } => format!(
            "The unit hides {folder} from RMM, and with it {file}: move it to /etc/rmm/rmm.toml, where RMM's user can read it, and call \
             `rmm --config /etc/rmm/rmm.toml init --systemd`."
        ),
        N::AnotherKey { before } => {
            format!("WARNING: this is not the key that is trusted, {before}. The connection may be intercepted.")
        }
        N::RecordBroken { row, flaw } => {
            format!("BROKEN at row {row}: {}", flaw.as_deref().unwrap_or("It is not what RMM wrote."))
        }
        N::FirstBadRow { row } => format!("rmm: the record was changed; the first bad row is {row}"),
        N::RecordAlarm { alarm, events } => {
            format!("ALARM: {alarm}.\nWhat is left of the record is intact: {events}.")
        }
        N::HostsNotReady { hosts } => format!("rmm: not ready: {}", hosts.join(", ")),
        N::NotWell { what } => format!("rmm: not well: {}", what.join(", ")),
    }
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
