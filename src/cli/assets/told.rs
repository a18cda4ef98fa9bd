//! What `rmm assets` says, in the languages of RMM.

use std::path::Path;

use crate::terminal::shell_word;
use crate::wording::Language::{self, En, Ru};

/// What to do next.
pub(super) fn next(language: Language, folder: &Path) -> String {
    let compose = shell_word(&folder.join("watch/compose.yaml").to_string_lossy());
    match language {
        En => format!(
            "\nNext:\n  1. A token for Prometheus: rmm token create prometheus --role viewer\n  \
             2. With a Prometheus of your own: take prometheus/prometheus.yaml and rules.yaml over, import grafana/*.json.\n  \
             3. Without one: put the token into watch/rmm-token, then docker compose -f {compose} up -d\n\
             The rest is in `rmm docs watch`."
        ),
        Ru => format!(
            "\nДальше:\n  1. Токен для Prometheus: rmm token create prometheus --role viewer\n  \
             2. Если Prometheus уже есть: возьмите prometheus/prometheus.yaml и rules.yaml, импортируйте grafana/*.json.\n  \
             3. Если нет: положите токен в watch/rmm-token и запустите docker compose -f {compose} up -d\n\
             Остальное — в `rmm docs watch`."
        ),
    }
}
