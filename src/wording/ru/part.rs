//! Части RMM.

use crate::domain::part::Part;

pub(in crate::wording) const fn part(part: Part) -> &'static str {
    match part {
        Part::Dispatcher => "диспетчер",
        Part::Timer => "таймер",
        Part::Backups => "резервное копирование",
        Part::ReturningHosts => "слежение за вернувшимися хостами",
        Part::MovedTags => "слежение за перенесёнными тегами",
        Part::Tags => "поиск новых тегов",
        Part::GithubMarks => "отметки на GitHub",
        Part::ProtectionRules => "правила защиты GitHub",
        Part::Deliveries => "чтение журнала вебхуков GitHub",
        Part::ReleaseLog => "записи о релизах в логе",
        Part::ReleaseFigures => "счётчики релизов",
        Part::Bot => "бот",
        Part::BotNews => "сообщения бота о событиях",
        Part::BotForgetting => "очистка данных бота",
        Part::BotQuestions => "вопросы бота",
        Part::BotReminders => "напоминания бота",
        Part::BotConflicts => "поиск ботом чужой программы с его токеном",
        Part::BotRecord => "проверка журнала аудита ботом",
        Part::BotListening => "приём сообщений ботом",
        Part::BotInbox => "входящие бота",
        Part::BotInboxCleaning => "очистка входящих бота",
        Part::ErrorAlerts => "оповещения об ошибках",
        Part::AlertWatch => "проверки для оповещений",
        Part::AlertAnalysis => "разбор оповещений моделью",
    }
}
