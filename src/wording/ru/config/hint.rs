//! Что делать с ошибкой в конфигурации.

use crate::domain::fault::config::ConfigHint;
use crate::domain::plan::Misplacement;

/// Что делать: фраза со строчной буквы, без точки.
pub(in crate::wording) fn config_hint(hint: &ConfigHint) -> String {
    use ConfigHint as H;
    match hint {
        H::Write { text } => text.clone(),
        H::Secret { key } => format!(
            "`{key} = \"env:NAME\"` берёт его из окружения RMM, `{key} = \"file:PATH\"` — из файла, который читает только RMM"
        ),
        H::Header { name } => {
            format!("`headers.{name} = \"env:NAME\"` берёт его из окружения RMM, \"file:PATH\" — из файла")
        }
        H::BeginServices => "начинайте каждый сервис с `[[services]]`".into(),
        H::TakeOver => "новый сервис с `was = \"…\"` забирает историю прежнего".into(),
        H::SecretBelow => "положите секрет в файл внутри неё или определите сервис в rmm.toml".into(),
        H::Certificates => {
            "сертификат центра, который подписал сертификат сервера, или сам этот сертификат, в виде `-----BEGIN \
             CERTIFICATE-----` и так далее; их может быть несколько подряд"
                .into()
        }
        H::OnlyServer => "переменные окружения переопределяют только ключи [server]".into(),
        H::NoNamesOfProxies => {
            "имена не ищутся: тот, кто отвечает за имя, мог бы решать, от кого пришёл запрос".into()
        }
        H::NoTimeZones => "базы часовых поясов на ней нет вовсе: установите пакет tzdata или укажите «UTC»".into(),

        H::LoginOfServer => "по этому адресу RMM открывают люди; у них свои учётные записи".into(),
        H::LoginOfGithub => "GitHub нужен только `token`".into(),
        H::LoginOfIssuer => "RMM берёт оттуда только ключи".into(),
        H::LoginOfModel => "нужен базовый адрес модели; её ключ указывают в `key`".into(),
        H::LoginOfBot => "Bot API нужен только токен бота".into(),
        H::LoginOfCollector => {
            "нужен адрес коллектора для OTLP по HTTP, например «http://127.0.0.1:4318»; ключ указывают в `headers`".into()
        }
        H::LoginOfHealth => "`command = \"curl --user …\"` возьмёт секрет из окружения сервиса".into(),
        H::LoginOfRepository => {
            "используйте SSH (`git@host:owner/name.git`) или credential helper в git".into()
        }

        H::OtherName => "назовите одного из них иначе".into(),
        H::OtherHost => "назовите хост иначе".into(),
        H::OtherPerson => "назовите этого человека иначе".into(),
        H::OwnNumber => {
            "выключите анонимность в группе (или пишите от своего имени, а не от имени канала) и ещё раз отправьте боту /id: он \
             ответит номером самого человека"
                .into()
        }
        H::NumberIsBetter => {
            "лучше указать номер человека, в ключе `telegram_id`: его никто не сможет перехватить".into()
        }
        H::LocalDriver => "то, что работает на машине RMM, получает драйвер «local», хосты ему не нужны".into(),
        H::LocalThere => "то, что работает на ней, получает драйвер «local», хосты ему не нужны".into(),
        H::UserIsKey => "от чьего имени входит RMM, указывают в отдельном ключе `user`".into(),
        H::PrivateKey => "закрытый ключ лежит рядом, в файле без `.pub`".into(),
        H::HostKey => {
            "его выводит `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` на хосте; если этот ключ не указать, администратор \
             подтвердит то, что хост покажет при первом входе"
                .into()
        }
        H::Jump => "в `jump` называют другие [[hosts]], у каждого свои адрес, вход и ключ".into(),

        H::OneLogin => "токен (`token`) или приложение (`app_id` и `private_key`): что-то одно".into(),
        H::GithubToken => {
            "он выглядит как github_pat_… или ghp_…; GitHub показывает его один раз, при создании (Settings, Developer \
             settings)"
                .into()
        }
        H::GithubKey => {
            "нужен файл, который GitHub выдал для приложения (-----BEGIN RSA PRIVATE KEY----- и так далее), без изменений".into()
        }
        H::RandomSecret => "хороший секрет делает `openssl rand -hex 32`".into(),
        H::IdTokens => {
            "в id-токене получателем назван RMM, поэтому токен для другой программы здесь ничего не откроет".into()
        }
        H::GithubTable => "раздел `[github]` с ключом `token`".into(),
        H::AddressOnHost => "`repository = \"owner/name\"` или адрес на этом хосте".into(),
        H::AppKeys => "`app_id` и `private_key` в [github]".into(),
        H::OwnEnvironments => "у каждого сервиса одного репозитория должно быть своё окружение".into(),
        H::BotToken => {
            "он выглядит как 123456:AAF7-g0gYncWnm5IyfZlpPRqRRv6kNAGlao; @BotFather показывает его по команде /mybots".into()
        }
        H::Polling => "без `webhook_secret` RMM сам спрашивает Telegram о новом, и доступ к нему не нужен".into(),

        H::DriverSsh => {
            "с `driver = \"ssh\"` команды выполняются на хостах, с «local» — на машине RMM, а CI знает свои хосты сама".into()
        }
        H::RunTimeout => "прогон самого RMM ограничивает `run_timeout`".into(),
        H::DriverCi => "с `driver = \"ci\"` работу делает workflow".into(),
        H::PushedTag => "`on: push: tags:` в том workflow; он сообщает, что делает".into(),
        H::Workflow => "`workflow` — это то, что RMM запускает для деплоя".into(),
        H::ReportTimeout => "сколько CI может молчать, говорит `report_timeout`".into(),
        H::WorkflowFile => "оно выглядит как «on-approve-manual-testing.yaml», без папки".into(),
        H::HostsOfSurface => {
            "укажите у окружения или у части `hosts = [\"имя\"]`, с именами из [[hosts]]".into()
        }
        H::FolderOfFile => "относительные пути начинаются в папке этого файла, а её на хосте нет".into(),
        H::OneProject => "достаточно одного: уберите переменную".into(),
        H::MigrateDown => {
            "каждый релиз репетирует откат на stage, а откат сначала возвращает назад базу данных".into()
        }
        H::MigrateUp => "что откат вернул назад, следующий деплой должен снова провести вперёд".into(),
        H::RepositoryOrNone => {
            "укажите у сервиса `repository` или, если код получают сами команды, `checkout = false`".into()
        }
        H::ViaRmm => "укажите `via = \"rmm\"` или, чтобы спросить с хоста, `command = \"curl …\"`".into(),
        H::Template { place } => template(*place).to_owned(),

        H::OwnFolder => "дайте этой части свою папку, например «/srv/shop»".into(),
        H::OwnValue { key, of } => format!(
            "дайте каждой своё: `{key}` в `[services.environments.{}.surfaces.{}]` сервиса {} действует только там",
            of.environment, of.surface, of.service
        ),
        H::NameByEnvironment => "вставьте в имя `{{ environment }}` или имя сервиса".into(),
        H::NameOfOthers => {
            "это имя задают сами команды: вставьте в него `{{ environment }}` или имя сервиса".into()
        }
        H::PreserveProject { variable } => {
            format!("`sudo` не передаёт `project` дальше, это делает `sudo --preserve-env={variable} …`")
        }
    }
}

const fn template(place: Misplacement) -> &'static str {
    match place {
        Misplacement::DoubleQuotes | Misplacement::SingleQuotes | Misplacement::Backslash => {
            "пишите без своих кавычек: значение берёт в кавычки RMM"
        }
        Misplacement::Parameter | Misplacement::HereDocument => {
            "сначала присвойте значение переменной (`x={{ … }}`), а там напишите \"$x\""
        }
        Misplacement::Arithmetic => {
            "bash выполнит то, о чём говорит значение, и через переменную тоже: сначала убедитесь, что это число (`n={{ … }}; case \
             $n in \"\" | *[!0-9]*) exit 1 ;; esac`), а там напишите \"$n\""
        }
        Misplacement::Backquotes => "вместо обратных кавычек напишите `$(…)`",
        Misplacement::Case | Misplacement::AnsiQuotes => {
            "вынесите команду в отдельный скрипт и передайте ему значение как параметр"
        }
        Misplacement::Dollar => "напишите `{{ … }}` без `$`",
        Misplacement::ReadAgain => "передайте его этой оболочке как параметр: `sh -c 'echo \"$1\"' sh {{ … }}`",
        Misplacement::Comment => "уберите его из комментария: значение из нескольких строк его закончит",
    }
}
