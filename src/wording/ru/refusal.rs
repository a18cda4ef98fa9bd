//! Почему отказано и что делать.

use super::super::times::time;
use super::{inside, list, on, reason, rule, status};
use crate::domain::cause::Cause;
use crate::domain::moves::Move;
use crate::domain::person::{Right, Role};
use crate::domain::reason::Reason;
use crate::domain::version::Version;

/// Почему отказано: фраза со строчной буквы, без точки.
pub(in crate::wording) fn refusal(cause: &Cause) -> String {
    use Cause as C;
    match cause {
        C::Invalid(invalid) => format!("{}: {}", invalid.field, rule(&invalid.rule)),
        C::TakenAlready => "это уже сделано".to_owned(),
        C::NeedsService => "нужно указать сервис".to_owned(),

        C::NoRelease { release } => format!("релиза #{release} нет"),
        C::NoEnvironment { environment, service } => format!("у {service} нет окружения {environment}"),
        C::NoRun { run } => format!("прогона {run} нет"),
        C::NoRecordAlarm => "тревоги о журнале аудита нет".to_owned(),
        C::NoService { service, near: Some(near) } => format!("сервиса {service} нет; может быть, {near}?"),
        C::NoService { service, near: None } => {
            format!("сервиса {service} нет в прочитанной конфигурации; RMM читает rmm.toml при запуске и по SIGHUP")
        }
        C::NoHost { host, near: Some(near), .. } => format!("хоста {host} нет; может быть, {near}?"),
        C::NoHost { host, known, near: None } => format!(
            "хоста {host} нет в прочитанной конфигурации; есть {} (RMM читает rmm.toml при запуске и по SIGHUP)",
            list(known)
        ),
        C::NoToken { name, near: Some(near) } => format!("действующего токена {name} нет; может быть, {near}?"),
        C::NoToken { name, near: None } => format!("действующего токена {name} нет"),
        C::NothingThere => "этого больше нет".to_owned(),
        C::StepNotAtWork { run, step } => format!("шаг {step} прогона {run} сейчас не выполняется"),

        C::CallWithoutToken => {
            "для этого вызова нужен токен: `Authorization: Bearer <токен>`; его создаёт `rmm token create`".into()
        }
        C::NoBearer => "заголовок Authorization должен иметь вид `Bearer <токен>`".into(),
        C::TokenUnknown => "такого токена нет; известные показывает `rmm token list`".into(),
        C::TokenForgotten => "этого токена больше нет".into(),
        C::IdTokenOver => "срок действия этого id-токена истёк".into(),
        C::TokenRevoked { at } => format!("этот токен отозван {}", time(*at)),
        C::TokenExpired { at } => format!("срок действия этого токена истёк {}; создайте новый", time(*at)),
        C::TokenOrphaned { token, owner } => format!(
            "{owner}, кто отвечает за этот токен, больше не администратор; любой администратор может взять токен на себя: \
             `rmm token adopt '{token}'`"
        ),
        C::TokenRoleUnknown => "у этого токена роль, которой эта версия RMM не знает".into(),
        C::TokenPersonGone { person } => {
            format!("{person}, от чьего имени действует этот токен, больше нет в rmm.toml")
        }
        C::RoleTooLow { who, role: has, right } => {
            format!("у {who} ({}) на это нет прав; это может {}", role(*has), who_may(*right, *has))
        }
        C::OtherServices { service, valid_for } => {
            format!("этот токен не подходит для сервиса {service}, только для {}", list(valid_for))
        }
        C::NameAService { valid_for } => format!("этот токен ограничен; укажите один из сервисов: {}", list(valid_for)),
        C::OperatorOnly => {
            "это может только оператор на машине, где работает RMM: иначе можно было бы действовать от чужого имени"
                .into()
        }
        C::AllServices { valid_for } => {
            format!("этот токен ограничен сервисами {}, а это касается всех", list(valid_for))
        }
        C::NotAPerson => "голосовать может только человек, а у этого токена нет владельца".to_owned(),
        C::NoEditor => {
            "определять сервисы может только человек или оператор, а у этого токена нет владельца".to_owned()
        }
        C::EditingOff => {
            "здесь сервисы в панели определять нельзя: так задано в rmm.toml, [server], `edit_services`".to_owned()
        }
        C::NotListed { person, service, listed } => {
            format!("{person} не в списке тех, кто подтверждает {service}: {}", list(listed))
        }
        C::SelfApproval { person, release, service } => {
            format!("инициатор релиза #{release} — {person}; для {service} его должен подтвердить кто-то другой")
        }

        C::StaleRevision { release, seen: _, now: _, status: now } => {
            format!("релиз #{release} с тех пор изменился, теперь его статус — «{}»; посмотрите ещё раз", status(*now))
        }
        C::DefinitionChanged { service, gone: true, .. } => {
            format!("определение сервиса {service} тем временем удалено; ваш текст сохранён здесь")
        }
        C::DefinitionChanged { service, by, gone: false } => {
            let by = by.as_ref().map(|by| format!(" (изменил {by})")).unwrap_or_default();
            format!(
                "определение сервиса {service} тем временем изменилось{by}; сравните и сохраните ещё раз, если нужно ваше"
            )
        }
        C::DefinedInFile { service } => {
            format!("{service} задан в rmm.toml и меняется там: исправьте файл и выполните `rmm reload`")
        }
        C::NotInDashboard { service } => format!("сервис {service} не определён в панели"),
        C::ServiceBusy { service, release } => {
            format!("релиз #{release} сервиса {service} ещё в пути; удалить сервис можно, когда ничего не выполняется")
        }
        C::LockChanged => "продакшн заблокирован уже по другой причине; посмотрите ещё раз".to_owned(),
        C::ServiceRetired { service } => {
            format!(
                "сервис {service} выведен: в конфигурации его больше нет, ничего нового там не начинается; чтобы \
                 продолжить, верните его в rmm.toml и выполните `rmm reload` или определите его в панели \
                 (/services/{service}/definition)"
            )
        }
        C::ServiceAside { service } => format!(
            "сервис {service} отключён: его определение в панели больше не годится вместе с rmm.toml, ничего нового там \
             не начинается; что не так, сказано на странице /services/{service}/definition, исправить может администратор"
        ),
        C::Illegal { release, title, status: is, reason: why, wanted, waiting } => {
            let sentence =
                format!("#{release} {title} — {}{}; {} сейчас нельзя", status(*is), because(why), to_do(*wanted));
            match waiting {
                Some(waiting) => format!("{sentence}; откат {}", reason(waiting)),
                None => sentence,
            }
        }
        C::VoteNotOpen { release, status: is } => {
            format!("#{release} — {}; голосование начнётся с ручного тестирования", status(*is))
        }
        C::VoteClosed { release, status: is } => format!("голосование по #{release} закрыто: {}", status(*is)),
        C::RunEnding { run } => format!("прогон {run} уже заканчивается"),
        C::ArtifactsTested { release, status: is } => {
            format!("#{release} — {}; артефакты уже не меняются: идёт ручное тестирование", status(*is))
        }
        C::ArtifactsPlanned { release, status: is } => {
            format!("#{release} — {}; артефакты уже не меняются: с прежними составлен план для stage", status(*is))
        }
        C::GatesUnmet { release, title } => format!("#{release} {title} ещё не может идти в продакшн"),
        C::GatesMet { release, title, gates } => {
            let names: Vec<_> = gates.iter().map(|gate| format!("«{}»", super::gate_name(*gate))).collect();
            let (gate, met) = if names.len() > 1 {
                ("условия", "уже выполнены")
            } else {
                ("условие", "уже выполнено")
            };
            format!("{gate} {} для #{release} {title} {met}; обходить нечего", list(&names))
        }

        C::CiRunTaken { ci_run, release, title } => {
            format!("запуск CI {ci_run} уже создал #{release} {title}; другого тега у него быть не может")
        }
        C::OnItsWay { title, release, status: is, started_by, asked_by: _ } => {
            let by = started_by.as_ref().map(|run| format!(", его начал запуск CI {run}")).unwrap_or_default();
            format!("{title} уже в работе: #{release} ({}){by}", status(*is))
        }
        C::AlreadyEnded { release, title, status: is } => format!(
            "#{release} {title} уже завершён ({}), и тот же запуск CI его не начнёт заново; другой запуск CI создаст новый релиз{}",
            status(*is),
            if is.is_retryable() { "; этот можно начать заново: retry" } else { "" }
        ),
        C::TagClaimed { release, title, was, now } => format!(
            "#{release} — это {title} на {}; что теперь это {}, должен сказать репозиторий или CI, поэтому ничего не изменено",
            was.short(),
            now.short()
        ),
        C::TagMovedTooLate { title, now, release, status: is } => format!(
            "{title} указывает теперь на {}, а #{release} — {}; дождитесь конца или возьмите новый тег",
            now.short(),
            status(*is)
        ),
        C::TagUnchecked { tag, why } => format!(
            "{tag} уже указывает на другой коммит, и проверить, переехал ли он, нельзя: {}; ничего не изменено",
            reason(why)
        ),

        C::NotForCi { status: reported } => format!("статус {reported} указывают люди, а не CI"),
        C::RunByRmm { environment, service } => {
            format!("в окружение {} сервиса {service} деплоит сам RMM, отчёты CI не нужны", environment)
        }
        C::StaleReport { release, ci_run, attempt, reported_by } => {
            format!("#{release} ведёт теперь запуск CI {ci_run} (попытка {attempt}); этот отчёт от {reported_by}")
        }
        C::ReportAfterOther { release, reported_by, by } => format!(
            "прогон #{release} на продакшне завершён, после него был прогон #{by}; RMM не знает, что #{release} деплоил запуск CI \
             {reported_by}"
        ),
        C::ReportOfOtherService { release, reported_by } => {
            format!("запуск CI {reported_by} относится к релизу другого сервиса и не может сообщать о #{release}")
        }
        C::ReportOfOtherRun { release, reported_by, workflow } => format!(
            "для #{release} RMM запустил {workflow}, но для GitHub запуск CI {reported_by} — не тот; в его `run-name` должен \
             стоять `run_id`, который передаёт RMM"
        ),
        C::ReporterNotKnown { release, reported_by, workflow } => format!(
            "для #{release} RMM запустил {workflow}, но GitHub пока не говорит, тот ли это запуск CI {reported_by}; отправьте отчёт ещё раз чуть позже"
        ),
        C::ReportOfOther { release, reported_by, of, title } => {
            format!("запуск CI {reported_by} относится к #{of} {title} и не может сообщать о #{release}")
        }
        C::DoesNotFollow { release, status: is, reason: why, reported } => {
            format!("#{release} — {}{}; отчёта {reported} после этого не бывает", status(*is), because(why))
        }
        C::NothingUnderWay { release, environment } => {
            format!("для #{release} {} ничего не выполняется, отчёт не нужен", on(*environment))
        }
        C::StageDirty { run, reason: why } => format!(
            "stage нужно починить ({}); после починки администратор отмечает это: resolve прогона {run}",
            inside(&reason(why))
        ),
        C::StageLost { run, release } => format!(
            "неизвестно, чем закончился прогон {run} релиза #{release} на stage; администратор выясняет и указывает исход (resolve)"
        ),
        C::StageTaken { release, title, status: is } => {
            format!("stage занят релизом #{release} {title} ({}); сообщите ещё раз, когда он освободится", status(*is))
        }
        C::StageTakenByRun { run } => format!("stage занят прогоном {run}; сообщите позже"),
        C::TakenByRun { environment, run, release, state: _ } => {
            format!("{} занят прогоном {run} релиза #{release}; сообщите ещё раз, когда с ним разберутся", environment)
        }

        C::BeingDeployed { release } => format!("идёт деплой #{release}; abort прервёт его и начнёт откат"),
        C::NotInProduction { service, current, release, title } => {
            format!("в продакшне {service} работает {current}, а не #{release} {title}; откатывать нужно его")
        }
        C::ProductionBusy { release, status: is } => {
            let way_out = if *is == crate::domain::status::Status::Deploying {
                "прервите его (abort) или "
            } else {
                ""
            };
            format!("продакшн занят релизом #{release} ({}); {way_out}дождитесь конца и повторите", status(*is))
        }
        C::ProductionLost { run, release, deploying } => {
            let way_out = if *deploying {
                "abort с force или resolve его прогона"
            } else {
                "resolve этого прогона"
            };
            format!("неизвестно, чем закончился прогон {run} релиза #{release} в продакшне; {way_out}, потом повторите")
        }
        C::ProductionDirty { run, reason: why } => format!(
            "продакшн нужно починить ({}); сначала resolve прогона {run}: нужно знать, с какой версии откатывать",
            inside(&reason(why))
        ),
        C::MayBeAtWork { run, release } => format!(
            "неизвестно, чем закончился прогон {run} релиза #{release}, возможно, он ещё идёт; сначала посмотрите, потом \
             повторите с force или разберитесь с ним (resolve)"
        ),
        C::NoGoodVersion { wanted, title, known } => {
            let what = match wanted {
                None => format!("до {title} нет версий для отката"),
                Some(wanted) => format!("на {wanted} откатить {title} нельзя"),
            };
            format!("{what}; версии для отката: {}", versions(known))
        }
        C::NoWayBack { reason: why } | C::NoPlan { reason: why } => reason(why),

        C::EnvironmentUnknown { environment, service, reason: why } => format!(
            "неизвестно, что работает {} ({}); сначала администратор проверяет и указывает: `rmm service settle {service} \
             --environment {environment}`",
            on(*environment),
            inside(&reason(why))
        ),
        C::KnownAlready { environment, service, another_copy } => {
            let but = if *another_copy {
                "; --recorded означает, что другой копии базы данных больше нет"
            } else {
                ""
            };
            format!("что работает у {service} {}, уже известно, уточнять нечего{but}", on(*environment))
        }
        C::RunAtWork { run, environment } => {
            format!("{} идёт прогон {run}; повторите, когда он закончится", on(*environment))
        }
        C::NeedsRepair { environment, run, reason: why } => {
            format!("{} нужно починить ({}); сначала resolve прогона {run}", environment, inside(&reason(why)))
        }
        C::FailedAlready { run, to } => format!(
            "что прогон {run} не удался, уже известно; укажите succeeded, когда там будет {to}, или пусть RMM попробует ещё раз (again)"
        ),
        C::NothingToResolve { run, state: _ } => format!("с прогоном {run} разбираться не нужно"),
        C::CiReportsNoMore { release, environment } => format!(
            "#{release} закончен, CI о нём больше не сообщает; укажите, что с {environment}: succeeded или failed"
        ),
        C::ContentChanged { release, run } => format!(
            "подтверждено не то, что теперь принёс бы #{release}: изменились команды; укажите, что прогон {run} не удался \
             (failed), и выпустите релиз заново"
        ),
        C::NotLeftBehind { host, environment } => {
            format!("{host} {} не отстал, догонять нечего", on(*environment))
        }
        C::HostNotNamed { host, environment, service } => {
            format!("в rmm.toml у {service} ({environment}) нет хоста {host}; сначала впишите его")
        }
        C::NothingToCatchUp { environment } => {
            format!("{} нет релиза, к которому можно привести хост", on(*environment))
        }
        C::BroughtByCi { environment } => format!("в окружение {environment} деплоит CI, а не RMM"),
        C::NothingToGiveUp { host, environment } => format!("{} хоста {host} никто не ждёт", on(*environment)),
        C::NeedsHost { run, environment, host, release, way_out } => format!(
            "прогон {run} — деплой в {environment}, и ему нужен {host}; вместо этого — {} релиза #{release}",
            way_out.as_str()
        ),

        C::NoKeyNeeded => "local — это машина самого RMM, ключ не нужен".to_owned(),
        C::KeyPinned { host, pinned } => format!(
            "по rmm.toml {host} должен показать {}; если это не так, измените там host_key",
            pinned.join(" или ")
        ),
        C::KeyNotShown { host, address, why } => {
            format!("{host} не показывает по адресу {address} ключа, которому можно доверять: {}", reason(why))
        }
        C::KeyNeverSeen { host, address } => {
            format!("{host} ещё не показывал ключ по адресу {address}; сначала `rmm host check {host}`")
        }
        C::KeyDiffers { host, shown, wanted, compare } => {
            format!("{host} показал {shown}, а не {wanted}; прежде чем доверять, сравните на самом хосте: {compare}")
        }

        C::ClaimConfirmed { user, person, by } => format!(
            "{by} уже подтверждает, что {user} — это {person}; если это не так, укажите telegram_id для {person} в rmm.toml"
        ),
        C::NoClaim { user, person } => {
            format!(
                "{user} не называет себя {person} (возможно, имя пользователя уже другое), или как {person} подтверждён другой аккаунт"
            )
        }
        C::ClaimRefused { user, person } => {
            format!(
                "администратор уже ответил, что {user} — не {person}; если это всё же так: `rmm person confirm {user}`"
            )
        }
        C::SeveralClaims { person, users } => format!(
            "называют себя {person}: {}; укажите номер вместо имени, все они есть в `rmm person list`",
            list(users)
        ),
        C::NobodyClaims { who, near: Some(near) } => format!("никого не зовут {who}; может быть, {near}?"),
        C::NobodyClaims { who, near: None } => {
            format!(
                "по {who} никто не ждёт подтверждения; кто ждёт и как его подтвердить, показывает `rmm person list`"
            )
        }
        C::NumberConfigured { person, user } => format!(
            "в rmm.toml указано, что {person} — это {user}, подтверждать нечего; для другого аккаунта измените там telegram_id"
        ),
    }
}

fn because(why: &Option<Reason>) -> String {
    why.as_ref().map(|why| format!(" ({})", inside(&reason(why)))).unwrap_or_default()
}

fn versions(known: &[Version]) -> String {
    if known.is_empty() { "нет".to_owned() } else { list(known) }
}

fn to_do(wanted: Move) -> &'static str {
    match wanted {
        Move::Cancel => "отменить его",
        Move::Abort => "прервать его",
        Move::Retry => "повторить его",
        Move::Promote => "отправить его в продакшн",
        Move::Bypass => "пропустить его условия",
        Move::Rollback => "откатить его",
        Move::Approve => "подтвердить его",
        Move::Reject => "отклонить его",
        Move::Settle => "уточнить его состояние",
        Move::Resolve => "разобраться с ним",
        Move::Unlock => "разблокировать продакшн",
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Ci => "CI",
        Role::Viewer => "наблюдатель",
        Role::Member => "участник",
        Role::Admin => "администратор",
    }
}

/// У кого есть право: «это может …».
fn who_may(right: Right, role: Role) -> &'static str {
    match right {
        Right::Machine => "только сам RMM",
        Right::Watch => "любой",
        Right::Read => "наблюдатель, участник или администратор",
        Right::Create => "CI со своим токеном, участник или администратор",
        Right::Report => "CI со своим токеном или администратор",
        // Кто нажимает кнопку, тому токен не нужен.
        Right::Vote if role == Role::Viewer => "человек из списка",
        Right::Vote => "человек из списка со своим токеном",
        Right::Retry => "участник или администратор",
        Right::Cancel => "администратор или инициатор релиза",
        Right::Command | Right::Administer => "администратор",
    }
}
