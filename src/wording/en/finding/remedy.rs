//! What to do about something that was found.

use super::super::list;
use crate::domain::finding::Remedy;
use crate::domain::mark::MarkKind;

/// What GitHub shows where there is a webhook.
const HOOKS: &str = "in the repository: Settings, Webhooks";

/// A command, or words.
pub(in crate::wording) fn finding_remedy(remedy: &Remedy) -> String {
    use Remedy as R;
    let words = match remedy {
        R::Command { command } => return command.clone(),
        R::MakeRoom { folder } => return format!("make room on the disk of {}", folder.display()),
        R::PermitMarks { marks } => {
            return format!("give it that, or switch it off in [github]: {}", switched_off(marks));
        }
        R::AddTrusted { workflow } => return format!("add \"{workflow}\" to `workflow` in `oidc`"),
        R::PushWorkflow { branch } => return format!("push it to {branch}; `rmm service workflows` writes one"),
        R::SeeHooks => return format!("give it Webhooks: read, or look yourself {HOOKS}"),
        R::MakeHook { here } => return format!("{HOOKS}, payload URL {here}"),
        R::SwitchHookOn => return format!("{HOOKS}, Active"),
        R::WriteHookSecret => return format!("{HOOKS}, Secret: what `webhook_secret` in [github] holds"),
        R::SendJson => return format!("{HOOKS}, content type application/json"),
        R::SelectEvents => return format!("{HOOKS}, Let me select individual events"),

        R::RunAsService => "run the doctor with the environment of RMM's service, and as its user",
        R::RunAsRmm => "run the doctor as RMM runs, with its environment",
        R::NewerBinary => "use the newer binary",
        R::MoreOpenFiles => "LimitNOFILE=8192 in the unit of systemd, or `ulimit -n 8192`",

        R::NamePublicUrl => "`public_url` in [server]",
        R::LeadProxy => "does the proxy in front lead to `listen`? rmm assets DIR has examples",
        R::LookAtRenewal => "look why it is not renewed",
        R::TrustedCertificate => "is it of an authority that GitHub and Telegram trust, and for this name?",
        R::LookAtModel => "`url`, `model`, `key` and `timeout` in [ai]; rmm docs telegram",
        R::AskBotFather => "@BotFather shows the right one; rmm docs telegram",
        R::ReachTelegram => "can this machine reach it? `api_url`, a proxy, the firewall",
        R::ReachPublicUrl => "is `public_url` reached from outside?",
        R::NextStart => "the next start of RMM sets it",
        R::OtherProgram => "does another program use this token? The next start of RMM removes the webhook",
        R::NameChat => "`chat` in [telegram]; /id tells a chat's number",
        R::LookAtLog => "look at its log: journalctl -u rmm",
        R::Start => "rmm serve, or systemctl start rmm",
        R::VerifyRecord => "rmm audit verify, then rmm audit acknowledge --reason …",
        R::WhichChat => "rmm service list says which; rmm docs telegram",
        R::ScheduleBackups => "[backup] with `folder` in rmm.toml; rmm docs operating",

        R::WaitForLimit => "wait, as RMM does by itself; a login that nothing else uses has its limits for itself",
        R::ReachGithub => {
            "look whether this machine gets there (curl -sSI ADDRESS), and whether `api_url` in [github] is right"
        }
        R::WaitForGithub => {
            "wait: RMM tries again by itself; https://www.githubstatus.com tells of trouble at github.com"
        }
        R::SetClock => "set the clock of this machine, by NTP: timedatectl set-ntp true",
        R::RenewToken => "make a new one in time, and put it where `token` in [github] says",
        R::Unsuspend => "an owner takes it back: Settings, GitHub Apps, Configure, Unsuspend",
        R::PermitApp => {
            "settings of the App, Permissions & events; then an owner accepts it where the App is installed"
        }
        R::NarrowToken => "a fine-grained token for this one repository can do less harm",
        R::EditToken => "edit the token, or make a new one",
        R::GiveWrite => "give the account the role Write: Settings, Collaborators and teams",
        R::EditPermissions => "edit its permissions; an organisation may have to approve them",

        R::Unarchive => "unarchive it in its settings, Danger Zone",
        R::NameWorkflow => "see whether it is written as GitHub names it, or let the login read that repository",
        R::WriteTrusted => "write `workflow` in `oidc` as the file and its branch are called, or push the file there",
        R::WriteWorkflow => "`rmm service workflows` writes one",
        R::MendYaml => {
            "correct it there and push it; `rmm service workflows` shows one that is right, and actionlint checks them"
        }
        R::TakeDispatch => "take `on: workflow_dispatch:` over from what `rmm service workflows` shows",
        R::DeclareInputs => "declare them below `on.workflow_dispatch.inputs`, with `type: string`",
        R::RequireNothing => "take `required: true` away there, or give a `default`",
        R::TextInputs => "write `type: string` there",
        R::TakeHookSecret => {
            "webhook_secret = \"env:RMM_GITHUB_WEBHOOK_SECRET\" in [github], with the secret of the webhook"
        }
        R::SameSecret => {
            "the secrets differ: write the same one to the webhook and where `webhook_secret` in [github] says"
        }
        R::JsonContent => "content type application/json",
        R::ReachHook => {
            "RMM runs without `webhook_secret`, or a proxy leads elsewhere: POST /hooks/github must come to RMM as it is"
        }
        R::LargeBodies => "a proxy takes no bodies of this size: GitHub's have up to 25 MB",
        R::LastAddress => "the payload URL is sent on elsewhere; write the last address to the webhook",
        R::LookAtProxy => "RMM or the proxy before it was not well; `journalctl -u rmm`",
        R::ReachFromGithub => {
            "GitHub must reach `public_url`: name, certificate, port 443, firewall; RMM works without, and asks"
        }
    };
    words.to_owned()
}

fn switched_off(marks: &[MarkKind]) -> String {
    list(&marks.iter().map(|mark| format!("`{} = false`", mark.switch())).collect::<Vec<_>>())
}
