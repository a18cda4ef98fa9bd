//! Почему модель не даёт предположения.

use crate::domain::fault::model::ModelFault;

/// Предложение о ней со строчной буквы и без точки.
pub(in crate::wording) fn model(fault: &ModelFault) -> String {
    match fault {
        ModelFault::BadAddress { said } => format!("её адрес не прочитать: {said}"),
        ModelFault::NotAsked { said } => format!("она недоступна: {said}"),
        ModelFault::Late => "она не ответила вовремя".to_owned(),
        ModelFault::Status { status } => format!("она отвечает {status}"),
        ModelFault::TooLong { most } => format!("её ответ длиннее {most} КиБ"),
        ModelFault::Foreign => "её ответ не такой, как у подобных моделей".to_owned(),
        ModelFault::Empty => "её ответ пуст".to_owned(),
    }
}
