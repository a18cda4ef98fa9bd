//! Что можно сказать о GitHub.

use super::super::list;
use crate::domain::finding::github::{RepositoryName, WorkflowMistake};
use crate::domain::finding::{LoginFact, RepositoryFact};
use crate::domain::mark::MarkKind;

/// О входе и его правах: фраза со строчной буквы, без точки.
pub(in crate::wording) fn login_fact(fact: &LoginFact) -> String {
    use LoginFact as F;
    match fact {
        F::NoLogin => "в rmm.toml его нет, и ни одному сервису он не нужен: RMM ничего не спрашивает у GitHub".into(),
        F::ClockBesideGithub { seconds, too_far } => {
            let side = if *seconds < 0 {
                "отстают от часов GitHub"
            } else {
                "спешат относительно часов GitHub"
            };
            let then = if *too_far {
                "id-токены заданий и подписи App действуют только в пределах 60 с"
            } else {
                "60 с — уже слишком много"
            };
            format!("часы этой машины {side} на {} с; {then}", seconds.unsigned_abs())
        }
        F::ClockWithGithub => "часы этой машины идут вровень с часами GitHub".into(),
        F::App { name } => format!("это App {name}"),
        F::Token { name, classic, until } => {
            let kind = if *classic { "classic-токен" } else { "fine-grained токен" };
            let until = until.as_ref().map(|until| format!(", действует до {until}")).unwrap_or_default();
            format!("{name}: {kind}{until}")
        }
        F::AppSuspended => "установка App приостановлена, и ей ничего нельзя".into(),
        F::AppFit { starts } => {
            let actions = if *starts { "Actions: read and write" } else { "Actions: read" };
            format!("у установки App есть права {actions} и Contents: read")
        }
        F::AppLacks { permissions } => format!("установке App не хватает прав: {}", list(permissions)),
        F::MarksFit { marks } => format!("{}: GitHub не отказывает", permissions(marks)),
        F::MarksLack { app, marks } => {
            let who = if *app { "установке App" } else { "токену" };
            format!("{who} не хватает прав на то, что RMM там оставляет: {}", permissions(marks))
        }
        F::WideScope => "scope `repo` у токена достаточно, но с ним доступны все репозитории аккаунта".into(),
        F::PublicScope => "scope `public_repo` у токена достаточно".into(),
        F::ScopesLack { given, needed } => {
            let given = if given.is_empty() { "нет".to_owned() } else { list(given) };
            format!("scope у токена: {given}; RMM нужен `{needed}`")
        }
        F::OnlyReads { name, repository } => {
            format!("{name} может только читать {repository} и поэтому не запустит там workflow")
        }
        F::Granted { permission } => format!("{permission}: GitHub не отказывает"),
        F::TokenLacks { permission, said } => {
            let said = said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
            format!("токену не хватает права {permission}{said}")
        }
    }
}

/// О репозитории и его содержимом: фраза со строчной буквы, без точки.
pub(in crate::wording) fn repository_fact(fact: &RepositoryFact) -> String {
    use RepositoryFact as F;
    match fact {
        F::Renamed { repository, now } => {
            let name = now.as_ref().map_or_else(|| "другое имя".to_owned(), |name| format!("имя {name}"));
            format!(
                "у {repository} теперь {name} (репозиторий переименован или перенесён); RMM за ним не следует, впишите новое имя в \
                 rmm.toml"
            )
        }
        F::Repository { repository } => known(repository),
        F::Archived { repository } => {
            format!("{}; репозиторий в архиве, и ни один workflow там не запускается", known(repository))
        }
        F::OtherTrusted { repository, trusted } => format!(
            "{}; `oidc` сервиса доверяет заданиям репозитория {trusted}, а это другой репозиторий",
            known(repository)
        ),

        F::TrustedIn { workflow, repository } => format!("{workflow}: есть в репозитории {repository}"),
        F::TrustedUnseen { workflow, repository } => format!("{workflow} в репозитории {repository} не найден"),
        F::TrustedAt { workflow, path, git_ref } => format!("{workflow}: {path} есть на {git_ref}"),
        F::TrustedAbsent { workflow, path, git_ref } => {
            format!("RMM доверяет {workflow}, но {path} на {git_ref} нет, или нет такой ветки или тега")
        }
        F::StartedUntrusted { file, branch } => {
            format!("RMM запускает {file} на {branch}, но `oidc` не доверяет его заданиям: их отчёты RMM отклонит")
        }
        F::TagWorkflow { file, branch } => format!("{file} есть на {branch}"),
        F::NoTagWorkflow { path, branch } => format!(
            "{path} на {branch} нет; это не ошибка, если о stage сообщает другой workflow или другая система CI"
        ),
        F::WorkflowAbsent { path, branch } => {
            format!("{path} нет в основной ветке {branch}, а из других мест GitHub его не запускает")
        }
        F::WorkflowFit { file, branch } => {
            format!("{file}: включён, есть на {branch}, принимает всё, что передаёт RMM, и называет свой `run_id`")
        }
        F::WorkflowMistaken { file, mistake } => format!("{file}: {}", mistaken(mistake)),
        F::NoYaml { file, said } => format!("{file} не читается как YAML: {said}"),

        F::NoHookCanCome => "прийти не может: у RMM нет `public_url`, он сам спрашивает GitHub".into(),
        F::NoHookTaken => "у RMM нет `webhook_secret`: он их не принимает и сам спрашивает GitHub".into(),
        F::HooksUnseen => {
            "смотреть webhook этому входу нельзя, поэтому они не проверены; самому RMM это и не нужно".into()
        }
        F::NoHookWanted => "нет ни webhook, ни `webhook_secret`: RMM сам спрашивает GitHub".into(),
        F::HookToOther { url } => format!("один ведёт на {url}, а это не этот RMM"),
        F::NoHook => {
            "ни один не ведёт к этому RMM (разве что webhook организации), поэтому он сам спрашивает GitHub".into()
        }
        F::HookOff { here } => format!("webhook на {here} выключен"),
        F::HookUnwanted { here } => format!("webhook на {here} есть, но без его секрета RMM ничего не принимает"),
        F::HookWithoutSecret { here } => {
            format!("у webhook на {here} нет секрета, поэтому RMM отклоняет то, что приходит")
        }
        F::HookSendsForms { here } => format!("webhook на {here} отправляет формы, а RMM читает JSON"),
        F::HookLacks { here, events } => format!("webhook на {here} не сообщает о событиях: {}", list(events)),
        F::HookFit { here } => format!("webhook ведёт на {here}, секрет и события указаны"),
        F::NoDeliveries => "GitHub пока не помнит ни одной".into(),
        F::Delivered { well, all } => format!("последняя дошла; удачных из последних {all}: {well}"),
        F::NotDelivered { event, status, said, well, all } => {
            let answered = match status {
                0 => format!("GitHub не получил ответа ({said})"),
                status => format!("ответ был {status}"),
            };
            format!("последняя, о событии {event}, не дошла: {answered}; удачных из последних {all}: {well}")
        }
    }
}

fn known(RepositoryName { name, number, branch }: &RepositoryName) -> String {
    format!("{name}, номер {number}, основная ветка {branch}")
}

fn permissions(marks: &[MarkKind]) -> String {
    marks.iter().map(|mark| mark.permission()).collect::<Vec<_>>().join(", ")
}

fn mistaken(mistake: &WorkflowMistake) -> String {
    use WorkflowMistake as M;
    match mistake {
        M::NoDispatch => "нет `workflow_dispatch`, поэтому RMM не может его запустить".into(),
        M::Undeclared { inputs } => format!("не объявлено то, что передаёт RMM: {}", list(inputs)),
        M::Requires { inputs } => format!("требуется то, чего RMM не передаёт: {}", list(inputs)),
        M::NoText { inputs } => format!("тип не текстовый: {}", list(inputs)),
        M::NoRunId => {
            "`run-name` не называет `run_id`, поэтому после потерянного ответа RMM не найдёт свой запуск CI".into()
        }
    }
}
