//! Зачем нужен ключ, которого нет, и что ожидалось на месте другого.

use crate::domain::fault::config::{Expected, Needed};

/// После «не указано: ».
pub(super) fn needed(why: &Needed) -> String {
    use Needed as N;
    match why {
        N::NameOfService => "так сервис называют CI и люди".into(),
        N::NameOfSurface => "так часть сервиса называют релизы и окружения".into(),
        N::NameOfHost => "так хост называют сервисы".into(),
        N::NameOfPerson => "это имя стоит в списках подтверждающих и в журнале".into(),
        N::HostAddress => "имя или IP-адрес хоста, например «203.0.113.7:22»".into(),
        N::HostUser => "от чьего имени входит RMM".into(),
        N::HostLogin => "RMM входит по `key` или по `password`; укажите одно из них".into(),
        N::LocalUser => "пользователь этой машины, от имени которого выполняются шаги драйвера «local»".into(),
        N::BackupFolder => "папка для копий".into(),
        N::AiUrl => "где находится модель, например «http://127.0.0.1:11434/v1»".into(),
        N::AiModel => "какая модель отвечает".into(),
        N::GithubToken => {
            "токен GitHub или вместо него приложение: `app_id` и `private_key`; напишите, где он лежит: «env:RMM_GITHUB_TOKEN»"
                .into()
        }
        N::GithubKey => "ключ приложения; GitHub показывает его один раз, файлом для скачивания".into(),
        N::GithubApp => "номер приложения, со страницы его настроек".into(),
        N::BotToken => "его выдаёт @BotFather; напишите, где он лежит: «env:RMM_TELEGRAM_TOKEN»".into(),
        N::ChatNumber => "номер чата; у групп он отрицательный".into(),
        N::RepositoryNumber => "номер репозитория: его выводит `gh api repos/OWNER/NAME --jq .id`".into(),
        N::RepositoryOfTags => "при `candidates = \"tags\"` релизами становятся его теги".into(),
        N::Approvals => {
            "кто подтверждает? перечислите их в `required` или напишите `minimum = 0`, если никто".into()
        }
        N::Surfaces => "этот сервис RMM запускает сам, и надо указать, что именно".into(),
        N::Environment { key } => format!("сервису нужен раздел `[services.environments.{key}]` с ключом `driver`"),
        N::Driver => {
            "«ssh», если RMM выполняет команды на хостах, «local», если на своей машине, «ci», если это делает и сообщает об этом \
             CI"
                .into()
        }
        N::Deploy => "у рецепта «commands» нет своей команды, которая запускает код".into(),
        N::DirectoryOfCompose => "рецепт «compose» работает в папке с кодом".into(),
        N::DirectoryOfCheckout => "при `checkout = true` нужна папка, куда выложить код".into(),
    }
}

/// После «нужно указать ».
pub(super) fn expected(what: &Expected) -> String {
    match what {
        Expected::Text => "строку".into(),
        Expected::QuotedText => "строку (в кавычках)".into(),
        Expected::Flag => "true или false".into(),
        Expected::WholeNumber => "целое число".into(),
        Expected::Share => "число от 0 до 1".into(),
        Expected::Duration => "длительность, например «15s» или «1h 30m»".into(),
        Expected::Size => "размер, например «500 MB» или «2 GB»".into(),
        Expected::TextOrTexts => "строку или список строк".into(),
        Expected::Texts => "список строк".into(),
        Expected::Table => "таблицу".into(),
        Expected::Tables(header) => format!("список таблиц (каждая начинается с `[[{header}]]`)"),
    }
}
