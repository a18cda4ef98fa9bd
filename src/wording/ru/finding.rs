//! Что нашлось там, где RMM проверил то, что ему нужно.

mod github;
mod host;
mod machine;
mod outside;
mod remedy;

pub(in crate::wording) use remedy::finding_remedy;

use crate::domain::finding::{About, Found, Topic};
use crate::wording::Language;

/// Фраза со строчной буквы, без точки.
pub(in crate::wording) fn found(found: &Found) -> String {
    match found {
        Found::Host(fact) => host::host_fact(fact),
        Found::Reason(reason) => Language::Ru.reason(reason),
        Found::Machine(fact) => machine::machine_fact(fact),
        Found::Address(fact) => outside::address_fact(fact),
        Found::Telegram(fact) => outside::telegram_fact(fact),
        Found::Model(fact) => outside::model_fact(fact),
        Found::Running(fact) => outside::running_fact(fact),
        Found::Login(fact) => github::login_fact(fact),
        Found::Repository(fact) => github::repository_fact(fact),
        Found::Told(sentence) => sentence.clone(),
    }
}

/// Что проверено: одно-два слова.
pub(in crate::wording) fn topic(topic: &Topic) -> &str {
    match topic {
        Topic::Reachable => "доступность",
        Topic::Jump => "путь",
        Topic::Key => "ключ",
        Topic::Login => "вход",
        Topic::Shell => "оболочка",
        Topic::RunFiles => "файлы прогонов",
        Topic::Git => "git",
        Topic::Repository => "репозиторий",
        Topic::Docker => "docker",
        Topic::Compose => "compose",
        Topic::DiskSpace => "место на диске",
        Topic::Clock => "часы",
        Topic::Directory => "папка",
        Topic::Place => "размещение",
        Topic::Forwarding => "туннель",
        Topic::Health => "здоровье",
        Topic::Holder => "владелец",
        Topic::OwnGit => "git самого RMM",
        Topic::LeadsTo => "путь дальше",
        Topic::Check => "проверка",
        Topic::Hosts => "хосты",
        Topic::Config => "конфигурация",
        Topic::Secret => "секрет",
        Topic::Database => "база данных",
        Topic::Disk => "диск",
        Topic::OpenFiles => "открытые файлы",
        Topic::Running => "запуск",
        Topic::Ready => "готовность",
        Topic::Version => "версия",
        Topic::Record => "журнал аудита",
        Topic::Chats => "чаты",
        Topic::Backups => "резервные копии",
        Topic::Restore => "восстановление",
        Topic::Address => "адрес",
        Topic::Webhooks => "приём webhook",
        Topic::Certificate => "сертификат",
        Topic::Model => "модель",
        Topic::Updates => "обновления",
        Topic::Actions => "Actions",
        Topic::Contents => "Contents",
        Topic::Marks => "отметки",
        Topic::Permission => "права",
        Topic::Oidc => "oidc",
        Topic::Workflow => "workflow",
        Topic::TagWorkflow => "workflow для тега",
        Topic::Webhook => "webhook",
        Topic::Deliveries => "доставки",
        Topic::Other(name) => name,
    }
}

/// О чём речь.
pub(in crate::wording) fn about(about: &About) -> String {
    match about {
        About::Machine => "эта машина".into(),
        About::PublicAddress => "публичный адрес".into(),
        About::Running => "работающий RMM".into(),
        About::Backups => "резервные копии".into(),
        About::Hosts => "хосты".into(),
        About::Host(name) => format!("хост {name}"),
        About::GitHub(url) => format!("GitHub ({url})"),
        About::Telegram(url) => format!("Telegram ({url})"),
        About::Analysis(url) => format!("анализ ({url})"),
        About::Named(name) => name.clone(),
    }
}
