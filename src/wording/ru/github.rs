//! Что мешает на стороне GitHub.

use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::fault::{AnswerFault, CertificateFault, TlsFault};

use super::super::times::{russian, time};
use super::fault::answer;
use super::reason::reason;
use super::{behind, inside};

/// Что не так и что делать: часть предложения без точки.
pub(super) fn github(fault: &GithubFault) -> String {
    use GithubFault as F;
    match fault {
        F::Unreached { asked, cause } => format!("не удалось связаться с {asked}: {}", inside(&reason(cause))),
        F::Untrusted { asked, fault } if is_unknown(fault) => format!(
            "{asked} предъявляет сертификат, которому RMM не доверяет: центр, который его подписал, неизвестен; укажите \
             сертификат этого центра как `ca = \"file:…\"` в [github]"
        ),
        F::Untrusted { asked, fault } => format!("{asked} {}", answer(fault)),
        F::Late { asked, limit } => format!("{asked} не отвечает дольше {}", russian(*limit)),
        F::Cut { asked, said } => format!("{asked} разорвал соединение, не закончив ответ: {said}"),
        F::Server { status, said } => format!("у GitHub неполадки: он ответил {status}{}", behind(said.as_deref())),
        F::Redirected { status, to } => {
            let to = to.as_ref().map(|to| format!(" ({to})")).unwrap_or_default();
            format!(
                "GitHub ответил {status} и отправляет по другому адресу{to}, а RMM туда не идёт; если репозиторий \
                 переименован или перенесён, укажите новое имя в `repository` сервиса, иначе исправьте `api_url` в [github]"
            )
        }
        F::TooLong { limit } => format!(
            "ответ длиннее {} МБ, которые RMM готов прочитать; точно ли `api_url` в [github] — адрес API GitHub?",
            limit / (1024 * 1024)
        ),
        F::Unreadable { said } => format!(
            "так GitHub не отвечает: {said}; точно ли `api_url` в [github] — адрес его API (у GitHub Enterprise Server это \
             https://HOST/api/v3)?"
        ),
        F::RateLimited { until, said } => {
            let until = until.map(|until| format!(" до {}", time(until))).unwrap_or_default();
            format!("GitHub больше не принимает запросов с этим токеном{until}{}", behind(said.as_deref()))
        }
        F::Unauthorized { said } => format!(
            "GitHub не знает этого токена{}; он неверен, отозван или истёк: создайте новый и сохраните там, куда указывает \
             `token` в [github]",
            behind(said.as_deref())
        ),
        F::Forbidden { said, needs } => {
            let needs = needs.as_ref().map_or_else(
                || {
                    "дайте токену (или App) недостающее право (для тегов и коммитов: Contents, read; чтобы запускать workflow: \
                     Actions, read and write)"
                        .to_owned()
                },
                |needs| format!("дайте токену (или App) это право: {needs}"),
            );
            format!("GitHub этого не разрешает{}; {needs}", behind(said.as_deref()))
        }
        F::AppSuspended { said } => format!(
            "установка App приостановлена{}; снять это может владелец: Settings, GitHub Apps, Configure, Unsuspend",
            behind(said.as_deref())
        ),
        F::SignOn { url } => {
            let at = url.as_ref().map(|url| format!(": {url}")).unwrap_or_default();
            format!("организация требует подтвердить токен через единый вход; это может сделать его владелец{at}")
        }
        F::AppNotInstalled { repo } => format!(
            "GitHub App не установлено в {repo}; установите его там (настройки App, Install App) или исправьте \
             `repository` сервиса"
        ),
        F::AppUnauthorized { said } => format!(
            "GitHub не принимает токен, который сам выдал App{}; проверьте, что App ещё установлено в репозитории и не \
             приостановлено (Settings, GitHub Apps, Configure); при следующей попытке RMM сам получит новый токен",
            behind(said.as_deref())
        ),
        F::AppRefused { said } => format!(
            "GitHub не принимает подпись App{}; `app_id` и `private_key` в [github] должны быть от одного App, а часы на \
             машине RMM — идти верно",
            behind(said.as_deref())
        ),
        F::AppKey => {
            "`private_key` в [github] — не RSA-ключ, которым можно подписывать; создайте новый в настройках App"
                .to_owned()
        }
        F::NotSetUp { said } => format!("не удалось подготовить связь с GitHub: {said}"),
        F::NotFound { what } => not_found(what),
        F::NoWorkflow { repo, workflow } => format!(
            "в {repo} нет workflow {workflow} (или токену он не виден); добавьте его в .github/workflows основной ветки или \
             исправьте имя в rmm.toml"
        ),
        F::WorkflowDisabled { repo, workflow } => format!(
            "workflow {workflow} в {repo} выключен; включите его на вкладке Actions (GitHub сам выключает workflow с \
             расписанием после 60 дней тишины)"
        ),
        F::NoDispatchTrigger { repo, workflow, git_ref } => format!(
            "у workflow {workflow} в {repo} нет `workflow_dispatch` в {git_ref}, и RMM не может его запустить; добавьте его в \
             `on:`, и в основной ветке тоже"
        ),
        F::NoRef { repo, git_ref } => {
            format!("в {repo} нет ветки или тега {git_ref}; отправьте туда и запустите заново")
        }
        F::UnknownInput { workflow, said } => format!(
            "workflow {workflow} не принимает того, что передаёт RMM: {said}; объявите эти параметры в \
             `on.workflow_dispatch.inputs`, а остальные сделайте необязательными"
        ),
        F::TooManyInputs { workflow, said } => format!(
            "этот GitHub принимает меньше параметров, чем есть у workflow {workflow}: {said}; уберите свои параметры из его \
             `on.workflow_dispatch.inputs`"
        ),
        F::Invalid { status, said } => format!("GitHub отклонил запрос RMM (код {status}){}", behind(said.as_deref())),
    }
}

fn not_found(what: &Sought) -> String {
    match what {
        Sought::Repository { repo } => format!(
            "на GitHub нет репозитория {repo}, или токену он не виден; исправьте `repository` сервиса или дайте токену (или \
             App) доступ"
        ),
        Sought::Run { repo, run } => format!("в {repo} на GitHub нет запуска {run} (или его уже нет)"),
        Sought::File { repo, path, git_ref } => format!("в {repo} нет файла {path} в {git_ref}"),
        Sought::Commits { repo, base, head } => format!("в {repo} нет {base} или {head}"),
        Sought::Path { path } => format!("на GitHub ничего нет по адресу {path}, или токену это не видно"),
    }
}

/// Нужно ли указать центр сертификации.
const fn is_unknown(fault: &AnswerFault) -> bool {
    matches!(
        fault,
        AnswerFault::Tls {
            fault: TlsFault::Untrusted { cause: CertificateFault::UnknownAuthority | CertificateFault::SelfSigned }
        }
    )
}
