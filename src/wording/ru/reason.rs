//! Почему всё стоит так, как стоит.

use crate::domain::env::Env;
use crate::domain::fault::known::KnownFailure;
use crate::domain::fault::repository::{GitAdvice, RepositoryFault};
use crate::domain::fault::tool::ToolFault;
use crate::domain::ids::HostName;
use crate::domain::reason::{Found, Hint, LastRun, Reason, RestoredBy, Wait};
use crate::domain::run::StopKind;

use super::super::times;
use super::record::{lost_events, record_alarm};
use super::refusal::refusal;
use super::rule::rule;
use super::store::store;
use super::{behind, fault, github, inside, on, on_host, plural, ssh, step, tool};

/// Почему всё стоит так, как стоит.
pub(in crate::wording) fn reason(reason: &Reason) -> String {
    use Reason as R;
    let of = |cause: &Reason| self::reason(cause);
    let within = |cause: &Reason| inside(&self::reason(cause)).to_owned();
    match reason {
        R::Legacy { text } | R::Told { text } => text.clone(),
        R::Store { fault } => store(fault),
        R::All { reasons } => reasons.iter().map(of).collect::<Vec<_>>().join("; "),

        R::Cancelled { by, why } => format!("отмена: {by} — {why}"),
        R::Aborted { by, why } => format!("прервано: {by} — {why}"),
        R::Rejected { by, why } => format!("отклонено: {by} — {why}"),
        R::RollbackAsked { to, by, why } => format!("откат на {to}: {by} — {why}"),
        R::RollbackOf { release, title, to, why } => format!("откат релиза #{release} {title} на {to}: {why}"),
        R::JudgedFailed { by, why } => format!("не удалось; {}", says_so(by, why)),
        R::RunAgain { run, by, why } => format!("выполняется заново, прогон {run}; {}", says_so(by, why)),
        R::Settled { by, environment, version: Some(version) } => {
            format!("по словам {by}, {} — {version}", on(*environment))
        }
        R::Settled { by, environment, version: None } => {
            format!("по словам {by}, {} ничего не работает", on(*environment))
        }
        R::GivenUp { by, why } => format!("больше не ждём: {by} — {why}"),

        R::StageOvertaken { by, title } => {
            format!("CI релиза #{by} {title} занял stage, хотя тот был занят: неизвестно, что там проверяли")
        }
        R::CiBeganAgain { ci_run, was } => {
            let votes = if was.is_at_gates() {
                "; подтверждения больше не действуют"
            } else {
                ""
            };
            format!("запуск CI {ci_run} начат заново, поэтому прежние его отчёты ({was}) больше не действуют{votes}")
        }
        R::Superseded { by, title } => format!("его заменил более новый релиз #{by} {title}"),
        R::TagMoved { tag, to } => format!("тег {tag} указывает теперь на {}", to.short()),
        R::TagGone { tag } => format!("тега {tag} больше нет в репозитории"),
        R::ContentChanged => {
            "отрепетировано и подтверждено не то, что теперь попадёт в продакшн: изменились артефакты или команды; \
                              откат нужно отрепетировать заново, подтверждения больше не действуют"
                .to_owned()
        }
        R::CommitKnownLate { commit } => {
            format!("его коммит {} стал известен только после подтверждений; они больше не действуют", commit.short())
        }
        R::ProductionChanged { now: Some(version) } => {
            format!("в продакшне теперь {version}; откат нужно отрепетировать заново")
        }
        R::ProductionChanged { now: None } => "откат нужно отрепетировать заново".to_owned(),
        R::StageDirty { run, cause } => {
            format!(
                "stage нужно починить ({}); после починки администратор отмечает это: resolve прогона {run}",
                within(cause)
            )
        }
        R::StageUnknown { service, cause } => format!(
            "неизвестно, что работает на stage ({}); администратор проверяет и указывает: `rmm service settle {service} \
             --environment stage`",
            within(cause)
        ),
        R::FirstRelease => "первый релиз: откатываться пока некуда".to_owned(),
        R::NothingToGoBackTo { cause } => format!("{}; это первый релиз, откатываться некуда", within(cause)),
        R::NotTakenBack { cause } => {
            format!("{}; неизвестно, что работает в продакшне, поэтому отката не было", within(cause))
        }
        R::Untouched { cause } => format!("{}; до продакшна дело не дошло", within(cause)),
        R::RollbackInDoubt { why, cause } => {
            format!("{}; чем закончился откат, неизвестно: {}", within(why), of(cause))
        }
        R::RepairedSince { cause, version: Some(version) } => {
            format!("{}; с тех пор починено: в продакшне {version}", within(cause))
        }
        R::RepairedSince { cause, version: None } => {
            format!("{}; с тех пор починено: в продакшне ничего нет", within(cause))
        }
        R::OtherRolledBack { release } => format!("в продакшне идёт откат релиза #{release}"),
        R::ProductionLocked => "продакшн заблокирован".to_owned(),
        R::GatesClosed => "одно из условий больше не выполнено".to_owned(),
        R::Ended => "прогон остановлен".to_owned(),

        R::CiFailed => "об этом сообщил CI".to_owned(),
        R::CiUnwell => "CI сообщил, что продакшн неисправен".to_owned(),
        R::CiRollbackFailed => "CI сообщил, что откат не удался".to_owned(),
        R::Stopping { why, cause } => {
            let how = match why {
                StopKind::Cancel => "идёт отмена",
                StopKind::Abort => "идёт прерывание",
            };
            format!("{how}{}", behind(cause.as_deref().map(of).as_deref()))
        }
        R::WorkflowSought { workflow, cause } => {
            let why = cause.as_deref().map(|cause| format!(" ({})", within(cause))).unwrap_or_default();
            format!("RMM ждёт ответа GitHub, создан ли запуск {workflow}{why}")
        }
        R::WorkflowCancelling { workflow, cause } => {
            let why = cause.as_deref().map(|cause| format!(" ({})", within(cause))).unwrap_or_default();
            format!("RMM ждёт, пока GitHub остановит запуск {workflow}{why}")
        }
        R::NotDispatched { cause } => format!("workflow не запущен: {}", of(cause)),
        R::WorkflowNotSeen { workflow } => format!(
            "GitHub принял команду запустить {workflow}, но самого запуска не видно; есть ли в `run-name` значение `inputs.run_id`?"
        ),
        R::WorkflowQueued { workflow } => format!("{workflow} ждёт на GitHub раннера или конца другого запуска"),
        R::WorkflowNeverBegan { workflow, conclusion } => {
            format!("{workflow} завершился ({conclusion}) до начала первого job, поэтому ничего не изменено")
        }
        R::WorkflowFailed { workflow, conclusion } => format!("{workflow} завершился: {conclusion}"),
        R::WorkflowUnwell { workflow, surface, cause } => {
            format!("{workflow} завершился успешно, но проверка здоровья {surface} не прошла: {}", of(cause))
        }
        R::WorkflowGone { workflow, ci_run } => format!("на GitHub больше нет запуска {ci_run} ({workflow})"),
        R::RollbackAwaited { workflow } => format!(
            "рядом с {workflow} не указан `rollback_workflow`, поэтому RMM ничего не запускает: выполните откат сами и сообщите об \
             итоге из CI или через `rmm release report`: `rollback_done` или `rollback_failed`"
        ),
        R::NoGithub { service } => format!(
            "в rmm.toml не указано, как обращаться к GitHub для {service}: нужны `token` в [github] и `repository` у сервиса"
        ),
        R::CiSilent { environment, since } => {
            format!("CI ничего не сообщает об окружении {} с {}", environment, times::time(*since))
        }

        R::TagItselfGiven { commit } => format!(
            "вместо коммита указан идентификатор самого тега; тег указывает на {}, этот коммит и будет задеплоен",
            commit.short()
        ),
        R::CommitUnresolved { cause, again: None } => of(cause),
        R::CommitUnresolved { cause, again: Some(at) } => {
            format!("{}; RMM спросит снова {}", within(cause), times::time(*at))
        }
        R::CommitNotKnown { title } => format!("пока неизвестно, какой коммит у {title}"),
        R::VersionNotKnown { version } => format!("о {version} больше ничего не известно"),
        R::NoDirectory { surface } => format!("у компонента {surface} не указана папка для кода"),
        R::CommandNotMade { surface, error } => format!("команду для {surface} нельзя составить: {error}"),
        R::ValueNotTaken(invalid) => format!("{}: {}", invalid.field, rule(&invalid.rule)),
        R::PlanTooLong => "план слишком длинный".to_owned(),

        R::Step { kind, surface, environment, host, cause } => {
            let place = host.as_ref().map(|host| format!(", {host}")).unwrap_or_default();
            format!("шаг «{}» ({surface}, {}{place}): {}", step(*kind), environment, of(cause))
        }
        R::Exit { status, said, known, tool } => {
            format!("{}{}{}", exit(*status), told(said.as_deref(), tool.as_deref()), probably(*known))
        }
        R::NothingChanged { cause } => of(cause),
        R::Unhealthy { cause, known } => format!("проверка не прошла: {}{}", of(cause), probably(*known)),
        R::Health { fault } => fault::health(fault),
        R::Attempts { attempts, last } => {
            let times = plural(u64::from(*attempts), "попытка", "попытки", "попыток");
            format!("{attempts} {times}, последняя: {}", of(last))
        }
        R::NeverAsked => "проверить не удалось ни разу".to_owned(),
        R::CheckFailed { status, said, tool } => {
            format!("команда проверки вернула код {status}{}", told(said.as_deref(), tool.as_deref()))
        }
        R::CheckTimedOut { limit } => format!("команда проверки не уложилась в {}", times::russian(*limit)),
        R::TimedOut => "не уложился в отведённое время и остановлен".to_owned(),
        R::NotStarted { cause } => format!("не удалось запустить: {}", of(cause)),
        R::CannotBeJudged { cause } => format!("неизвестно, чем закончился: {}", of(cause)),
        R::WasEnded => "остановлен".to_owned(),
        R::FoundTagMoved => "тег указывает уже на другой коммит".to_owned(),
        R::FoundOtherCommit => "тег указывает не на тот коммит, который был назван".to_owned(),
        R::FoundNoTag => "такого тега в репозитории нет".to_owned(),
        R::FoundTagGone => "тега больше нет в репозитории".to_owned(),
        R::EarlierStepFailed => "на этом хосте не удался предыдущий шаг".to_owned(),
        R::PlannedAnew => "план составлен заново, без хоста, который не отвечает".to_owned(),
        R::EndUnseen => "чем он закончился, никто не видел".to_owned(),

        R::At { host, cause } => format!("{host}: {}", of(cause)),
        R::WentOnWithout { hosts } => {
            let each = hosts.iter().map(|(host, cause)| format!("{host} ({})", within(cause)));
            format!("дальше без {}", each.collect::<Vec<_>>().join(" и "))
        }
        R::MigrationAtWork { cause } => format!("{}; возможно, там ещё идёт начатая миграция", within(cause)),
        R::NotCaughtUp { run, to, cause } => format!("прогон {run} не смог привести его к {to}: {}", of(cause)),
        R::WaitsFor { hosts } => {
            let each = hosts.iter().map(|(host, wait)| waits_for(host, wait));
            format!("ждёт {}", each.collect::<Vec<_>>().join("; и ещё "))
        }
        R::Unreachable { host, limit, cause } => {
            format!("с {host} не удалось связаться за {} прогона: {}", times::russian(*limit), of(cause))
        }
        R::NoAnswer => "не отвечает".to_owned(),
        R::NotConnected { fault } => fault::dial(fault),
        R::HostNotConnected { fault } => fault::host(fault),
        R::Ssh { fault } => ssh::ssh(fault),
        R::StepOnHost { fault } => on_host::on_host(fault),
        R::OutputNotKept { said } => format!("вывод шага не удалось сохранить: {said}"),
        R::Refused { cause } => refusal(cause),
        R::AnswerLate { limit } => format!("хост не отвечает дольше {}", times::russian(*limit)),
        R::KeyUnknown { key } => format!("ключ хоста {key} ещё не подтверждён"),
        R::KeyChanged { trusted, offered } => {
            let trusted: Vec<_> = trusted.iter().map(ToString::to_string).collect();
            format!("КЛЮЧ ХОСТА ИЗМЕНИЛСЯ: подтверждён {}, а хост показывает {offered}", trusted.join(" или "))
        }
        R::OnTheWay { host, cause } => format!("на промежуточном хосте {host}: {}", of(cause)),
        R::ConnectionLost { said } => format!("связь с хостом потеряна: {said}"),
        R::ScriptNotStarted { said } => format!("не удалось запустить скрипт на хосте: {said}"),
        R::ProgramMissing { program } => format!("на машине, где работает RMM, нет программы {program}"),
        R::Repository { fault } => repository(fault),
        R::Github { fault } => github::github(fault),
        R::DirectoryTaken { directory } => {
            format!("каталог прогона {directory} принадлежит другому RMM или другому прогону; RMM его не тронул")
        }
        R::DirectoryOfCopy { directory } => format!(
            "шаги этого прогона в {directory} начала или перехватила другая копия базы данных этого RMM; что они сделали, \
             узнать нельзя"
        ),
        R::LastRunNotKnown { token } => format!("последний прогон там, {token}, этому RMM неизвестен"),
        R::LookOnHost { host, cause } => format!("{}. Посмотрите на хосте {host}, чем всё закончилось", within(cause)),
        R::DirectoryLost { host, directory } => {
            let elsewhere = if host.is_local() {
                " (у каждого пользователя из [local] в rmm.toml папки свои: не сменился ли он, пока шёл прогон?)"
            } else {
                ""
            };
            format!("на {host} пропала папка прогона {directory}{elsewhere}; что сделал начатый шаг, узнать нельзя")
        }
        R::StepLost { cause } => format!("{}; что сделал начатый шаг, узнать нельзя", within(cause)),
        R::MigrationUnseen { run, kind, surface, host, found } => format!(
            "прогон {run} начал шаг «{}» ({surface}) на {host}, и хост перестал отвечать; {}, поэтому база данных может \
             быть не там, где её ждёт записанная версия",
            step(*kind),
            self::found(found)
        ),

        R::LastRunUnknown { host, run, token, service, environment } => {
            let run = run.map_or_else(|| token.clone(), |run| format!("{run} ({token})"));
            let advice = copy_advice(service.as_str(), *environment);
            format!("последний прогон на {host} — {run}, его нет в этой базе данных. {advice}")
        }
        R::EndedBySomebodyElse { host } => {
            format!("команду на {host} завершил не этот RMM: проверьте, не работает ли там другой RMM и что там сейчас")
        }
        R::CopyAtWork { host, service, environment, cause } => {
            format!("{host}: {}. {}", within(cause), copy_advice(service.as_str(), *environment))
        }
        R::CopyTurnedAway { host, service, environment, run } => format!(
            "другой RMM с копией этой базы данных пытался работать с {service} ({}) на {host} (прогон {run}) и получил \
             отказ. Остановите его или дайте ему новую папку данных",
            environment
        ),
        R::OtherInstallation { host, token, service, environment } => format!(
            "последний прогон на {host} — {token}, его сделала другая установка RMM. {}",
            other_advice(service.as_str(), *environment)
        ),
        R::LastRunsUnknown { service, environment } => format!(
            "здесь уже работал другой RMM или этот же, но с другой базой данных. {}",
            other_advice(service.as_str(), *environment)
        ),
        R::LastRuns { cause, found } => {
            let each = found.iter().map(last_run);
            std::iter::once(of(cause)).chain(each).collect::<Vec<_>>().join("; ")
        }
        R::UnderWayWhenCopied => "прогон шёл, когда базу данных скопировали; чем он закончился, неизвестно".to_owned(),
        R::NumbersGoOn { cause, release, run } => {
            format!("{}; следующие релизы — после #{release}, прогоны — после {run}", of(cause))
        }
        R::Restored { how } => match how {
            RestoredBy::Command { lost: None } => "база данных восстановлена из резервной копии".to_owned(),
            RestoredBy::Command { lost: Some(lost) } => {
                format!("база данных восстановлена из резервной копии: {}", lost_events(lost))
            }
            RestoredBy::Backup => "на место базы данных положили резервную копию".to_owned(),
            RestoredBy::Lost => "база данных была потеряна, начата новая".to_owned(),
            RestoredBy::Moved => {
                "базу данных перенесли сюда без файла, который лежит рядом с ней (rmm.db.numbers)".to_owned()
            }
            RestoredBy::Older => "база данных старее той, что была здесь, или это другая".to_owned(),
            RestoredBy::Another { alarm } => record_alarm(alarm),
        },
    }
}

fn says_so(by: &str, why: &str) -> String {
    if why.is_empty() { format!("по словам {by}") } else { format!("по словам {by}: {why}") }
}

/// Вероятная причина и что поможет.
const fn known(failure: KnownFailure) -> &'static str {
    use KnownFailure as F;
    match failure {
        F::PortTaken => "порт занят другой программой, какой — покажет `ss -ltnp` на хосте",
        F::ContainerNameTaken => "имя занято другим контейнером, каким — покажет `docker ps -a`",
        F::DiskFull => "диск заполнен, какой — покажут `df -h` и `df -i`",
        F::FileWatches => "исчерпано число наблюдаемых файлов: увеличьте fs.inotify.max_user_watches",
        F::OpenFiles => "открыто слишком много файлов: увеличьте их предел",
        F::ReadOnlyDisk => "диск доступен только для чтения, почему — покажет `dmesg`",
        F::DockerForbidden => "пользователю шагов нельзя работать с Docker: добавьте его в группу docker",
        F::DockerAway => "Docker там не запущен, почему — покажет `systemctl status docker`",
        F::DockerNetworks => "у Docker кончились адреса для сетей: `docker network prune`",
        F::ComposeFile => "ошибка в файле compose, где — покажет `docker compose config`",
        F::OutOfMemory => "не хватило памяти, какой процесс остановлен — покажет `dmesg`",
        F::MigrationLock => "базу держит чужая блокировка: попробуйте ещё раз, когда она снимется",
        F::MigrationHalfWay => "прежняя миграция прервалась на полпути, её нужно исправить вручную",
        F::DatabaseLogin => "база не принимает имя или пароль",
        F::NoSuchImage => "такого образа в реестре нет, или без входа он не виден",
        F::RegistryLogin => "реестр не принимает вход: выполните `docker login` от имени пользователя шагов",
        F::RegistryLimit => "реестр пока больше не отдаёт: войдите в него или попробуйте позже",
        F::NameNotFound => "у имени там нет адреса: проверьте серверы имён хоста",
        F::Certificate => "сертификату не доверяют, или его срок истёк",
        F::HostKey => "ключ хоста SSH не тот, что известен: проверьте там known_hosts",
        F::RepositoryLogin => "репозиторий не принимает ключ или пароль, с которым к нему там обращаются",
        F::OtherProcessor => "программа собрана для другого процессора",
        F::NoSuchProgram => "программа там не установлена",
        F::Forbidden => "у пользователя шагов нет на это прав",
        F::NothingListens => "по адресу, к которому она обращается, никто не отвечает на соединения",
        F::NoAnswer => "адрес, к которому она обращается, не отвечает",
    }
}

/// Что сказала программа, а если это функция самого RMM — то же по-русски.
fn told(said: Option<&str>, fault: Option<&ToolFault>) -> String {
    behind(fault.map(tool::tool).as_deref().or(said))
}

/// Она же, в скобках после того, что случилось.
fn probably(failure: Option<KnownFailure>) -> String {
    failure.map(|failure| format!(" (вероятно, {})", known(failure))).unwrap_or_default()
}

/// Что значит код (POSIX: 126 и 127 — оболочка, выше 128 — сигнал).
fn exit(status: i32) -> String {
    match status {
        126 => "команду нельзя выполнить (код 126)".into(),
        127 => "команда не найдена (код 127)".into(),
        129..=192 => format!("остановлен сигналом {} (код {status})", status - 128),
        _ => format!("команда вернула код {status}"),
    }
}

fn found(found: &Found) -> String {
    match found {
        Found::NotStarted => "там он не начинался".to_owned(),
        Found::Exited(status) => format!("там он закончился сам (код {status})"),
        Found::Stopped => "он ещё шёл и остановлен".to_owned(),
        Found::Lost(None) => "чем он там закончился, узнать нельзя".to_owned(),
        Found::Lost(Some(why)) => format!("чем он там закончился, узнать нельзя ({})", inside(&reason(why))),
    }
}

fn repository(fault: &RepositoryFault) -> String {
    use RepositoryFault as F;
    match fault {
        F::NoAddress { url } => format!("{url:?} — это не репозиторий"),
        F::NotThere { url } => format!("репозитория {url} нет"),
        F::NoTag { url, tag } => format!("в {url} нет тега {tag}; отправьте его туда и повторите"),
        F::ListsNothing { url } => format!(
            "ответ по адресу {url} не называет ни одного тега и ни одной ветки: репозиторий пуст, или сервер отвечает не так, как git"
        ),
        F::OtherCommit { url, tag, told, commit } => {
            format!("коммит {} — не тот, на который указывает тег {tag}: в {url} это {}", told.short(), commit.short())
        }
        F::NoCommit { url, commit } => {
            format!("в {url} нет коммита {}; отправьте его туда и повторите", commit.short())
        }
        F::TooMuch { url, most } => format!("{url} перечисляет больше тегов, чем читает RMM ({most} байт)"),
        F::Late { url, limit } => format!("{url} не отвечает дольше {}", times::russian(*limit)),
        F::NotRead { url, said, advice: Some(GitAdvice::Ownership), fix: Some(fix) } => format!(
            "не удалось прочитать репозиторий {url}: {said}; у него другой владелец, и git пользователя, от имени которого \
             работает RMM, должен ему доверять: `{fix}`"
        ),
        F::NotRead { url, said, advice, fix: _ } => {
            let advice = advice.map(git_advice).unwrap_or_default();
            format!("не удалось прочитать репозиторий {url}: {said}{advice}")
        }
        F::GitMissing => "на машине, где работает RMM, не установлен git".to_owned(),
        F::GitNotStarted { said } => format!("не удалось запустить git: {said}"),
        F::CertificatesNotWritten { said } => {
            format!("не удалось записать для git сертификаты из repository_ca: {said}")
        }
    }
}

/// Что делать, если git ответил так.
pub(in crate::wording) const fn git_advice(advice: GitAdvice) -> &'static str {
    use GitAdvice as A;
    match advice {
        A::Authority => "; укажите сертификат центра, который подписал сертификат сервера, в `repository_ca` сервиса",
        A::OtherName => "; сертификат сервера выдан на другое имя: укажите это имя в `repository`",
        A::Login => {
            "; нужен вход: настройте этому пользователю credential helper в git или укажите SSH-адрес репозитория"
        }
        A::Ownership => {
            "; у каталога другой владелец, и этот пользователь должен ему доверять: git config --global --add \
             safe.directory с каталогом, который назвал git"
        }
        A::KnownHosts => "; этого сервера нет в ~/.ssh/known_hosts этого пользователя",
        A::Address => "; верен ли адрес в `repository`?",
        A::DeployKey => "; сервер не знает ни одного ключа этого пользователя: добавьте deploy key",
    }
}

fn waits_for(host: &HostName, wait: &Wait) -> String {
    let cause = reason(&wait.cause);
    let cause = inside(&cause);
    match &wait.hint {
        None => format!("{host}: {cause}"),
        Some(Hint::Trust { host: whose }) => format!("{host}: {cause}. Сверьте ключ: `rmm host trust {whose}`"),
        Some(Hint::GiveUp { service, host: whose, environment }) => format!(
            "{host}: {cause}. Если его больше не будет: `rmm service give-up {service} {whose} --environment {environment}`"
        ),
    }
}

fn last_run(last: &LastRun) -> String {
    let still = if last.at_work {
        ", и его команда там ещё идёт; её остановит settle или следующий прогон"
    } else {
        ""
    };
    let whose = last.other.as_deref().map(|token| format!(" другой установки ({token})")).unwrap_or_default();
    format!("последний прогон на {} — {}{whose}, его нет в этой базе данных{still}", last.host, last.run)
}

fn copy_advice(service: &str, environment: Env) -> String {
    format!(
        "С копией этой базы данных работает другой RMM, или она старее того, что видел хост. Если другой RMM есть, \
         остановите его, проверьте, что работает {}, и укажите это: `rmm service settle {service} --environment \
         {environment}`",
        on(environment)
    )
}

fn other_advice(service: &str, environment: Env) -> String {
    format!(
        "Если тот RMM ещё работает, остановите его или уберите {service} из одного из двух. Если его больше нет, \
         проверьте, что работает {}, и укажите это: `rmm service settle {service} --environment {environment}`",
        on(environment)
    )
}
