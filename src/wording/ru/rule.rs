//! Каким должно быть значение.

use super::{gate_name, list, reason, role, store};
use crate::domain::rule::Rule;

/// Правило, после имени поля: фраза со строчной буквы, без точки.
pub(in crate::wording) fn rule(rule: &Rule) -> String {
    use Rule as R;
    match rule {
        R::Said { text } => text.clone(),
        R::File { fault, denied: false } => store(fault),
        R::File { fault, denied: true } => {
            format!("{}; копию пишет пользователь, от имени которого работает RMM", store(fault))
        }

        R::Given => "нужно указать".into(),
        R::ThisOr { other } => format!("нужно указать это или {other}"),
        R::Together { one, other } => format!("{one} и {other} указывают вместе"),
        R::Initiator => {
            "нужно указать, кто начинает релиз (без этого можно только с id-токеном GitHub: в нём это сказано)".into()
        }
        R::CommitWithoutRepository { service } => {
            format!("нужно указать: у {service} нет репозитория, который мог бы его назвать")
        }
        R::AnyGate => "нужно назвать хотя бы одно условие".into(),
        R::ReleaseThere => "нужно указать вместе с `release`".into(),
        R::NoReleaseThere => "указывают, только если `runs` = `release`".into(),

        R::NotEmpty => "не может быть пустым".into(),
        R::OneLine => "нужна одна строка".into(),
        R::AtMost { most } => format!("допустимая длина в символах — не больше {most}"),
        R::Utf8 => "нужен текст в UTF-8: часть его не прочиталась (вместо неё теперь U+FFFD)".into(),
        R::Visible { found } => {
            format!(
                "нельзя использовать управляющие и невидимые символы и те, что меняют направление чтения (найден {found})"
            )
        }
        R::NoBlankAround => "пробелов в начале и в конце быть не должно".into(),

        R::Identifier => "допустимы от 1 до 64 символов a-z, A-Z, 0-9, «-», «_» и «.», первым — буква или цифра".into(),
        R::TagCharacters => {
            "допустимы от 1 до 128 символов a-z, A-Z, 0-9, «.», «-», «_», «+» и «/», первым — буква или цифра".into()
        }
        R::TagOfGit => {
            "нужен тег, который примет git: без «..», «//» и «/.», а «/», «.» и «.lock» не могут стоять в конце".into()
        }
        R::FullCommit => "нужен полный id коммита: 40 или 64 шестнадцатеричные цифры, буквы строчные".into(),
        R::Environment => "нужно stage, production или preview- с номером релиза".into(),
        R::Fingerprint => "нужно SHA256: и за ним 43 символа, как выводит `ssh-keygen -lf KEY.pub`".into(),
        R::Pattern { most } => format!(
            "допустимы от 1 до {most} символов a-z, A-Z, 0-9, «.», «-», «_», «+» и «/»; «*» означает любой текст, «?» — любой \
             символ"
        ),
        R::Workflow => {
            "нужен workflow, как его называет GitHub: «owner/name/.github/workflows/release.yaml» для любых ref или \
                        с ними: «owner/name/.github/workflows/release.yaml@refs/tags/*»"
                .into()
        }

        R::Number => "нужно число".into(),
        R::AtLeast { least } => format!("нужно число не меньше {least}"),
        R::Between { least, most } => format!("нужно число от {least} до {most}"),
        R::DateAndTime => "нужны дата и время".into(),
        R::Ahead => "нужно время в будущем: такой токен истёк бы, едва появившись".into(),

        R::WebAddress { most } => {
            format!("нужен адрес с http:// или https://, только из символов ASCII, не длиннее {most}")
        }
        R::NoLogin => "в адресе не должно быть ни пользователя, ни пароля: его видят многие".into(),
        R::WebHost => "после // нужен хост и, если надо, порт от 1 до 65535, например «https://example.com/» или \
                       «http://127.0.0.1:8080/health»"
            .into(),
        R::Repository => {
            "нужно «owner/name» на GitHub, адрес для git вроде «https://host/app.git» или «git@host:app.git» либо \
                          путь, который начинается с «/», «./» или «../»"
                .into()
        }
        R::RepositoryHost => "после // нужен хост и, если надо, порт от 1 до 65535".into(),
        R::NoPassword => "в адресе не должно быть пароля: он виден в планах и журналах".into(),

        R::Cursor => "нужно значение `next` одной из прежних страниц".into(),
        R::EarlierPage => "нужно значение одной из прежних страниц".into(),
        R::StreamId => "нужен id этого потока, например 17-230".into(),
        R::EventNumber => "нужен номер события, от 1".into(),
        R::Seal => "нужны 64 шестнадцатеричные цифры".into(),

        R::NewRelease => "новый релиз — initiated (или stage_building)".into(),
        R::ReleaseNumber => "нужен номер, которым ответил POST /release".into(),
        R::RollbackTarget => "нужен тег или номер релиза в виде #12".into(),
        R::KnownSurface { surface, known } => format!("у сервиса нет части {surface}; есть {}", list(known)),
        R::SurfaceOnce => "одна и та же часть названа дважды".into(),
        R::Harmless { key, surface } => format!(
            "допустимы только буквы, цифры и . _ / : @ + = , ~ % -, и не с «-» в начале: `{key}` части {surface} подставляет \
             это в команду, которая может прочесть его ещё раз, как параметр или как команду"
        ),
        R::CommitOfTag { tag, commit } => format!("в репозитории {tag} — это {commit}"),
        R::InRepository { why } => reason(why),
        R::GateStays { gate } => format!("условие «{}» пропустить нельзя", gate_name(*gate)),

        R::KnownPerson { person, near: None } => format!("в конфигурации никого не зовут {person}"),
        R::KnownPerson { person, near: Some(near) } => {
            format!("в конфигурации никого не зовут {person}; может быть, {near}?")
        }
        R::RoleOfToken => "нужна одна из ролей токена".into(),
        R::RoleUpTo { person, role: has } => {
            format!(
                "роль {person} — {}; у токена, который говорит за {person}, она не может быть выше",
                role(has.as_str())
            )
        }
        R::RoleOfPerson => format!(
            "у токена, который говорит за человека, роль — {}, {} или {}",
            role("viewer"),
            role("member"),
            role("admin")
        ),
        R::ServicesOfPerson => "токен, который говорит за человека, нельзя ограничить сервисами".into(),
        R::OwnName { name } => format!("{name} — чужое имя; назовите токен по тому, для чего он нужен"),
        R::NotOfGithub => {
            "не может начинаться с `github:`: так в журнале названо то, что приходит с id-токеном GitHub".into()
        }
        R::UnlikeToken { name, other } => format!(
            "{name:?} и действующий токен {other:?} на вид одинаковы; назовите его иначе или сначала отзовите тот"
        ),
        R::NewName { name } => format!("действующий токен {name} уже есть; сначала отзовите его"),
    }
}
