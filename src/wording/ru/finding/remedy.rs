//! Что сделать с тем, что нашлось.

use super::super::list;
use crate::domain::finding::Remedy;
use crate::domain::mark::MarkKind;

/// Где GitHub показывает webhook.
const HOOKS: &str = "в репозитории: Settings, Webhooks";

/// Команда или слова.
pub(in crate::wording) fn finding_remedy(remedy: &Remedy) -> String {
    use Remedy as R;
    let words = match remedy {
        R::Command { command } => return command.clone(),
        R::MakeRoom { folder } => return format!("освободите место на диске с {}", folder.display()),
        R::PermitMarks { marks } => {
            return format!("дайте эти права или отключите это в [github]: {}", switched_off(marks));
        }
        R::AddTrusted { workflow } => return format!("добавьте \"{workflow}\" в `workflow` в `oidc`"),
        R::PushWorkflow { branch } => {
            return format!("отправьте его в {branch}; `rmm service workflows` пишет готовый");
        }
        R::SeeHooks => return format!("дайте право Webhooks: read или посмотрите сами {HOOKS}"),
        R::MakeHook { here } => return format!("{HOOKS}, payload URL {here}"),
        R::SwitchHookOn => return format!("{HOOKS}, Active"),
        R::WriteHookSecret => return format!("{HOOKS}, Secret: то, что хранит `webhook_secret` в [github]"),
        R::SendJson => return format!("{HOOKS}, content type application/json"),
        R::SelectEvents => return format!("{HOOKS}, Let me select individual events"),

        R::RunAsService => "запустите проверку с окружением службы RMM и от имени её пользователя",
        R::RunAsRmm => "запустите проверку так же, как работает RMM, с его окружением",
        R::NewerBinary => "используйте более новую программу",
        R::MoreOpenFiles => "LimitNOFILE=8192 в юните systemd или `ulimit -n 8192`",

        R::NamePublicUrl => "`public_url` в [server]",
        R::LeadProxy => "ведёт ли прокси перед RMM на `listen`? Примеры есть в rmm assets DIR",
        R::LookAtRenewal => "посмотрите, почему он не продлевается",
        R::TrustedCertificate => "выдан ли он центром, которому доверяют GitHub и Telegram, и на это ли имя?",
        R::LookAtModel => "`url`, `model`, `key` и `timeout` в [ai]; rmm docs telegram",
        R::AskBotFather => "верный токен покажет @BotFather; rmm docs telegram",
        R::ReachTelegram => "доступен ли он с этой машины? `api_url`, прокси, межсетевой экран",
        R::ReachPublicUrl => "доступен ли `public_url` снаружи?",
        R::NextStart => "его установит следующий запуск RMM",
        R::OtherProgram => "не пользуется ли этим токеном другая программа? Следующий запуск RMM уберёт webhook",
        R::NameChat => "`chat` в [telegram]; номер чата называет /id",
        R::LookAtLog => "посмотрите его лог: journalctl -u rmm",
        R::Start => "rmm serve или systemctl start rmm",
        R::VerifyRecord => "rmm audit verify, затем rmm audit acknowledge --reason …",
        R::WhichChat => "какой — покажет rmm service list; rmm docs telegram",
        R::ScheduleBackups => "[backup] с `folder` в rmm.toml; rmm docs operating",

        R::WaitForLimit => "подождите, RMM тоже ждёт; у отдельного логина будет свой лимит",
        R::ReachGithub => "проверьте, доступен ли этот адрес отсюда (curl -sSI АДРЕС) и верен ли `api_url` в [github]",
        R::WaitForGithub => "подождите, RMM попробует снова; о сбоях github.com пишет https://www.githubstatus.com",
        R::SetClock => "выставьте часы этой машины по NTP: timedatectl set-ntp true",
        R::RenewToken => "вовремя создайте новый и положите его туда, куда указывает `token` в [github]",
        R::Unsuspend => "снять это может владелец: Settings, GitHub Apps, Configure, Unsuspend",
        R::PermitApp => {
            "в настройках App: Permissions & events; затем владелец подтверждает это там, где App установлен"
        }
        R::NarrowToken => "fine-grained токен для одного этого репозитория безопаснее",
        R::EditToken => "измените токен или создайте новый",
        R::GiveWrite => "дайте аккаунту роль Write: Settings, Collaborators and teams",
        R::EditPermissions => "измените его права; возможно, их должна одобрить организация",

        R::Unarchive => "уберите его из архива в его настройках, Danger Zone",
        R::NameWorkflow => "проверьте, что он назван так же, как на GitHub, или дайте входу читать тот репозиторий",
        R::WriteTrusted => "укажите в `workflow` в `oidc` настоящие имена файла и ветки или отправьте файл туда",
        R::WriteWorkflow => "`rmm service workflows` пишет готовый",
        R::MendYaml => {
            "исправьте файл и отправьте его в репозиторий; правильный покажет `rmm service workflows`, а проверит actionlint"
        }
        R::TakeDispatch => "возьмите `on: workflow_dispatch:` из того, что показывает `rmm service workflows`",
        R::DeclareInputs => "объявите это в `on.workflow_dispatch.inputs` с `type: string`",
        R::RequireNothing => "уберите там `required: true` или задайте `default`",
        R::TextInputs => "напишите там `type: string`",
        R::TakeHookSecret => "webhook_secret = \"env:RMM_GITHUB_WEBHOOK_SECRET\" в [github], с секретом этого webhook",
        R::SameSecret => {
            "секреты различаются: укажите один и тот же в webhook и там, куда указывает `webhook_secret` в [github]"
        }
        R::JsonContent => "нужен content type application/json",
        R::ReachHook => {
            "RMM работает без `webhook_secret`, или прокси ведёт в другое место: POST /hooks/github должен доходить до RMM без изменений"
        }
        R::LargeBodies => "прокси не пропускает тела такого размера: у GitHub они бывают до 25 МБ",
        R::LastAddress => "payload URL перенаправляет дальше; укажите в webhook конечный адрес",
        R::LookAtProxy => "RMM или прокси перед ним был не в порядке; `journalctl -u rmm`",
        R::ReachFromGithub => {
            "`public_url` должен быть доступен для GitHub: имя, сертификат, порт 443, межсетевой экран; RMM работает и без этого, \
             спрашивая сам"
        }
    };
    words.to_owned()
}

fn switched_off(marks: &[MarkKind]) -> String {
    list(&marks.iter().map(|mark| format!("`{} = false`", mark.switch())).collect::<Vec<_>>())
}
