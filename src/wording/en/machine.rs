//! What is wrong or questionable about the machine that RMM runs on.

use std::fmt;

use super::super::times;
use super::ssh::private_key;
use crate::domain::fault::machine::{FolderFault, FolderRemedy, MachineFault, StepsAs};

/// In English for the log and for errors of programs.
impl fmt::Display for MachineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&machine(self))
    }
}

/// A sentence without a full stop.
pub(in crate::wording) fn machine(fault: &MachineFault) -> String {
    use MachineFault as F;
    match fault {
        F::StepsRuleRmm { steps, as_root, undecided } => steps_rule_rmm(steps, *as_root, *undecided),
        F::Exposed { path, user } => {
            let path = path.display();
            format!(
                "{path} can be changed by {user}, whom [local] names, and with it what RMM runs as which user; as root: `chown root \
                 {path} && chmod go-w {path}`"
            )
        }
        F::NoUser { user } => format!(
            "[local] user: there is no user {user} on this machine; `useradd --create-home {user}` (as root) makes one"
        ),
        F::OnlyRoot { user } => format!(
            "[local] user: only root can run steps as {user}. Where no service runs on this machine, take [local] out; else run \
             RMM as root (systemd/local-steps.conf, which `rmm assets DIR` writes), or let RMM reach this machine by SSH (address = \
             \"127.0.0.1\", user = \"{user}\")"
        ),
        F::NoHome { user, home, there } => {
            let home = home.display();
            // What is there already may be the system's: nothing is to be done to that.
            let make = if *there {
                "name another one as `home`".to_owned()
            } else {
                format!("make it (`install -d -m 700 -o {user} {home}`), or name another one as `home`")
            };
            format!("[local] user: {user} needs a home directory of its own, which {home} is not; {make}")
        }

        F::Unreadable { path, user } => {
            let path = path.display();
            format!(
                "{path} cannot be read by {user}, whose the data directory is and whom RMM runs as: `chown {user} {path}`, and its \
                 folder has to be open to {user}"
            )
        }
        F::OpenToOthers { folder, mode } => {
            let folder = folder.display();
            format!(
                "others can put files into the data directory {folder} (mode {mode:o}) and so take RMM over: chmod 700 {folder}"
            )
        }
        F::NoSocket { path, said } => {
            format!("server.data_dir: the socket {} cannot be made: {said}", path.display())
        }
        F::DataDir { fault } => format!("server.data_dir: {}", folder(fault)),
        F::BackupFolder { fault } => format!("backup.folder: {}", folder(fault)),
        F::NoBackupFolder { folder } => {
            format!("backup.folder: {} is not there, so no backup can be made", folder.display())
        }
        F::SurfaceFolder { service, environment, surface, fault } => {
            format!("{service} in {environment}, surface {surface}: {}", folder(fault))
        }
        F::PrivateKey { host, key, fault } => format!("host {host}: the private key of {key} {}", private_key(*fault)),
        F::FewOpenFiles { files, connections, enough } => format!(
            "RMM may have {files} open files only, and so {connections} connections at the same time; allow {enough} or more \
             (LimitNOFILE= of its systemd unit, or `ulimit -Hn`)"
        ),

        F::NoProgram { program } => {
            format!("{program} is not installed here (not in PATH), and the services of this machine need it")
        }
        F::NoProgramFor { key, program } => format!("{key}: {program} is not installed here (not in PATH)"),
        F::NotResolved { host, name } => format!(
            "host {host}: the name {name} does not resolve here. RMM does not read ~/.ssh/config: if it is an alias there, write \
             its HostName as `address`, and its ProxyJump as `jump`"
        ),

        F::Renamed { was, now } => format!(
            "the service {was} is called {now} from here on: its releases, its environments and what they run are carried over \
             when RMM reads this file"
        ),
        F::StayTwo { was, now } => format!(
            "{was} and {now} both run something or have a release under way, so the history of {was} is not carried over to {now}, and \
             they stay two services; remove `was = \"{was}\"`"
        ),
        F::NothingToCarryOver { was, now } => format!(
            "`was = \"{was}\"` of {now} carries nothing over: {was} never had a release here, and {now} has a history of its own; \
             correct the name or remove the line"
        ),
        F::MayBeRenamed { was, now } => crate::wording::Language::En.may_be_renamed(now, was),
        F::KeptForRun { service, release, run } => format!(
            "{service} stays as it was defined before, since run {run} of #{release} is under way and ends by that definition; `rmm \
             reload` takes the new one over once it has ended"
        ),
        F::Retired { service } => format!(
            "the service {service} has releases and is not in this file, so it is retired: what is under way ends, its history \
             stays, and nothing new begins. If it was renamed, `was = \"{service}\"` under its new name carries its history over"
        ),

        F::TokenRefused { since } => format!(
            "Telegram has been refusing the token of [telegram] since {}: the bot is silent, and what it has to say is kept, until \
             the token is replaced and RMM is started again",
            times::time(*since)
        ),
        F::AccountRefuses { account, person, since, said } => {
            let who = person.clone().unwrap_or_else(|| format!("the account {account}"));
            format!(
                "{who} has not received the bot's messages since {}: {said}. What is meant for them is kept and tried again; /start \
                 to the bot lets it write again",
                times::time(*since)
            )
        }
        F::ChatRefuses { chat, topic, since, said, told } => {
            let topic = topic.map(|topic| format!(", topic {topic},")).unwrap_or_default();
            let meanwhile = if *told {
                "the admins get them in private meanwhile"
            } else {
                "no admin can be told in private meanwhile"
            };
            format!(
                "the chat {chat}{topic} has been refusing the bot's messages since {}: {said}. They are kept and tried again; \
                 {meanwhile}",
                times::time(*since)
            )
        }
    }
}

fn steps_rule_rmm(steps: &StepsAs, as_root: bool, undecided: bool) -> String {
    let who = match steps {
        StepsAs::RootAsRmm => "root, as RMM does".to_owned(),
        StepsAs::Root => "root".to_owned(),
        StepsAs::Rmm => "the user that RMM itself runs as".to_owned(),
        StepsAs::Named(user) => format!("{user}, the user that RMM itself runs as"),
    };
    let how = if as_root {
        "`useradd --create-home rmm-steps`, then `[local]` with `user = \"rmm-steps\"` in rmm.toml (and give it what it \
         needs: `chown -R rmm-steps` the folders of its services, the group docker)"
    } else {
        "RMM has to run as root for that, with `[local]` and `user = \"…\"` in rmm.toml; or let it reach this machine by \
         SSH (driver = \"ssh\", address = \"127.0.0.1\") as another user"
    };
    let otherwise = if undecided {
        "; where steps may be root, in a container of their own for example, say so: `[local]` with `user = \"root\"`"
    } else {
        ""
    };
    format!(
        "commands on this machine (driver = \"local\") run as {who}: whoever gets code into a release can read and change \
         RMM's database, keys and secrets there, approve, and deploy what they like. Let them run as a user of their \
         own: {how}{otherwise}"
    )
}

fn folder(fault: &FolderFault) -> String {
    use FolderFault as F;
    match fault {
        F::Missing { folder } => format!("directory {} does not exist", folder.display()),
        F::NotAFolder { path } => format!("{} is not a folder", path.display()),
        F::NotWritten { folder, said } => format!("{} cannot be written by this user ({said})", folder.display()),
        F::NotMade { folder, there, said } => {
            format!("{} does not exist and cannot be made in {} ({said})", folder.display(), there.display())
        }
        F::NotForSteps { user, folder, remedy } => {
            let folder = folder.display();
            let remedy = match remedy {
                FolderRemedy::Another => "give the surface a folder of its own".to_owned(),
                FolderRemedy::GiveAway => format!("as root: chown -R {user} {folder}"),
                FolderRemedy::Make => format!("as root: install -d -o {user} {folder}"),
            };
            format!("{user}, whom [local] names, cannot work in {folder}; {remedy}")
        }
        F::OfOther { folder } => {
            format!("{} belongs to another user than this one, and git refuses to work in it", folder.display())
        }
    }
}
