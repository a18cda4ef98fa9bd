//! Что с условиями перед продакшном и кто может их выполнить.

use super::super::Language::Ru;
use super::super::times::time;
use super::{inside, list, reason};
use crate::domain::gate::{GateState, Remedy};

/// Как обстоят дела, одной фразой.
pub(in crate::wording) fn state(state: &GateState) -> String {
    use GateState as G;
    match state {
        G::Defined => "Сервис определён.".to_owned(),
        G::Retired => "Сервиса больше нет в конфигурации: он выведен.".to_owned(),
        G::PutAside => "Сервис отключён: его определение в панели больше не годится вместе с rmm.toml.".to_owned(),
        G::VoteClosed { approved_by } if approved_by.is_empty() => "Голосование закрыто: релиз подтверждён.".to_owned(),
        G::VoteClosed { approved_by } => format!("Голосование закрыто, подтверждения: {}.", list(approved_by)),
        G::NoApprovalsNeeded => "Подтверждения не нужны.".to_owned(),
        G::Approved { by, needed } => format!("Подтверждения: {} ({} из {needed}).", list(by), by.len()),
        G::ApprovalsMissing { given, needed, void } if void.is_empty() => format!("{given} из {needed}."),
        G::ApprovalsMissing { given, needed, void } => format!(
            "{given} из {needed}. Эти подтверждения больше не считаются: тогда коммит ещё не был известен, или релиз с тех пор \
             изменился: {}.",
            list(void)
        ),
        G::NotRehearsed => "Откат ещё не отрепетирован.".to_owned(),
        G::RehearsedOtherContent => {
            "Отрепетировано не то, что попадёт в продакшн: изменились артефакты или команды.".to_owned()
        }
        G::Rehearsed { back_to } => format!("Откат на {back_to} отрепетирован."),
        G::NothingToRehearse { maybe_was: None } => "Откатываться некуда: это первый релиз.".to_owned(),
        G::NothingToRehearse { maybe_was: Some(was) } => {
            format!("Откатываться некуда: это первый релиз. {}.", Ru.unless_renamed(was))
        }
        G::RehearsedElsewhere { now: Some(version) } => {
            format!("В продакшне теперь {version}, откат на неё ещё не отрепетирован.")
        }
        G::RehearsedElsewhere { now: None } => "В продакшне теперь ничего нет; репетиция устарела.".to_owned(),
        G::CommitKnown { commit } => format!("Коммит {}.", commit.short()),
        G::CiKnowsCommit => "CI знает, какой коммит деплоит.".to_owned(),
        G::CommitUnresolved { reason: why } if why.denies() => {
            format!("Репозиторий не подтверждает того, что предстоит задеплоить: {}.", inside(&reason(why)))
        }
        G::CommitUnresolved { reason: why } => {
            format!("Неизвестно, на какой коммит указывает тег: {}.", inside(&reason(why)))
        }
        G::CommitAsked => "Пока неизвестно, на какой коммит указывает тег.".to_owned(),
        G::NothingRuns => "В продакшне ещё ничего нет.".to_owned(),
        G::RunsIt => "Он уже в продакшне.".to_owned(),
        G::Older { current } => format!("Он старее, чем {current} в продакшне."),
        G::NotOlder { current } => format!("Он не старее, чем {current} в продакшне."),
        G::CiStarts => "Деплой в продакшн начинает CI; RMM ждёт, пока CI о нём сообщит.".to_owned(),
        G::StartsByItself => "Деплой в продакшн начинается сам.".to_owned(),
        G::Promoted => "Администратор запустил деплой в продакшн.".to_owned(),
        G::Held => "До продакшна ничего не дошло; сам workflow больше не запускается.".to_owned(),
        G::NotPromoted => "Деплой в продакшн здесь не начинается сам.".to_owned(),
        G::Unlocked => "Продакшн не заблокирован.".to_owned(),
        G::Locked { by, reason: why } => format!("Продакшн заблокирован ({by}): {}", reason(why)),
        G::ProductionKnown => "Состояние продакшна известно.".to_owned(),
        G::ProductionUnknown { reason: why } => {
            format!("Неизвестно, что работает в продакшне: {}.", inside(&reason(why)))
        }
        G::ProductionDirty { reason: why } => format!("Продакшн нужно починить: {}", reason(why)),
        G::Free => "Продакшн свободен.".to_owned(),
        G::BusyWith { release, stopping: None } => format!("Продакшн занят релизом #{release}."),
        G::BusyWith { release, stopping: Some(how) } => {
            format!("Продакшн занят релизом #{release}: {}.", inside(&reason(how)))
        }
        G::LostRun { run, release } => {
            format!("Неизвестно, чем закончился прогон {run} релиза #{release} в продакшне.")
        }
        G::Behind { release } => format!("Впереди в очереди релиз #{release}."),
    }
}

/// Кто и как может это выполнить.
pub(in crate::wording) fn remedy(remedy: &Remedy) -> String {
    use Remedy as R;
    match remedy {
        R::Define { service } => format!(
            "Новое не начнётся, пока сервис {service} не определён снова; релиз пока можно отменить, а если сервис переименован, \
             `was = \"{service}\"` под новым именем перенесёт и его."
        ),
        R::AddApprover => "Подтвердить некому (голос инициатора релиза не считается): добавьте человека в список, \
                           или администратор пропустит это условие."
            .to_owned(),
        R::Approve { count, of } if *count == of.len() => format!("Ещё должны подтвердить: {}.", list(of)),
        R::Approve { count, of } => {
            format!("Нужно ещё подтверждений: {count}, от кого-то из этих людей: {}.", list(of))
        }
        R::SettleStage { service, reason: why } => format!(
            "Неизвестно, что работает на stage ({}); администратор проверяет и указывает: `rmm service settle {service} \
             --environment stage`.",
            inside(&reason(why))
        ),
        R::RepairStage { run, reason: why } => format!(
            "Stage нужно починить ({}); после починки администратор отмечает это для прогона {run}.",
            inside(&reason(why))
        ),
        R::ResolveStageRun { run } => {
            format!("Неизвестно, чем закончился прогон {run} на stage; администратор выясняет и указывает исход.")
        }
        R::Rehearse => "RMM начнёт репетицию, как только освободится stage.".to_owned(),
        R::CiRehearses => "Репетицию проводит CI, который ведёт stage; он сообщает, что можно тестировать.".to_owned(),
        R::RehearseAgain => "Её нужно повторить.".to_owned(),
        R::AskAgain { at } => format!("RMM спросит репозиторий снова {}; или коммит сообщит CI.", time(*at)),
        R::SendCommit => "Коммит сообщит CI: пусть создаст тот же релиз ещё раз, с коммитом.".to_owned(),
        R::Ask => "RMM спрашивает репозиторий.".to_owned(),
        R::RollBack { release } => {
            format!(
                "Администратор откатывает релиз #{release}, который работает в продакшне; новый релиз не может быть старее продакшна."
            )
        }
        R::GoForward => "Релиз не может быть старее продакшна; создайте более новый.".to_owned(),
        R::Promote => "Администратор запускает деплой в продакшн.".to_owned(),
        R::Unlock => "Администратор снимает блокировку.".to_owned(),
        R::SettleProduction { service } => {
            format!("Администратор проверяет и указывает: `rmm service settle {service} --environment production`.")
        }
        R::RepairProduction { run } => format!("После починки администратор отмечает это для прогона {run}."),
        R::ResolveRun { .. } => "Администратор выясняет и указывает исход.".to_owned(),
        R::WaitForEnd => "Релиз ждёт, пока это закончится.".to_owned(),
        R::WaitForTurn => "Релиз ждёт своей очереди; тот, что впереди, может отменить администратор.".to_owned(),
    }
}
