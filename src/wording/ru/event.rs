//! Что произошло.

use std::str::FromStr;

use super::super::Language::Ru;
use super::super::event::{Told, or_operator};
use super::{gate_name, record_alarm, role, run, status, step};
use crate::domain::cause::Cause;
use crate::domain::env::Env;
use crate::domain::fault::record::RecordAlarm;
use crate::domain::gate::GateName;
use crate::domain::ids::ServiceName;

/// Что произошло; ничего, если эта версия такого события не знает.
pub(in crate::wording) fn event(kind: &str, told: &Told<'_>) -> Option<String> {
    let text = |key: &str| told.text(key);
    let because = || told.because(Ru);
    let status = |key: &str| told.known(key).map_or_else(|| text(key), |known| status(known).to_owned());
    let run = || run(&text("environment"), &text("kind"));
    let step = || {
        let name = told.known("name").map_or_else(|| text("name").replace('_', " "), |kind| step(kind).to_owned());
        let place = told.remote_host().map(|host| format!(" на {host}")).unwrap_or_default();
        format!("шаг {} «{name}», {}{place}", told.step_number(), text("surface"))
    };
    let on = || on(&text("environment"));
    Some(match kind {
        "release_created" => format!("релиз создан, инициатор {}", text("initiated_by")),
        "release_moved" => format!("{} → {}{}", status("from"), status("to"), because()),
        "initiator_proven" => {
            let before = told.said("before").map(|before| format!("; раньше инициатором считался {before}"));
            format!("GitHub называет инициатора: {}{}", text("initiated_by"), before.unwrap_or_default())
        }
        "release_retried" => format!("начат заново, попытка {}", text("attempt")),
        "release_updated" => format!("получены артефакты: {}", text("surfaces")),
        "release_promoted" => "запущен деплой в продакшн".to_owned(),
        "commit_resolved" => format!("коммит — {}", told.commit("commit")),
        "commit_unresolved" => format!("коммит неизвестен{}", because()),
        "tag_moved" if told.is("gone") => {
            format!("тега {} больше нет в репозитории (был {})", text("tag"), told.commit("from"))
        }
        "tag_moved" if told.said("to").is_none() => {
            format!("тег {} указывает уже не на {}", text("tag"), told.commit("from"))
        }
        "tag_moved" => format!("тег {} перенесён с {} на {}", text("tag"), told.commit("from"), told.commit("to")),
        "release_approved" => format!("подтверждено ({})", text("progress")),
        "release_rejected" => format!("отклонено{}", because()),
        "gates_bypassed" => {
            let known = told.known::<Vec<GateName>>("gates");
            let names = known.map(|gates| gates.into_iter().map(gate_name).collect::<Vec<_>>().join(", "));
            format!("пропущены условия ({}){}", names.unwrap_or_else(|| text("gates")), because())
        }
        "nothing_to_rehearse" => match told.known::<ServiceName>("maybe_was") {
            Some(was) => format!("{}. {}", "откатываться некуда: репетиция отката не нужна", Ru.unless_renamed(&was)),
            None => "откатываться некуда: репетиция отката не нужна".to_owned(),
        },
        "nothing_tells" => format!("неоткуда узнать, исправен ли компонент {}: у него нет `health`", text("surface")),
        "rehearsal_stale" => match told.said("now") {
            Some(now) => format!("репетиция отката устарела: в продакшне теперь {now}"),
            None => "репетиция отката устарела: в продакшне теперь ничего нет".to_owned(),
        },
        "run_created" => format!("запланирован прогон: {}, версия {}", run(), text("to")),
        "run_waiting" => told.reason(Ru),
        "run_started" => format!("начат прогон: {}", run()),
        "workflow_started" => format!("workflow {} запущен, на GitHub это запуск {}", text("workflow"), text("ci_run")),
        "run_stopping" => format!("остановка прогона ({}){}", text("by"), because()),
        "run_ended" => format!("{}: прогон {}{}", run(), ended(&text("state")), because()),
        "run_resolved" => {
            let verdict = match text("verdict").as_str() {
                "succeeded" => "закончился успешно".to_owned(),
                "failed" => "не удался".to_owned(),
                "again" => "выполнить ещё раз".to_owned(),
                other => other.to_owned(),
            };
            format!("решение о прогоне: {verdict}{}", because())
        }
        "step_started" => format!("{}: начат", step()),
        "step_ended" => {
            let exit = told.exit().map(|exit| format!(", код завершения {exit}")).unwrap_or_default();
            format!("{}: {}{exit}", step(), ended(&text("state")))
        }
        "hand_work_found" => {
            let kept = told.said("kept").map(|kept| format!("; сохранено как {kept}")).unwrap_or_default();
            let (host, surface) = (text("host"), text("surface"));
            format!("на {host} в папке компонента {surface} найдены ручные изменения: {}{kept}", text("findings"))
        }
        "environment_changed" => format!("{} теперь {}", on(), text("version")),
        "host_left_behind" => format!("откат {} продолжается без {}{}", on(), text("host"), because()),
        "host_caught_up" => format!("хост {} снова наравне с остальными {}", text("host"), on()),
        "host_given_up" => format!("хост {} {}: {}", text("host"), on(), told.reason(Ru)),
        "earlier_steps_ended" => {
            format!("на {} ещё работали прежние шаги и были остановлены: {}", text("host"), text("steps"))
        }
        "migration_found_done" => {
            let (surface, host) = (text("surface"), text("host"));
            format!("миграция компонента {surface} на {host} всё же закончилась успешно; второй раз она не выполняется")
        }
        "environment_dirty" => format!("окружение {} нужно починить{}", text("environment"), because()),
        "environment_repaired" => format!("окружение {} починено", text("environment")),
        "environment_unknown" => format!("неизвестно, что работает {}{}", on(), because()),
        "environment_settled" => match told.said("version") {
            Some(version) => format!("выяснено: {} работает {version}{}", on(), because()),
            None => format!("выяснено: {} ничего не работает{}", on(), because()),
        },
        "foreign_run_found" => format!("на {} замечена другая копия базы данных{}", text("host"), because()),
        "service_renamed" => {
            format!("сервис {} теперь называется {}, его история сохранена", text("from"), text("to"))
        }
        "service_defined" => format!("сервис {} определён в панели, редакция {}", text("service"), text("revision")),
        "service_removed" => format!("сервис {} больше не определён в панели", text("service")),
        "service_moved_to_file" => format!("сервис {} теперь определён в rmm.toml, а не в панели", text("service")),
        "database_restored" => format!("база данных восстановлена из копии{}", because()),
        "record_alarm_raised" => {
            let found =
                told.known::<RecordAlarm>("because").map_or_else(|| text("found"), |alarm| record_alarm(&alarm));
            format!("ЖУРНАЛ АУДИТА ИЗМЕНЁН: {found}")
        }
        "record_alarm_acknowledged" => format!("изменение журнала аудита принято к сведению{}", because()),
        "record_key_rotated" => "с этого места журнал аудита подписан новым ключом".to_owned(),
        "clock_jumped" => format!("часы переведены на {} с", text("seconds")),
        "production_locked" => format!("продакшн заблокирован{}", because()),
        "production_unlocked" => "продакшн разблокирован".to_owned(),
        "report_refused" => {
            let more = told.said("unrecorded");
            let more = more.map(|more| format!(" (с прошлого раза отклонено ещё: {more})")).unwrap_or_default();
            let cause = told.known::<Cause>("because").map(|cause| format!(": {}", Ru.refusal(&cause)));
            format!("отчёт «{}» отклонён{}{more}", status("status"), cause.unwrap_or_else(because))
        }
        "login_link_made" => format!("создана ссылка для входа в панель: {}", or_operator(told.said("person"))),
        "signed_in" => format!("вход в панель: {}, адрес {}", or_operator(told.said("person")), text("address")),
        "session_ended" => format!("сеанс в панели закрыт: {}", or_operator(told.said("person"))),
        "token_created" => format!("создан токен {} ({})", text("name"), role(&text("role"))),
        "token_adopted" => match told.said("before") {
            Some(before) => {
                format!("у токена {} новый ответственный, раньше — {before}", text("name"))
            }
            None => format!("у токена {} новый ответственный, раньше — оператор", text("name")),
        },
        "token_revoked" => format!("токен {} отозван", text("name")),
        "host_key_seen" => format!("хост {} показал свой ключ {}", text("host"), told.host_key()),
        "host_key_changed" => {
            let (host, trusted) = (text("host"), text("trusted"));
            format!("У ХОСТА {host} ДРУГОЙ КЛЮЧ: подтверждён {trusted}, показан {}", told.host_key())
        }
        "host_key_restored" => {
            format!("хост {} снова показывает подтверждённый ключ {}", text("host"), told.host_key())
        }
        "host_trusted" => format!("ключ {} хоста {} подтверждён", told.host_key(), text("host")),
        "telegram_claimed" => {
            format!("пользователь Telegram {} называет себя {}", text("telegram_id"), text("person"))
        }
        "telegram_confirmed" => {
            format!("пользователь Telegram {} — {}: подтверждено", text("telegram_id"), text("person"))
        }
        "telegram_refused" => {
            format!("пользователь Telegram {} — не {}: отклонено", text("telegram_id"), text("person"))
        }
        "backup_made" => format!("сделана резервная копия: {}", text("file")),
        "alert_silenced" => match text("silence").as_str() {
            "hour" => format!("оповещение заглушено на 1 ч: {}", text("alert")),
            "eight_hours" => format!("оповещение заглушено на 8 ч: {}", text("alert")),
            "until_over" => format!("оповещение заглушено, пока не закончится: {}", text("alert")),
            _ => format!("оповещение больше не заглушено: {}", text("alert")),
        },
        _ => return None,
    })
}

/// Где, по имени окружения.
fn on(environment: &str) -> String {
    Env::from_str(environment).map_or_else(|_| format!("на {environment}"), super::on)
}

/// Чем закончился прогон или шаг.
fn ended(state: &str) -> &str {
    match state {
        "succeeded" => "завершён успешно",
        "failed" => "не удался",
        "stopped" => "остановлен",
        "unknown" => "завершён, исход неизвестен",
        "skipped" => "пропущен",
        other => other,
    }
}
