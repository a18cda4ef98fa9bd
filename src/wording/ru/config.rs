//! Что не так в конфигурации или вызывает вопросы.

mod hint;
mod needed;

pub(in crate::wording) use hint::config_hint;

use super::{list, on as at, rule};
use crate::domain::fault::config::{ConfigFault, FileFault, Later, Named, OwnFolder, Tenant, Unknown};
use crate::domain::plan::Misplacement;
use needed::{expected, needed};

/// Что не так, после имени ключа: фраза со строчной буквы, без точки.
pub(in crate::wording) fn config_fault(fault: &ConfigFault) -> String {
    use ConfigFault as F;
    match fault {
        F::Rule { rule: broken } => rule(broken),

        F::NoFile => "файла нет; его создаёт `rmm init`".into(),
        F::Unreadable { said } => format!("не читается: {said}"),
        F::NotUtf8 { line } => format!("это не текст в UTF-8 (строка {line})"),
        F::NoFolder { said } => format!("нет папки: {said}"),
        F::NotToml { said } => format!("это не TOML: {said}"),

        F::Unknown { what, near, known } => {
            let what = match what {
                Unknown::Key => "неизвестный ключ".to_owned(),
                Unknown::Override => "такой переменной нет".to_owned(),
                Unknown::Surface => "такой части у сервиса нет".to_owned(),
                Unknown::Variable(name) => format!("неизвестная переменная `{name}`"),
            };
            match near {
                Some(near) => format!("{what}; может быть, `{near}`?"),
                None if known.is_empty() => format!("{what}; здесь не может быть ничего"),
                None => format!("{what}; допустимы: {}", quoted(known)),
            }
        }
        F::Later { what } => {
            let what = match what {
                Later::Groups => "подтверждения от групп",
                Later::Previews => "отдельное окружение для каждого кандидата",
            };
            format!("в этой версии этого ещё нет: {what}")
        }
        F::Missing { why } => format!("не указано: {}", needed(why)),
        F::WrongType { expected: wanted, found } => format!("нужно указать {}, а здесь {}", expected(wanted), kind(found)),
        F::FromTo { least, most } => format!("нужно число от {least} до {most}"),
        F::MostDays { days } => format!("допустимо не больше {days} дней ({}h)", 24 * days),
        F::NoTime => "нужно больше нуля".into(),
        F::LeastTime { least } => format!("нужно не меньше {least}: быстрее ничего не сделать"),
        F::NegativeTime => "отрицательным быть не может".into(),
        F::NoDuration { text } => {
            format!("`{text}` — не длительность; пишите «15s», «2m», «1h 30m» или «500ms»")
        }
        F::NoSize { text } => format!("`{text}` — не размер; пишите «500 MB», «2 GB» или «0», если годится любой"),
        F::EmptyList => "пустой список не годится; уберите этот ключ".into(),
        F::EmptyKey => "пустым быть не может; уберите этот ключ".into(),
        F::Choice { words, near } => format!("допустимо {}{}", or(words), meant(near.as_deref())),
        F::Unique { first } => format!("повторяться не может; то же значение уже у {first}"),
        F::LookAlike { one, other, first } => {
            format!("«{one}» и «{other}» ({first}) для людей на вид одинаковы: одного регистра букв мало, чтобы их различать")
        }
        F::NotAmong { name, list, near } => format!("`{name}` нет среди [[{list}]]{}", meant(near.as_deref())),
        F::BeforeQuery => "адрес должен кончаться раньше `?` и `#`".into(),
        F::NoLoginInAddress => {
            "в адресе не должно быть ни пользователя, ни пароля: они видны в планах и журналах".into()
        }
        F::NotHttps { key } => format!("нужно только для `{key}` с https://: лишь там есть сертификат"),
        F::NoNul => "символа U+0000 быть не должно".into(),

        F::DefinitionTooLong { most } => format!("допустимо не больше {most} байт"),
        F::NotOfDefinition => "этому здесь не место: в панели сервис определяет одна таблица `[[services]]`".into(),
        F::NameStays { service } => format!("нужно {service}: имя сервиса здесь не меняется"),
        F::OneTable => "нужна ровно одна таблица `[[services]]`".into(),
        F::ServicesInline => "записано как `services = […]`, и сервисам из панели рядом нет места".into(),

        F::SecretWritten => "нужно указать, где лежит секрет, а не сам секрет".into(),
        F::HeaderWritten => "нужно указать, где лежит значение, а не само значение".into(),
        F::OutOfReach { folder } => {
            format!("недоступно: сервису из панели можно брать файлы только внутри {folder} и не из папки данных RMM")
        }
        F::SecretOfRmm => "этот секрет нужен самому RMM; сервису из панели его не получить".into(),
        F::ShortSecret { least } => format!("длина секрета меньше {least}: в выводе его не скрыть как следует"),
        F::VariableEmpty { name } => format!("переменная окружения `{name}` пуста"),
        F::VariableUnset { name } => format!("переменная окружения `{name}` не задана"),
        F::VariableNotText { name } => format!("переменная окружения `{name}` задана, но это не текст в UTF-8"),
        F::NoVariableNamed => "после `env:` нужно имя переменной окружения".into(),
        F::NoFileNamed => "после `file:` нужен путь к файлу".into(),
        F::ReadableByAll { path } => {
            format!("файл {path} могут читать все пользователи этой машины; выполните `chmod 600`")
        }
        F::File { path, fault } => format!("файл {path} {}", file(fault)),
        F::NoCertificates => "нужно `file:PATH`: файл с сертификатами в формате PEM".into(),
        F::NotPem { number } => format!("сертификат {number} не в формате PEM"),
        F::DamagedCertificate { number } => {
            format!("сертификат {number} повреждён, или такие в TLS больше не используются")
        }
        F::HoldsNoCertificate { only_key: true } => "сертификата там нет, только закрытый ключ".into(),
        F::HoldsNoCertificate { only_key: false } => "сертификата там нет".into(),
        F::TooManyCertificates { most } => {
            format!("там больше {most} байт; оставьте только те центры, которые нужны репозиторию")
        }

        F::ListenAddress => "нужны IP-адрес и порт, например «127.0.0.1:8080» или «[::1]:8080»".into(),
        F::ProxyAddress => {
            "нужен IP-адрес прокси, например «127.0.0.1» или «::1», либо сеть из них, например «10.0.0.0/24»".into()
        }
        F::EveryProxy => "тогда кто угодно говорил бы, от кого его запросы; назовите только прокси".into(),
        F::NetworkMeant { network } => format!("это сеть «{network}»; напишите так или только адрес"),
        F::NoTimeZone { name, near, others } => {
            let sentence = format!("часового пояса `{name}` на этой машине нет");
            match near {
                Some(_) => sentence + &meant(near.as_deref()),
                None if *others => sentence + "; пишите «Europe/Moscow» или «UTC»",
                None => sentence,
            }
        }
        F::Placeholder { name } => format!("в адресе должно быть {name}"),
        F::PlaceholderOf { trace, from, to } => format!("в адресе должно быть {trace} или {from} и {to}"),
        F::LogsKeep => "нужно «forever» или не меньше одного дня, например «180d» или «12 weeks»".into(),
        F::OpenWithoutPipe => "возвращает то, что сделал `pipe`, а `pipe` нет".into(),
        F::SendWithoutFile { placeholder } => format!("в команде должно быть {placeholder}: файл, который отправляют"),
        F::UserName => "нужно имя пользователя: буквы, цифры, «-», «_» и «.»".into(),
        F::HeaderName => "нужно имя заголовка: буквы, цифры, «-» и «_»".into(),
        F::Exporter { given } => format!("RMM отправляет по «otlp» или не отправляет («none»), а «{given}» не умеет"),
        F::SampleShare => "нужно число от 0 до 1; пока сохраняются все трассы".into(),
        F::Sampler { given } => format!("выборки «{given}» в RMM нет"),
        F::Milliseconds => "нужно число миллисекунд; пока это 10 секунд".into(),
        F::Protocol { given } => {
            format!("RMM говорит по «http/protobuf», а не по «{given}»; адрес коллектора для него обычно кончается на :4318")
        }
        F::NothingAnalysed => "анализа не будет: для тревог нужен `alerts_chat` в [telegram]".into(),
        F::ModelName => "нужно имя модели".into(),
        F::KeyOfModel => "ключа там нет: есть пробелы или другие символы, недопустимые в заголовке".into(),

        F::Username => "нужно имя пользователя Telegram: от 4 до 32 букв, цифр и «_»".into(),
        F::SharedAccount { number: Some(shared) } => {
            format!("это номер не человека, а {shared}: его Telegram показывает вместо многих людей")
        }
        F::SharedAccount { number: None } => {
            "это не человек: такую учётную запись Telegram показывает вместо многих людей".into()
        }
        F::NumberSaysMore => "рядом есть `telegram_id`, он надёжнее; уберите этот ключ".into(),
        F::NameOfRecord => "так в журнале названы оператор этой машины и сам RMM; назовите человека иначе".into(),
        F::LoginIsName { login, owner, other } => format!(
            "логин {login} в GitHub ({owner}) — ещё и имя другого человека ({other}): релиз, который, по словам CI, начат под \
             этим именем, мог бы быть любого из них"
        ),
        F::NoAdmin => {
            "нет ни одного администратора: откатывать, прерывать и снимать блокировку сможет только оператор этой машины".into()
        }
        F::GithubLogin => "нужен логин GitHub: буквы, цифры и «-», без «@»".into(),

        F::AnyHost => "нужно назвать хотя бы один хост".into(),
        F::LocalNotAmong => "`local` нет среди [[hosts]]".into(),
        F::LocalIsRmm => "`local` — это машина, на которой работает сам RMM".into(),
        F::LikeLocal { name } => format!("«{name}» и `local`, машина самого RMM, для людей на вид одинаковы"),
        F::NoHostUses { host } => format!("на `{host}` не работает ни один сервис"),
        F::NamesUser => "пользователя здесь быть не должно".into(),
        F::NoBrackets => "адрес IPv6 нужно взять в скобки".into(),
        F::HostAddress => {
            "нужны имя или IP-адрес и, если надо, порт: «host», «host:22» или «[2001:db8::1]:22»".into()
        }
        F::BothLogins => "рядом есть `key`; RMM входит только одним способом".into(),
        F::PassphraseAlone => "открывает `key`, а его нет".into(),
        F::PublicKey => "это открытый ключ: войти с ним нельзя".into(),
        F::Twice => "названо дважды".into(),
        F::TooManyKeys { most } => format!("лишний ключ: у хоста здесь может быть не больше {most}"),
        F::JumpEmpty => "нужно имя хоста; если RMM достаёт до хоста сам, уберите этот ключ".into(),
        F::JumpToItself => "сам на пути к себе хост не стоит".into(),
        F::JumpToLocal => "`local` — машина самого RMM: с неё начинается любой путь".into(),
        F::Circle { way } => format!("путь идёт по кругу: {way}"),
        F::LongWay { most, way } => format!("на пути больше {most} хостов: {way}"),

        F::BesideToken => "не может стоять рядом с `token`".into(),
        F::NoGithubToken => "токена GitHub там нет".into(),
        F::NoPrivateKey => "закрытого ключа в формате PEM там нет".into(),
        F::NoRsaKey => "там нет ключа RSA не короче 2048 бит и без пароля".into(),
        F::ShortWebhookSecret { least } => {
            format!("допустимая длина — не меньше {least}: им подписывает GitHub, а короткий можно угадать")
        }
        F::NeedsGithubLogin => "нужен вход в GitHub: `token` или `app_id` и `private_key`".into(),
        F::AudienceForAll => "пустым быть не может: удостоверение для всех — ни для кого".into(),
        F::TokenWithoutHttps => "адрес должен начинаться с https://: туда уходит токен".into(),
        F::KeysWithoutHttps => {
            "адрес должен начинаться с https://: его ключи решают, какие токены подлинные".into()
        }
        F::GithubPage { api } => format!("это страница GitHub, а его API — «{api}»"),
        F::OtherGithubApi { api } => format!("у этого GitHub адрес API — {api}"),
        F::NoAudience => {
            "нужен `public_url` в [server] или `oidc_audience` в [github]: для кого предназначены id-токены?".into()
        }
        F::RuleOnStage => "это для продакшна: для stage голосовать не нужно".into(),
        F::EnvironmentName => "нужно имя окружения репозитория на GitHub".into(),
        F::RuleWithoutCi => "относится к драйверу «ci»: больше на GitHub никто не ждёт".into(),
        F::RuleWithoutApp => "нужно приложение GitHub: на запрос правила отвечает только его приложение".into(),
        F::RuleWithoutRepository => "нужен `repository` сервиса на GitHub".into(),
        F::RuleTaken { service } => {
            format!("это уже правило сервиса {service}, а ответ на один запуск может быть только один")
        }

        F::NobodyInTelegram => {
            "ни у кого в [[people]] нет `telegram_id`: бот никого не узнает и будет только называть людям их номера".into()
        }
        F::NoBotToken => "токена бота там нет".into(),
        F::NoTemplates => "нужна папка".into(),
        F::WebhookWithoutUrl => "нужен `public_url` с https:// в [server]: туда Telegram будет присылать новое".into(),
        F::WebhookSecret { least, most } => {
            format!("нужны от {least} до {most} букв, цифр, «-» и «_»: другого Telegram не примет")
        }
        F::TopicAlone { chat } => format!("это часть `{chat}`, а его нет"),
        F::SilentChat => "в этом чате не будет ничего: ни сообщений, ни карточек".into(),
        F::ChatNumber => "нужен номер чата; у групп он отрицательный".into(),
        F::AnyFollowed => "нужно назвать хотя бы один сервис; без этого ключа чат следит за всеми".into(),

        F::NoServices => "пока ни одного нет: RMM нечего выпускать".into(),
        F::WasIsThere { name } => {
            format!("{name} — сервис этого же файла, а прежнее имя — то, которого больше ни у кого нет")
        }
        F::WasTwice { name } => format!("два сервиса не могли оба называться {name}"),
        F::WorkflowWithoutGithub => "запускается через `[github]`, а этого раздела нет".into(),
        F::WorkflowWithoutLogin => {
            "запускается с входом на GitHub, а в `[github]` нет ни `token`, ни `app_id`: каждый релиз будет бесконечно ждать \
             перед продакшном"
                .into()
        }
        F::WorkflowWithoutRepository => "нужен `repository` сервиса".into(),
        F::RepositoryElsewhere { api } => format!("репозиторий сервиса не на том GitHub, чей API — {api}"),
        F::TagsByCall => {
            "относится к `candidates = \"tags\"`: при вызове из CI она сама говорит, какой тег имеет в виду".into()
        }
        F::AtMostApprovers { count } => format!("нужно число не больше {count}: столько людей в `required`"),
        F::NobodyApproves => {
            "никто не назван; перечислите людей или добавьте `minimum = 0`, чтобы выпускать без подтверждений".into()
        }
        F::NeverApproved => "когда нужны все из `required`, релиз одного из них никогда не будет подтверждён".into(),
        F::NoGithubOf { person } => {
            format!("у {person} в [[people]] нет `github`, поэтому можно не узнать, что релиз начал этот человек")
        }
        F::Viewer { name } => format!("`{name}` — наблюдатель и подтверждать не может"),
        F::AnySurface => "нужно назвать хотя бы одну часть".into(),
        F::RepositoryOnHosts => {
            "это путь, и с драйвером «ssh» каждый хост ищет его среди своих папок: RMM его туда не доставляет".into()
        }

        F::OnlySsh { driver: Some(driver) } => format!("относится к драйверу «ssh», а здесь драйвер «{driver}»"),
        F::OnlySsh { driver: None } => "относится к драйверу «ssh», а его нет ни в одном окружении сервиса".into(),
        F::ShortReportTimeout => {
            "меньше 3m: признаки жизни отмечаются примерно раз в минуту, и исправный прогон был бы сочтён потерянным".into()
        }
        F::ReportsOfCi => "относится к драйверу «ci»: о прогонах самого RMM никто не сообщает".into(),
        F::WorkflowsOfCi => "относится к драйверу «ci»: прогоны самого RMM не запускают workflow".into(),
        F::WorkflowOnStage => "это для продакшна: на stage выкладывает workflow, который запускает новый тег".into(),
        F::RollbackAlone => "без `workflow` это ничего не значит".into(),
        F::NoRollbackWorkflow => {
            "рядом нет `rollback_workflow`: когда продакшн нужно вернуть назад, RMM ничего не запустит и будет ждать, пока кто-то \
             выполнит откат и сообщит о нём"
                .into()
        }
        F::SameWorkflow => {
            "это тот же файл, что и `workflow`: по `rollback_to_tag` он должен понять, что от него нужно, а деплой вместо отката \
             назад не вернёт; с отдельным файлом надёжнее"
                .into()
        }
        F::RunsOfRmm => "относится к драйверам «ssh» и «local»: свои прогоны CI завершает сама".into(),
        F::WorkflowFile => "нужно имя файла из `.github/workflows`".into(),

        F::NoHosts => "не указано: драйверу «ssh» нужно знать, где работает эта часть".into(),
        F::PathOnHost => "нужен абсолютный путь на хосте".into(),
        F::ProjectDiffers { variable, other } => format!("в `env.{variable}` указано другое: «{other}»"),
        F::KeepsOfCompose => {
            "относится к рецепту «compose»: при других RMM не знает, какие образы им принадлежат".into()
        }
        F::UpWithoutDown => "рядом нужен `migrate_down`".into(),
        F::DownWithoutUp => "рядом нужен `migrate_up`".into(),
        F::NoHealth => {
            "не указано: исправна ли эта часть, узнать неоткуда, и релиз считается задеплоенным, как только её команды закончились \
             успешно; укажите `url`, адрес `tcp` или `command`"
                .into()
        }
        F::CheckoutWithoutRepository => "получает код, а `repository` у сервиса нет".into(),
        F::ProjectName { most } => format!(
            "нужно имя, которое примет compose: не больше {most} строчных букв, цифр, «-» и «_», первой — буква или цифра"
        ),
        F::VariableName => "нужно имя переменной окружения: буквы, цифры и «_», первой — не цифра".into(),
        F::NoProbe => "нужно указать `url`, `tcp` или `command`: что спрашивать".into(),
        F::ProbeBeside { first } => format!("рядом есть `{first}`; проверка здоровья спрашивает что-то одно"),
        F::AnswerWithoutUrl => "относится к `url`: код и текст есть только в его ответе".into(),
        F::ViaOfCommand => "относится к `url` и `tcp`: команда всегда выполняется на хосте".into(),
        F::HttpsOnHost => "адрес с https:// спрашивает только машина RMM".into(),
        F::TcpAddress => "нужны хост и порт, например «127.0.0.1:5432» или «[::1]:5432»".into(),

        F::NoTemplate { said: Some(said) } => format!("это не шаблон: {said}"),
        F::NoTemplate { said: None } => "это не шаблон: он не читается".into(),
        F::TemplateFails { said } => format!("такой шаблон здесь не сработает: {said}"),
        F::Misplaced { placeholder, place } => format!(
            "{placeholder} стоит {}: там значение было бы не одним словом и могло бы выполнять команды",
            misplaced(*place)
        ),
        F::MisplacedForSome { place } => format!(
            "в том, что получается для некоторых релизов, значение стоит {}: там оно было бы не одним словом и могло бы выполнять \
             команды",
            misplaced(*place)
        ),

        F::CheckedOutBefore { earlier, later } => {
            format!("{} деплоится раньше, чем {later} получает код в их общую папку; поставьте её после", tenant(earlier))
        }
        F::SameComposeFile { earlier, later } => format!(
            "{} и {later} запускают один и тот же файл compose в одной папке, как два проекта; для него хватит одной части",
            tenant(earlier)
        ),
        F::SameAddress { one, other, machine, addresses, mistaken } => format!(
            "{} и {} проверяются по одному адресу на {}: {}{}",
            tenant(one),
            tenant(other),
            on(machine.as_deref()),
            addresses.join(" и "),
            if *mistaken { "; одну можно принять за другую" } else { "" }
        ),
        F::SamePort { one, other, machine, port, shared } => format!(
            "{} и {} проверяются на порту {port} на {}; занять его может только одна из них{}",
            tenant(one),
            tenant(other),
            on(machine.as_deref()),
            if *shared { ", если там не отвечает за обе другая программа" } else { "" }
        ),
        F::FolderOfSystem { path } => {
            format!("папка {path} принадлежит всей машине: код туда выкладывать нельзя")
        }
        F::FolderOfUser { path } => format!(
            "в {path} ключи, настройки и команды пользователя или файлы самого git: код туда выкладывать нельзя"
        ),
        F::FolderOfRuns { path } => format!("в {path} файлы прогонов самого RMM (`.rmm`), он их удаляет"),
        F::FolderOfRmm { of, folder, how } => {
            let how = match how {
                OwnFolder::InData => "— папка данных RMM или внутри неё",
                OwnFolder::HasData => "содержит папку данных RMM",
                OwnFolder::HasConfiguration => "содержит конфигурацию RMM",
            };
            format!("папка {folder} {how}: релиз ({}) мог бы менять то, что RMM делает и знает", tenant(of))
        }
        F::SameFolder { one, other, machine, folder } => format!(
            "у {} и {} одна папка на {}, {folder}: каждая запускала бы код другой",
            tenant_of(one),
            tenant_of(other),
            on(machine.as_deref())
        ),
        F::InFolderOf { one, of, machine, folder } => format!(
            "{} работает в папке {} на {}, {folder}: всё, что туда выкладывают, меняется и у неё",
            tenant(one),
            tenant_of(of),
            on(machine.as_deref())
        ),
        F::OneFolder { one, other, machine, folder } => format!(
            "{} и {} работают в одной папке на {}, {folder}, и код туда выкладывает не RMM: что изменит одна, меняется и у другой",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::InsideCheckout { inner, outer, machine } => format!(
            "папка {} лежит внутри папки с кодом {} на {}: версия, в которой есть что-то с таким именем, её перезапишет; дайте ей \
             папку рядом",
            tenant_of(inner),
            tenant_of(outer),
            on(machine.as_deref())
        ),
        F::FolderNamesProject { one, other, machine, name } => format!(
            "compose называет проект по его папке, а у {} и {} на {} она называется одинаково, «{name}»: каждая заменяла бы \
             контейнеры другой",
            tenant_of(one),
            tenant_of(other),
            on(machine.as_deref())
        ),
        F::SameProject { one, other, machine, name } => format!(
            "у {} и {} один проект compose на {}, «{name}»: каждая заменяла бы контейнеры другой",
            tenant_of(one),
            tenant_of(other),
            on(machine.as_deref())
        ),
        F::SameStack { one, other, machine, name } => format!(
            "{} и {} выкладывают один стек на {}, «{name}»: каждая заменяла бы сервисы другой",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::SameContainer { one, other, machine, name } => format!(
            "{} и {} запускают контейнер с одним именем на {}, «{name}»: одна мешала бы другой или заменяла её",
            tenant(one),
            tenant(other),
            on(machine.as_deref())
        ),
        F::NameUnknown { one, other, machine, of, from } => {
            let of = match of {
                Named::Project => "проекта compose",
                Named::Stack => "стека",
                Named::Container => "контейнера",
            };
            format!(
                "{} и {} берут имя {of} из {from}, а что там, RMM не знает (на {}): если оно одно, каждая заменяет контейнеры \
                 другой",
                tenant(one),
                tenant(other),
                on(machine.as_deref())
            )
        }
        F::ProjectByFolder { one, other, machine } => format!(
            "проекты compose у {} и {} на {} названы по папкам, только пока имени нет ни в файле compose (`name`), ни в `.env` \
             рядом с ним: тогда оно было бы у обеих одно. Надёжно — указать `project` у каждой (для того, что уже работает, имя \
             показывает `docker compose ls`)",
            tenant_of(one),
            tenant_of(other),
            on(machine.as_deref())
        ),
        F::UnreadProject { one, other, machine, command } => format!(
            "RMM не читает, что запускает `{command}`. Если это compose, то у {} и {} на {} будет один проект, по последней части \
             имён их папок, и каждая заменит контейнеры другой; их разделит `project` у каждой",
            tenant_of(one),
            tenant_of(other),
            on(machine.as_deref())
        ),
        F::UnreadContainer { one, other, machine, command } => format!(
            "RMM не читает, что запускает `{command}`. Если контейнеры получают там свои имена (`docker run --name`), то у {} и {} \
             на {} они должны быть разными, например с $RMM_ENVIRONMENT: иначе одна заменит контейнеры другой",
            tenant_of(one),
            tenant_of(other),
            on(machine.as_deref())
        ),
    }
}

/// После «файл PATH ».
fn file(fault: &FileFault) -> String {
    match fault {
        FileFault::Missing => "не найден".into(),
        FileFault::Unreadable(said) => format!("не читается: {said}"),
        FileFault::ByLink => "достижим только по ссылке, а сервису из панели она не годится".into(),
        FileFault::LinkLoop => "— ссылка, которая ведёт сама на себя".into(),
        FileFault::NotRegular => "— не обычный файл".into(),
        FileFault::TooLarge(most) => format!("больше {most} байт"),
        FileFault::NotUtf8 => "— не текст в UTF-8".into(),
        FileFault::Empty => "пуст".into(),
        FileFault::NoSmallFile(most) => format!("— не обычный файл или больше {most} байт"),
        FileFault::NotPem => "— не текст в формате PEM; может быть, он в DER?".into(),
    }
}

/// Тип значения, как его называет TOML.
fn kind(found: &str) -> &str {
    match found {
        "string" => "строка",
        "integer" => "целое число",
        "float" => "дробное число",
        "boolean" => "true или false",
        "datetime" => "дата или время",
        "array" => "список",
        "table" => "таблица",
        other => other,
    }
}

const fn misplaced(place: Misplacement) -> &'static str {
    match place {
        Misplacement::DoubleQuotes => "в двойных кавычках",
        Misplacement::SingleQuotes => "в одинарных кавычках",
        Misplacement::Parameter => "внутри `${…}`",
        Misplacement::Arithmetic => "внутри `$((…))`",
        Misplacement::Backquotes => "в обратных кавычках",
        Misplacement::Case => "после `case` внутри `$(…)`, шаблоны которого кончаются так же",
        Misplacement::AnsiQuotes => "после `$'…'`, а не каждая оболочка считает это кавычками",
        Misplacement::Dollar => "после `$`",
        Misplacement::Backslash => "после обратной косой черты",
        Misplacement::ReadAgain => "там, где оболочка ещё раз читает его как команды",
        Misplacement::Comment => "в комментарии",
        Misplacement::HereDocument => "внутри here-document",
    }
}

/// `часть app сервиса shop на stage`.
fn tenant(of: &Tenant) -> String {
    format!("часть {} сервиса {} {}", of.surface, of.service, at(of.environment))
}

/// `части app сервиса shop на stage`.
fn tenant_of(of: &Tenant) -> String {
    format!("части {} сервиса {} {}", of.surface, of.service, at(of.environment))
}

/// После «на ».
fn on(machine: Option<&str>) -> &str {
    machine.unwrap_or("этой машине")
}

fn meant(near: Option<&str>) -> String {
    near.map(|near| format!("; может быть, `{near}`?")).unwrap_or_default()
}

fn quoted(names: &[String]) -> String {
    list(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>())
}

/// `«a», «b» или «c»`.
fn or(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("«{word}»")).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [front @ .., last] => format!("{} или {last}", front.join(", ")),
    }
}
