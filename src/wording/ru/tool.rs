//! Почему функция самого RMM закончила шаг на хосте (`clients/tools`).

use crate::domain::fault::tool::{DiskOf, Holder, Left, OwnerCommands, Room, Taken, TakenBeside, ToolFault, Unwell};

const HEALTH_OF_ITS_OWN: &str = "Если так и должно быть, задайте компоненту свою проверку `health`";

/// Часть предложения: со строчной буквы и без точки.
pub(in crate::wording) fn tool(fault: &ToolFault) -> String {
    use ToolFault as F;
    match fault {
        F::CertificatesNotWritten { file } => {
            format!("сертификаты из repository_ca не удалось записать в {file}; проверьте диск и TMPDIR")
        }
        F::GitMissing => "на этом хосте нет git; установите его или добавьте в PATH шага".to_owned(),
        F::NoAddress { repository } => {
            format!("{repository} — не адрес репозитория; исправьте `repository` сервиса")
        }
        F::DeadLink { folder } => format!(
            "{folder} — символическая ссылка, которая не ведёт ни в какую папку; создайте папку, на которую она указывает, или \
             измените `directory`"
        ),
        F::NotAFolder { folder } => format!(
            "{folder} — не папка, поэтому код туда выложить нельзя; уберите то, что там лежит, или измените `directory`"
        ),
        F::FolderNotMade { folder, said, user } => {
            format!("папку {folder} не удалось создать ({}); создайте её и отдайте {}", words(said), to_user(user))
        }
        F::FolderNotWritten { folder, user } => {
            format!("{} не может писать в папку {folder}; отдайте её ему", by_user(user))
        }
        F::FolderNotEntered { folder } => format!("в папку {folder} нельзя войти, поэтому команда не выполнялась"),
        F::OtherOwner { folder, user, commands } => {
            let remedy = commands.as_ref().map_or_else(
                || "измените `directory`".to_owned(),
                |OwnerCommands { give, trust }| format!("от имени root: `{give}` или `{trust}`"),
            );
            let user = user.as_ref().map(|user| format!(" ({user})")).unwrap_or_default();
            format!(
                "{folder} принадлежит не тому пользователю, который выполняет шаги{user}, и git отказывается там работать; {remedy}"
            )
        }
        F::FolderNotMarked { folder, service, environment, file } => format!(
            "папку {folder} не удалось пометить как папку {service} ({environment}): {file} нельзя записать; проверьте, не \
             заполнен ли диск"
        ),
        F::FolderHeld { folder, holder, by } => format!(
            "папку {folder} занимает {}, поэтому {} не должен ею пользоваться; дайте каждому свой `directory`; если {service} \
             переименован, `was = \"{service}\"` перенесёт его историю; если папка переходит другому, удалите \
             {folder}/.git/rmm-place",
            title(holder),
            title(by),
            service = holder.service
        ),
        F::NotMadeRepository { folder, said } => {
            format!("из {folder} не удалось сделать репозиторий git: {}", words(said))
        }
        F::GitAtWork { folder, process } => {
            format!("в {folder} работает git (процесс {process}) и не заканчивает; завершите его и повторите")
        }
        F::LockStays { lock } => {
            format!(
                "блокировку {lock}, оставшуюся от git, которого уже нет, не удалось удалить; удалите её и повторите"
            )
        }
        F::NoRepository { folder } => {
            format!("{folder} — не клон репозитория, а у сервиса нет `repository`; укажите его")
        }
        F::AddressNotNoted { folder, said } => {
            format!("адрес репозитория не удалось записать в {folder}/.git: {}", words(said))
        }
        F::TagNotSet { tag, folder, said } => {
            format!("тег {tag} не удалось поставить в {folder}/.git: {}", words(said))
        }
        F::RepositoryNotRead { repository, said } => {
            format!("репозиторий {repository} не удалось прочитать: {}", words(said))
        }
        F::RepositoryNotTrusted { repository, said, user, command } => {
            let user = user.as_ref().map(|user| format!(" ({user})")).unwrap_or_default();
            format!(
                "репозиторий {repository} не удалось прочитать: {}. Он принадлежит не тому пользователю, который выполняет \
                 шаги{user}; пусть git этого пользователя ему доверяет: `{command}`",
                words(said)
            )
        }
        F::CommitNotToBeHad { commit, repository, said } => {
            format!("коммит {commit} не удалось получить из {repository}: {}", words(said))
        }
        F::CommitNotFetched { commit, folder, repository, said } => {
            format!("коммита {commit} нет в {folder}, и получить его из {repository} не удалось: {}", words(said))
        }
        F::CloneNotMended { folder, repository, said } => format!(
            "клон {folder}/.git повреждён, а {repository}, из которого его можно починить, не читается: {}; сделайте так, чтобы \
             он читался, или уберите {folder} и повторите",
            words(said)
        ),
        F::CloneLost { folder, repository, commit } => clone_lost(folder, repository, commit),
        F::CloneNotFetched { folder, repository, commit, said } => {
            clone_lost(folder, repository, &format!("{commit}: {}", words(said)))
        }

        F::NoRoom { disk, left } => {
            let disk = match disk {
                DiskOf::Folder(folder) => format!("где лежит {folder}"),
                DiskOf::Images(folder) => format!("где лежат образы Docker ({folder})"),
            };
            let left = match left {
                Room::Space { free, wanted } => {
                    format!("свободно {}, а деплою нужно {}", amount(free), amount(wanted))
                }
                Room::Files { left } => format!("хватит места только на {} (inode), а деплою нужно 1000", files(left)),
            };
            format!(
                "на диске, {disk}, {left}, поэтому ничего не тронуто; освободите там место или уменьшите `min_free` компонента"
            )
        }
        F::CloneNotWritten { folder, user } => {
            format!("в {folder}/.git нельзя писать; отдайте папку {}, проверьте её диск и повторите", to_user(user))
        }
        F::CloneOnFullDisk { folder, left } => format!("в {folder}/.git нельзя писать{}", full(Some(left))),
        F::OutputMissing => "диск хоста был заполнен; дальше вывода нет".to_owned(),

        F::FilesInTheWay { folder, files } => format!(
            "в папке {folder} есть файлы, которых git не знает и которые релиз перезаписал бы{}; переместите или удалите их и \
             повторите",
            named(files)
        ),
        F::WorkRefused { folder, files } => format!(
            "в {folder} что-то меняли вручную, а `dirty` — \"refuse\"{}; внесите изменения в репозиторий или уберите их и \
             повторите",
            named(files)
        ),
        F::WorkNotKept { folder, said } => {
            format!("сделанное вручную в {folder} не удалось отложить: {}; уберите его оттуда и повторите", words(said))
        }
        F::FileNotMoved { file, to, left } => format!("{file} не удалось переместить в {to}{}", full(left.as_ref())),

        F::NotCheckedOut { commit, folder, said, left } => {
            format!("{commit} не удалось выложить в {folder}: {}{}", words(said), full(left.as_ref()))
        }
        F::OtherCommit { folder, found, commit } => format!(
            "в {folder} после переключения кода оказался {found}, а не {commit}; выясните, что ещё работает в этой папке"
        ),
        F::FilesDiffer { folder, commit, files } => format!(
            "после переключения кода эти файлы в {folder} не такие, как в {commit}: {files}; выясните, что их пишет, и не \
             держите такие файлы в репозитории"
        ),
        F::SubmodulesUnnamed { commit, names } => format!(
            "{}: в .gitmodules не сказано, откуда они; укажите это там (`git submodule add`) или уберите их из репозитория (`git \
             rm --cached`)",
            submodules(commit, names)
        ),
        F::SubmodulesLackCommit { commit, names, said } => format!(
            "{}: {}; в их репозиториях нет этого коммита: отправьте его туда",
            submodules(commit, names),
            words(said)
        ),
        F::SubmodulesNotRead { commit, names, said } => {
            format!("{}: {}; дайте пользователю хоста читать их репозитории", submodules(commit, names), words(said))
        }
        F::LfsMissing { commit, names, folder } => large_files(commit, names, "на этом хосте нет git-lfs", folder),
        F::LargeFilesNotRead { commit, names, said, folder } => large_files(commit, names, words(said), folder),

        F::ComposeMissing => {
            "у Docker там нет плагина `compose`; установите его: sudo apt-get install docker-compose-plugin".to_owned()
        }
        F::VolumesLeft { project, folder, wanted } => format!(
            "на этом хосте остались тома проекта compose {project}, который сам compose выбрал бы в {folder}, и ни один \
             контейнер не говорит, чьи они; укажите это в rmm.toml: с `project = \"{project}\"` они будут использоваться и \
             дальше, с `project = \"{wanted}\"` появятся новые тома"
        ),
        F::ProjectTaken { project, folder } => format!(
            "проект compose {project} принадлежит контейнерам из {folder}, и этот деплой заменил бы их, поэтому ни один не \
             тронут; дайте компоненту своё имя проекта (`project = \"…\"` в rmm.toml) или удалите их (docker compose -p \
             {project} down)"
        ),
        F::ComposedNameTaken { container, project, folder } => format!(
            "контейнер {container} из файлов compose уже есть, это контейнер проекта {project} в {folder}, поэтому ни один не \
             тронут; дайте ему своё имя (`container_name` с ${{RMM_ENVIRONMENT}} или без `container_name`: compose составит \
             имя из имени проекта) или удалите его (docker rm -f {container})"
        ),
        F::ComposedReplaced { container, folder } => format!(
            "эти команды заменили контейнер {container}, который принадлежал {folder}; дайте каждому свой контейнер \
             (`container_name` или `--name` с $RMM_ENVIRONMENT в имени) и задеплойте то, что в {folder}, ещё раз"
        ),
        F::ProjectEntered { project, folder } => format!(
            "эти команды запустили контейнеры в проекте compose {project}, который принадлежит {folder}; дайте компоненту свой \
             проект (`project = \"…\"` в rmm.toml или `-p` в его командах) и задеплойте то, что в {folder}, ещё раз"
        ),
        F::NameTaken { container, holder } => format!(
            "контейнер {container}, который называют эти команды, принадлежит {}, поэтому ни один не тронут; {} или удалите его \
             (docker rm -f {container})",
            title(holder),
            apart(holder)
        ),
        F::ContainersTaken { container, how, holder, beside, composed } => {
            let what = match how {
                Taken::Replaced => format!("эти команды заменили контейнер {container}, который принадлежал"),
                Taken::Removed => {
                    format!("пока выполнялись эти команды, удалён контейнер {container}, который принадлежал")
                }
                Taken::Stopped => {
                    format!("пока выполнялись эти команды, остановлен контейнер {container}, который принадлежит")
                }
            };
            let others: Vec<_> = beside.iter().map(taken_beside).collect();
            let others = if others.is_empty() { String::new() } else { format!(" (а ещё {})", others.join("; ")) };
            let remedy = if *composed {
                "пусть эти команды останавливают и удаляют только свои контейнеры".to_owned()
            } else {
                apart(holder)
            };
            let Holder { service, environment, .. } = holder;
            format!("{what} {}{others}; {remedy}, и задеплойте {service} ({environment}) ещё раз", title(holder))
        }

        F::NotWell { containers } => {
            format!("не в порядке: {}", containers.iter().map(unwell).collect::<Vec<_>>().join("; "))
        }
        F::DockerSilent { said } => format!(
            "Docker не отвечает, поэтому неизвестно, в порядке ли контейнеры: {}",
            said.as_deref().unwrap_or("его нет на хосте")
        ),
        F::StillStarting { containers } => format!("не в порядке: всё ещё запускаются {containers}"),
        F::NothingRuns { project } => {
            format!("не в порядке: ни один контейнер проекта compose {project} не работает. {HEALTH_OF_ITS_OWN}")
        }
        F::NoContainers { project } => {
            format!("не в порядке: у проекта compose {project} нет контейнеров. {HEALTH_OF_ITS_OWN}")
        }
    }
}

fn taken_beside(other: &TakenBeside) -> String {
    match other {
        TakenBeside::Container { container, how, holder } => {
            let how = match how {
                Taken::Replaced => "заменён",
                Taken::Removed => "удалён",
                Taken::Stopped => "остановлен",
            };
            format!("{how} {container}, {}", title(holder))
        }
        TakenBeside::Told(text) => text.clone(),
    }
}

fn unwell(container: &Unwell) -> String {
    match container {
        Unwell::Unhealthy { name } => format!("{name} работает, но его HEALTHCHECK не проходит"),
        Unwell::EndedWithPorts { name } => {
            format!("{name} завершился с кодом 0, хотя публикует порты и должен работать")
        }
        Unwell::Ended { name, status } => format!("{name} завершился с кодом {status}"),
        Unwell::EndsAgain { name, status } => {
            format!("{name} завершается снова и снова, последний раз с кодом {status}")
        }
        Unwell::NeverStarted { name } => format!("{name} создан и ни разу не запущен"),
        Unwell::Is { name, state } => format!("{name} в состоянии {state}"),
        Unwell::StartedAgain { names } => format!("{names}: завершение и новый запуск за считаные секунды"),
        Unwell::Told(text) => text.clone(),
    }
}

fn words(said: &Option<String>) -> &str {
    said.as_deref().unwrap_or("git завершился, ничего не сказав")
}

fn by_user(user: &Option<String>) -> String {
    user.as_ref().map_or_else(|| "пользователь шага".to_owned(), |user| format!("пользователь {user}"))
}

fn to_user(user: &Option<String>) -> String {
    user.as_ref().map_or_else(|| "пользователю шага".to_owned(), |user| format!("пользователю {user}"))
}

fn named(files: &Option<String>) -> String {
    files.as_ref().map(|files| format!(" ({files})")).unwrap_or_default()
}

fn title(Holder { service, environment, folder }: &Holder) -> String {
    let folder = folder.as_ref().map(|folder| format!(", {folder}")).unwrap_or_default();
    format!("{service} ({environment}{folder})")
}

/// Как развести контейнеры.
fn apart(holder: &Holder) -> String {
    format!("дайте контейнеру своё имя в каждом окружении (`--name {}-$RMM_ENVIRONMENT`)", holder.service)
}

fn clone_lost(folder: &str, repository: &str, commit: &str) -> String {
    format!(
        "клон {folder}/.git повреждён, а то, что там было выложено, не удалось получить из {repository} ({commit}); сделайте \
         так, чтобы это удалось, или уберите {folder} и повторите"
    )
}

fn submodules(commit: &str, names: &str) -> String {
    format!("подмодули {commit} не удалось получить ({names})")
}

fn large_files(commit: &str, names: &str, said: &str, folder: &str) -> String {
    format!(
        "вместо больших файлов {commit} есть только указатели Git LFS ({names}): {said}; установите там git-lfs и дайте его \
         пользователю их читать, или не берите их вовсе (git -C {folder} config lfs.fetchexclude '*')"
    )
}

/// Чего не хватает на диске, в конце предложения.
fn full(left: Option<&Left>) -> String {
    match left {
        Some(Left::Space(left)) => {
            format!(": на диске осталось {}; освободите там место и повторите", amount(left))
        }
        Some(Left::Files(left)) => {
            format!(": на диске хватит места только на {} (inode); удалите там что-нибудь и повторите", files(left))
        }
        None => String::new(),
    }
}

/// Килобайты и мегабайты, как их называет хост.
fn amount(printed: &str) -> String {
    printed.replace(" MiB", " МиБ").replace(" KiB", " КиБ")
}

/// Число файлов, которое называет хост: `на 1 файл`, `на 21 файл`.
fn files(printed: &str) -> String {
    let number = printed.parse().unwrap_or_default();
    format!("{printed} {}", super::plural(number, "файл", "файла", "файлов"))
}
