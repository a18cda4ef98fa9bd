//! Что мешает команде на хосте по SSH.

use crate::domain::fault::Speaks;
use crate::domain::fault::ssh::{
    AsksFor, ChannelRefusal, ConnectionEnd, LoginFault, Negotiated, PrivateKeyFault, Reached, SshFault,
};

use super::super::times::russian;
use super::list;

fn reached(at: &Reached) -> String {
    match &at.through {
        Some(jump) => format!("{} (через {jump})", at.address),
        None => at.address.clone(),
    }
}

/// Часть предложения: со строчной буквы и без точки.
pub(super) fn ssh(fault: &SshFault) -> String {
    use SshFault as F;
    const FORWARDING: &str = "Разрешите в его sshd_config AllowTcpForwarding local (и соответственно PermitOpen)";
    match fault {
        F::NotReached { address, said } => format!("{address} недоступен: {said}"),
        F::Late { at, limit, asks } => {
            format!("{} не отвечает дольше {}{}", reached(at), russian(*limit), perhaps(asks.as_ref()))
        }
        F::OtherProtocol { at, speaks: None } => format!("{} отвечает не как сервер SSH", reached(at)),
        F::OtherProtocol { at, speaks: Some(speaks) } => {
            let other = match speaks {
                Speaks::Http | Speaks::Http2 => "говорит по HTTP, а не по SSH",
                Speaks::Tls => "говорит по TLS, а не по SSH",
                Speaks::Ssh => "отвечает не как сервер SSH",
                Speaks::Other { line } => &format!("отвечает не как сервер SSH, а так: «{line}»"),
            };
            format!("{} {other}. В `address` должен стоять порт сервера SSH этого хоста, обычно 22", reached(at))
        }
        F::NothingInCommon { at, kind, offers } => {
            let what = match kind {
                Negotiated::KeyExchange => "общего способа обмена ключами",
                Negotiated::HostKey => "общего типа ключа хоста",
                Negotiated::Cipher => "общего шифра",
                Negotiated::Mac => "общего кода аутентификации сообщений",
                Negotiated::Compression => "общего сжатия",
            };
            format!("у {} и RMM нет {what}; хост предлагает {}", reached(at), list(offers))
        }
        F::CutInExchange { at, said } => {
            format!("{}: соединение закрыто до конца обмена ключами: {said}", reached(at))
        }
        F::CutOnTheWay { at, end: why } => {
            format!("{}: соединение закрыто до конца обмена ключами: {}", reached(at), end(why))
        }
        F::NoHostKey { at } => format!("{} не показал ключ хоста", reached(at)),
        F::LoginLate { at, limit } => format!("{} не отвечает на вход дольше {}", reached(at), russian(*limit)),
        F::LoginCut { at, said } => format!("{}: соединение закрыто во время входа: {said}", reached(at)),
        F::Login { user, at, fault } => login(user, &reached(at), fault),
        F::NoChannel { at, limit } => format!("{} не открыл канал за {}", reached(at), russian(*limit)),
        F::NoCommand { at, why } => format!("{} не принимает команды: {}", reached(at), refusal(why)),
        F::CommandsForbidden => "сервер SSH этого хоста не выполняет команды этого пользователя".to_owned(),
        F::CommandLate { at, limit } => {
            format!("{} за {} не сообщил, выполняет ли команду", reached(at), russian(*limit))
        }
        F::ScriptLate { at, limit } => format!("{} не принял скрипт за {}", reached(at), russian(*limit)),
        F::ShellSilent { at, limit } => format!(
            "{} не начал выполнять скрипт за {}; не ждут ли чего-нибудь файлы запуска оболочки пользователя?",
            reached(at),
            russian(*limit)
        ),
        F::NoStatus => "хост не сообщил, чем закончилась команда".to_owned(),
        F::Lost { end: why } => format!("связь с хостом потеряна: {}", end(why)),
        F::ForwardingForbidden { at, wanted } => {
            format!("{} не разрешает RMM соединяться через него с {wanted}. {FORWARDING}", reached(at))
        }
        F::NotTaken { at, wanted, said } => {
            let said = said.as_deref().unwrap_or("там ничего не слушает или не отвечает");
            format!("{wanted} не принимает соединение с {}: {said}", reached(at))
        }
        F::NotForwarded { at, wanted, why } => format!("{wanted} недоступен с {}: {}", reached(at), refusal(why)),
        F::WantedLate { at, wanted, limit, asks } => format!(
            "{wanted} не отвечает на соединение с {} дольше {}{}",
            reached(at),
            russian(*limit),
            perhaps(asks.as_ref())
        ),
        F::NameUnknown { at, name } => {
            format!("у {} нет адреса для {name}: серверы имён его не знают или не отвечают", reached(at))
        }
        F::NameServersSilent { at, name, limit } => {
            format!("серверы имён за {} не ответили хосту {}, какой адрес у {name}", russian(*limit), reached(at))
        }
        F::JumpForbidden { wanted } => format!("он не разрешает RMM соединяться через него с {wanted}. {FORWARDING}"),
        F::NotTakenBehind { jump, wanted, said } => {
            let unsaid = format!("он отклоняет соединение, не отвечает или {jump} не знает его имени");
            let said = said.as_ref().unwrap_or(&unsaid);
            format!("{wanted} недоступен с промежуточного хоста {jump}: {said}")
        }
        F::NotForwardedBehind { jump, wanted, why } => {
            format!("{wanted} недоступен с промежуточного хоста {jump}: {}", refusal(why))
        }
        F::ClientFailed { address: None } => "сбой клиента SSH; это ошибка RMM".to_owned(),
        F::ClientFailed { address: Some(address) } => format!("{address}: сбой клиента SSH; это ошибка RMM"),
        F::ShuttingDown { address } => format!("{address}: RMM завершает работу"),
    }
}

fn login(user: &str, at: &str, fault: &LoginFault) -> String {
    use LoginFault as F;
    let what = match fault {
        F::PrivateKey { fault } => return format!("закрытый ключ для {user} на {at} {}", private_key(*fault)),
        F::Ended => {
            return format!(
                "{at}: соединение закрыто во время входа пользователя {user}; возможно, ему нельзя входить или слишком много \
                 попыток не удалось"
            );
        }
        F::Method { method, allowed } => {
            return format!(
                "{user} на {at} не может войти способом {method}: хост разрешает только {}. Измените способ входа этого \
                 хоста или его sshd_config",
                list(allowed)
            );
        }
        F::Password => "хост не принял пароль. Проверьте имя пользователя и пароль".to_owned(),
        F::Key { fingerprint, line } => format!(
            "хост не принял ключ {fingerprint}. На хосте, под этим пользователем: echo '{line}' >> ~/.ssh/authorized_keys"
        ),
        F::SecondProof { wanted } => format!(
            "хост требует второго подтверждения ({}), которого RMM не даёт. Разрешите этому пользователю входить с одним",
            list(wanted)
        ),
        F::MoreThanPassword => "хост спрашивает не только пароль. Используйте ключ".to_owned(),
    };
    format!("{user} на {at}: {what}")
}

/// Конец предложения о закрытом ключе.
pub(in crate::wording) fn private_key(fault: PrivateKeyFault) -> &'static str {
    use PrivateKeyFault as F;
    match fault {
        F::Public => "— это открытый ключ; укажите закрытый (файл без .pub)",
        F::NoKey => "— это не закрытый ключ в формате OpenSSH или PEM",
        F::NoPassphrase => "зашифрован; укажите его пароль как `passphrase` этого хоста в rmm.toml",
        F::WrongPassphrase => "не открывается: пароль неверен",
        F::NotOpened => "не открывается: пароль неверен или форма ключа неизвестна",
        F::Unreadable => "повреждён или в форме, которую RMM не читает; создайте ключ с помощью ssh-keygen",
    }
}

fn refusal(why: &ChannelRefusal) -> &str {
    match why {
        ChannelRefusal::Forbidden => "его настройки этого не разрешают",
        ChannelRefusal::NotConnected => "он не смог соединиться",
        ChannelRefusal::UnknownKind => "он не знает каналов этого вида",
        ChannelRefusal::ShortOfResources => "ему не хватает ресурсов",
        ChannelRefusal::Other { said } => said,
    }
}

fn end(how: &ConnectionEnd) -> String {
    use ConnectionEnd as E;
    match how {
        E::Unknown { at } => format!("{}: соединение закрыто", reached(at)),
        E::ByHost { at, said } => format!("{}: хост закрыл соединение: {said}", reached(at)),
        E::Silent { at } => format!("{}: хост больше не отвечает", reached(at)),
        E::Broken { at, said } => format!("{}: {said}", reached(at)),
        E::OfJump { address, jump, end } => {
            format!("{address}: соединение с промежуточным хостом {jump} закрыто: {}", self::end(end))
        }
    }
}

/// Что ещё может значить молчание, если хост спрашивает имя.
fn perhaps(asks: Option<&AsksFor>) -> String {
    let Some(AsksFor { name, host }) = asks else { return String::new() };
    let whom = host.as_ref().map_or("хосту", |host| host.as_str());
    format!("; возможно, серверы имён не сообщают {whom}, какой адрес у {name}")
}
