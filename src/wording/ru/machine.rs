//! Что не так или сомнительно на машине, где работает RMM.

use super::super::times;
use super::ssh::private_key;
use crate::domain::fault::machine::{FolderFault, FolderRemedy, MachineFault, StepsAs};

/// Предложение без точки.
pub(in crate::wording) fn machine(fault: &MachineFault) -> String {
    use MachineFault as F;
    match fault {
        F::StepsRuleRmm { steps, as_root, undecided } => steps_rule_rmm(steps, *as_root, *undecided),
        F::Exposed { path, user } => {
            let path = path.display();
            format!(
                "{path} может изменить {user}, пользователь из [local], а с этим и то, что RMM выполняет от чьего имени; от имени \
                 root: `chown root {path} && chmod go-w {path}`"
            )
        }
        F::NoUser { user } => format!(
            "[local] user: на этой машине нет пользователя {user}; его создаёт `useradd --create-home {user}` (от имени root)"
        ),
        F::OnlyRoot { user } => format!(
            "[local] user: выполнять шаги от имени {user} может только root. Если на этой машине не работает ни один сервис, \
             уберите [local]; иначе запустите RMM от имени root (systemd/local-steps.conf, его записывает `rmm assets DIR`) или \
             подключите эту машину к RMM по SSH (address = \"127.0.0.1\", user = \"{user}\")"
        ),
        F::NoHome { user, home, there } => {
            let home = home.display();
            let make = if *there {
                "укажите другой в `home`".to_owned()
            } else {
                format!("создайте его (`install -d -m 700 -o {user} {home}`) или укажите другой в `home`")
            };
            format!("[local] user: пользователю {user} нужен свой домашний каталог, а {home} — не его; {make}")
        }

        F::Unreadable { path, user } => {
            let path = path.display();
            format!(
                "{path} не может прочитать {user}, владелец каталога данных, от имени которого работает RMM: `chown {user} {path}`, \
                 и папка должна быть доступна {user}"
            )
        }
        F::OpenToOthers { folder, mode } => {
            let folder = folder.display();
            format!(
                "в каталог данных {folder} (права {mode:o}) могут класть файлы другие пользователи и так захватить RMM: chmod 700 \
                 {folder}"
            )
        }
        F::NoSocket { path, said } => {
            format!("server.data_dir: не удалось создать сокет {}: {said}", path.display())
        }
        F::DataDir { fault } => format!("server.data_dir: {}", folder(fault)),
        F::BackupFolder { fault } => format!("backup.folder: {}", folder(fault)),
        F::NoBackupFolder { folder } => {
            format!("backup.folder: папки {} нет, поэтому резервную копию не сделать", folder.display())
        }
        F::SurfaceFolder { service, environment, surface, fault } => {
            format!("{service} ({environment}, {surface}): {}", folder(fault))
        }
        F::PrivateKey { host, key, fault } => format!("хост {host}: закрытый ключ из {key} {}", private_key(*fault)),
        F::FewOpenFiles { files, connections, enough } => format!(
            "RMM разрешено держать открытыми только {files} файлов, а значит, и {connections} соединений одновременно; разрешите \
             {enough} или больше (LimitNOFILE= в юните systemd или `ulimit -Hn`)"
        ),

        F::NoProgram { program } => {
            format!("{program} здесь не установлен (нет в PATH), а он нужен сервисам этой машины")
        }
        F::NoProgramFor { key, program } => format!("{key}: {program} здесь не установлен (нет в PATH)"),
        F::NotResolved { host, name } => format!(
            "хост {host}: у имени {name} здесь нет адреса. RMM не читает ~/.ssh/config: если это псевдоним оттуда, запишите его \
             HostName в `address`, а ProxyJump — в `jump`"
        ),

        F::Renamed { was, now } => format!(
            "сервис {was} теперь называется {now}: его релизы, окружения и то, что в них работает, перейдут к новому имени, когда RMM \
             прочитает этот файл"
        ),
        F::StayTwo { was, now } => format!(
            "и у {was}, и у {now} что-то работает или есть незавершённый релиз, поэтому история {was} не переходит к {now}, и это два \
             разных сервиса; уберите `was = \"{was}\"`"
        ),
        F::NothingToCarryOver { was, now } => format!(
            "`was = \"{was}\"` сервиса {now} ничего не переносит: у {was} здесь не было релизов, а у {now} есть своя история; исправьте \
             имя или уберите строку"
        ),
        F::MayBeRenamed { was, now } => crate::wording::Language::Ru.may_be_renamed(now, was),
        F::KeptForRun { service, release, run } => format!(
            "сервис {service} остаётся таким, как был определён раньше: прогон {run} релиза #{release} ещё не закончился и закончится по \
             тому определению; после этого новое примет `rmm reload`"
        ),
        F::Retired { service } => format!(
            "у сервиса {service} есть релизы, а в этом файле его нет, поэтому он выведен из работы: начатое закончится, история \
             останется, нового не будет. Если он переименован, `was = \"{service}\"` под новым именем перенесёт его историю"
        ),

        F::TokenRefused { since } => format!(
            "Telegram не принимает токен из [telegram] с {}: бот молчит, а то, что он должен сказать, хранится, пока токен не заменят \
             и RMM не запустят снова",
            times::time(*since)
        ),
        F::AccountRefuses { account, person, since, said } => {
            let who = person.clone().unwrap_or_else(|| format!("учётная запись {account}"));
            format!(
                "{who} не получает сообщений бота с {}: {said}. Предназначенное хранится, и RMM пробует отправить его снова; бот \
                 сможет писать после /start",
                times::time(*since)
            )
        }
        F::ChatRefuses { chat, topic, since, said, told } => {
            let topic = topic.map(|topic| format!(", тема {topic},")).unwrap_or_default();
            let meanwhile = if *told {
                "администраторы пока получают их лично"
            } else {
                "лично пока нельзя сообщить ни одному администратору"
            };
            format!(
                "чат {chat}{topic} не принимает сообщений бота с {}: {said}. Они хранятся, и RMM пробует отправить их снова; \
                 {meanwhile}",
                times::time(*since)
            )
        }
    }
}

fn steps_rule_rmm(steps: &StepsAs, as_root: bool, undecided: bool) -> String {
    let who = match steps {
        StepsAs::RootAsRmm => "root, как и сам RMM".to_owned(),
        StepsAs::Root => "root".to_owned(),
        StepsAs::Rmm => "пользователя, под которым работает сам RMM".to_owned(),
        StepsAs::Named(user) => format!("{user}, пользователя, под которым работает сам RMM"),
    };
    let how = if as_root {
        "`useradd --create-home rmm-steps`, затем `[local]` с `user = \"rmm-steps\"` в rmm.toml (и дайте ему то, что нужно: \
         папки его сервисов через `chown -R rmm-steps`, группу docker)"
    } else {
        "для этого RMM должен работать от имени root, с `[local]` и `user = \"…\"` в rmm.toml; или пусть он обращается к этой \
         машине по SSH (driver = \"ssh\", address = \"127.0.0.1\") от имени другого пользователя"
    };
    let otherwise = if undecided {
        "; если шагам можно быть root, например в отдельном контейнере, так и укажите: `[local]` с `user = \"root\"`"
    } else {
        ""
    };
    format!(
        "команды на этой машине (driver = \"local\") выполняются от имени {who}: тот, чей код попадёт в релиз, сможет прочитать и \
         изменить базу данных, ключи и секреты RMM, подтверждать релизы и деплоить что угодно. Пусть они выполняются от имени \
         отдельного пользователя: {how}{otherwise}"
    )
}

fn folder(fault: &FolderFault) -> String {
    use FolderFault as F;
    match fault {
        F::Missing { folder } => format!("каталога {} нет", folder.display()),
        F::NotAFolder { path } => format!("{} — не папка", path.display()),
        F::NotWritten { folder, said } => {
            format!("этот пользователь не может писать в {} ({said})", folder.display())
        }
        F::NotMade { folder, there, said } => {
            format!("папки {} нет, и создать её в {} нельзя ({said})", folder.display(), there.display())
        }
        F::NotForSteps { user, folder, remedy } => {
            let folder = folder.display();
            let remedy = match remedy {
                FolderRemedy::Another => "дайте компоненту отдельную папку".to_owned(),
                FolderRemedy::GiveAway => format!("от имени root: chown -R {user} {folder}"),
                FolderRemedy::Make => format!("от имени root: install -d -o {user} {folder}"),
            };
            format!("{user}, пользователь из [local], не может работать в {folder}; {remedy}")
        }
        F::OfOther { folder } => {
            format!("{} принадлежит другому пользователю, и git отказывается там работать", folder.display())
        }
    }
}
