//! Что хост сообщает о шаге, который RMM там запускает, отслеживает или останавливает.

use crate::domain::fault::step::{DirectoryProblem, StepFault};

use super::behind;

/// Часть предложения: со строчной буквы и без точки.
pub(super) fn on_host(fault: &StepFault) -> String {
    use StepFault as F;
    match fault {
        F::RunFilesLost => "на хосте пропали файлы этого прогона, поэтому неизвестно, чем закончился шаг".to_owned(),
        F::StepFilesLost => "на хосте пропали файлы этого шага, поэтому его результат неизвестен".to_owned(),
        F::RestartedDuring => "хост перезагружен во время шага, поэтому его результат неизвестен".to_owned(),
        F::RestartedSince => {
            "хост перезагружен после того, как RMM начал шаг, поэтому неизвестно, выполнялся ли он".to_owned()
        }
        F::WatcherKilled => {
            "процесс, который следил за шагом, убит, поэтому результат неизвестен; команда, возможно, ещё \
                             выполняется"
                .to_owned()
        }
        F::ProcessesStay { group } => format!(
            "этот пользователь не может завершить процессы шага (группа {group}, например под sudo), поэтому неизвестно, чем \
             он закончится"
        ),
        F::StoppedBefore => "шаг остановлен до начала".to_owned(),
        F::NotStartable => {
            "хост не смог начать шаг: в каталог прогона нельзя писать (не заполнен ли диск?), или там не \
                            сработали setsid, sh или ln"
                .to_owned()
        }
        F::ProgramMissing { program } => format!("на хосте или в PATH шага нет программы {program}"),
        F::StepDirectory => "не удалось создать каталог шага".to_owned(),
        F::StepFiles => "не удалось создать файлы шага в каталоге прогона".to_owned(),
        F::NotClaimed => "не удалось занять шаг в каталоге прогона".to_owned(),
        F::NoHome => {
            "на хосте у этого пользователя не задан HOME, поэтому ~ никуда не ведёт; укажите каталог полностью"
                .to_owned()
        }
        F::NotOurFile { path } => {
            format!("{path} на хосте — не файл RMM; выясните, откуда он, и удалите его")
        }
        F::HolderNotMade { path } => format!("на хосте не удалось создать файл {path}"),
        F::EarlierAtWork { run, group } => format!(
            "на хосте ещё выполняется команда более раннего прогона ({run}), и этот пользователь не может её завершить. \
             Завершите там группу процессов {group} и повторите"
        ),
        F::RunDirectory { path, problem } => {
            let what = match problem {
                DirectoryProblem::NotMade => "не удалось создать на хосте",
                DirectoryProblem::OfOtherUser => "принадлежит другому пользователю",
                DirectoryProblem::NotWritten => "недоступен для записи",
                DirectoryProblem::NotMarked => "не удалось пометить",
                DirectoryProblem::NotEntered => "не открывается",
                DirectoryProblem::NotDeleted => "не удалось удалить: в нём есть что-то ещё",
            };
            format!("каталог прогона {path} {what}")
        }
        F::UnknownAnswer { word } => format!("хост дал неизвестный ответ ({word:?})"),
        F::ShellEnded { status, said } => {
            format!("оболочка на хосте завершилась без ответа (код {status}){}", behind(said.as_deref()))
        }
        F::NoShell { status, said } => format!(
            "оболочка на хосте завершилась без ответа (код {status}){}. Оболочка входа этого пользователя должна выполнять \
             команды; nologin и false их не выполняют",
            behind(said.as_deref())
        ),
        F::ConnectionEnded { said } => {
            format!("соединение с хостом закрылось раньше, чем стал известен результат шага{}", behind(said.as_deref()))
        }
        F::OutputGone { position } => format!("шаг закончился, но вывода после байта {position} на хосте уже нет"),
        F::NoRunDirectory { path } => format!(
            "{path:?} не может быть каталогом прогона: нужен абсолютный путь или путь, который начинается с ~/, и он не должен вести вверх"
        ),
        F::RunHasNone => "у прогона нет каталога на этом хосте".to_owned(),
        F::HomeInTheWay => {
            "шагу, каталог прогона которого лежит в ~, нельзя задать HOME; укажите каталог полностью".to_owned()
        }
        F::VariableName { name } => format!("{name:?} не может быть именем переменной окружения шага"),
        F::NulCharacter => "в команде или её каталоге есть символ NUL".to_owned(),
        F::CommandTooLong { limit } => format!("команда длиннее {limit} КиБ; вынесите её в файл"),
        F::BadName { name } => format!("{name:?} не может называть шаг или прогон; это ошибка RMM"),
        F::NoRandom { said } => format!("у системы нет случайных чисел: {said}"),
    }
}
