//! Почему id-токен от CI ничего не открывает и что делать.

use crate::domain::identity::TokenFault;

use super::list;

/// Предложение со строчной буквы и без точки.
pub(in crate::wording) fn id_token(fault: &TokenFault) -> String {
    use TokenFault as F;
    match fault {
        F::NotAsked => "этот RMM не принимает id-токены: ни у одного сервиса в rmm.toml нет `oidc`; добавьте его или используйте токен от `rmm token create`".to_owned(),
        F::Malformed => "это не токен RMM и не целый id-токен; пришлите токен от GitHub без изменений".to_owned(),
        F::Algorithm => "id-токен подписан не так, как подписывает GitHub (RS256, без расширений); другое не принимается".to_owned(),
        F::UnknownKey { issuer } => format!(
            "id-токен подписан ключом, которого нет у {issuer}; запросите новый id-токен, а если не поможет, проверьте, там ли работает \
             workflow, где указано в `oidc_issuer`"
        ),
        F::Signature => "подпись id-токена неверна: его изменили по дороге; запросите новый id-токен".to_owned(),
        F::Missing { claim } => format!("поля `{claim}` в id-токене нет, или оно другого вида, чем у GitHub"),
        F::Odd { claim } => format!("в поле `{claim}` id-токена есть символы, которых не видно; имена сравниваются так, как написаны"),
        F::Issuer { expected } => format!(
            "поле `iss` id-токена должно быть {expected}; если workflow работает в другом месте, укажите его в [github] как `oidc_issuer`"
        ),
        F::Audience { expected } => format!("поле `aud` id-токена должно быть {expected}; запросите id-токен с этим получателем"),
        F::Expired { at, now } => format!(
            "время `exp` id-токена вышло: он годился до {at}, а на часах RMM {now}; запрашивайте новый id-токен прямо перед каждым вызовом"
        ),
        F::NotYet { claim, at, now } => format!(
            "время `{claim}` id-токена ещё не наступило: он годится с {at}, а на часах RMM {now}; проверьте часы на машине RMM"
        ),
        F::TooLong { limit } => format!("`exp` id-токена позже `iat` больше чем на {limit} с; токены GitHub годятся несколько минут"),
        F::Event { event } => format!(
            "поле `event_name` id-токена — {event}: такие workflow могут запустить посторонние, и от имени сервиса они не говорят; запускайте \
             workflow пушем, тегом, релизом, по расписанию или вручную"
        ),
        F::Repository { id, name } => format!(
            "поле `repository_id` id-токена — {id} ({name}), и ни один сервис не доверяет этому репозиторию; напишите у его сервиса в \
             rmm.toml `oidc = {{ repository_id = {id} }}`"
        ),
        F::Workflow { workflow, trusted } => format!(
            "поле `job_workflow_ref` id-токена — {workflow}, а сервис доверяет только {}; добавьте его в `workflow` внутри `oidc`",
            list(trusted)
        ),
        F::Used => "id-токен с этим `jti` уже был, а каждый токен годится один раз; запрашивайте новый id-токен для каждого вызова".to_owned(),
    }
}
