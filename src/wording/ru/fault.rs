//! Что мешает ответу по сети.

use crate::domain::fault::{
    AnswerFault, CertificateFault, DialFault, DialOutcome, HealthFault, Speaks, TlsFault, TrustFault,
};

use super::super::times::{day, russian};
use super::reason::reason;
use super::{behind, inside};

/// Почему нет соединения.
pub(super) fn dial(fault: &DialFault) -> String {
    use DialFault as F;
    match fault {
        F::Unresolved { name, said } => format!("имя {name} не разрешается в адрес{}", behind(said.as_deref())),
        F::NameServersSilent { name, limit } => {
            format!("серверы имён за {} не ответили, какой адрес у {name}", russian(*limit))
        }
        F::NoAddress { name } => format!("у имени {name} нет адреса"),
        F::Address { asked, outcome } => format!("{asked} {}", became(outcome)),
        F::Name { asked, tried } => match tried.as_slice() {
            [only] => format!("{asked} ({}) {}", only.address, became(&only.outcome)),
            several => {
                let each = several.iter().map(|one| format!("{} {}", one.address, became(&one.outcome)));
                format!("ни один из адресов {asked} не отвечает: {}", each.collect::<Vec<_>>().join("; "))
            }
        },
    }
}

/// Почему с хостом нельзя соединиться.
pub(super) fn host(fault: &DialFault) -> String {
    let alias = fault.perhaps_alias().map(|name| {
        format!(
            ". RMM не читает ~/.ssh/config: если {name} — псевдоним оттуда, укажите его HostName в `address`, а ProxyJump — \
             в `jump`"
        )
    });
    format!("{}{}", dial(fault), alias.unwrap_or_default())
}

fn became(outcome: &DialOutcome) -> String {
    use DialOutcome as O;
    match outcome {
        O::Refused => "отклоняет соединение: там ничего не слушает".to_owned(),
        O::TimedOut => "не отвечает".to_owned(),
        O::Late { limit } => format!("не отвечает дольше {}", russian(*limit)),
        O::Mute { limit } => format!("принимает соединение, но молчит дольше {}", russian(*limit)),
        O::Ended => "принимает соединение и сразу закрывает его".to_owned(),
        O::Unreachable { said } => format!("недоступен: {said}"),
        O::NotConnected { said } => format!("не даёт соединиться: {said}"),
    }
}

/// Почему проверка по сети не прошла.
pub(super) fn health(fault: &HealthFault) -> String {
    use HealthFault as F;
    match fault {
        F::NotAnAddress { url } => format!("{url} — это не адрес, который можно запросить"),
        F::NotForHosts { url } => format!("{url} — это не адрес, который можно запросить через хост"),
        F::NoPort { address } => format!("{address} — это не хост:порт"),
        F::NotOverNetwork => "команда — это не запрос по сети".to_owned(),
        F::CertificatesGone { url, reference } => {
            format!("{url} нельзя запросить: в rmm.toml больше не указан {reference}")
        }
        F::Untrusting { url, fault } => format!("{url} нельзя запросить: {}", trust(fault)),
        F::Unreached { asked, cause } => format!("{asked} недоступен: {}", inside(&reason(cause))),
        F::Late { asked, limit } => format!("{asked} принимает соединение, но не отвечает дольше {}", russian(*limit)),
        F::Status { url, status, said, .. } => {
            let redirects = if (300..400).contains(status) {
                ", а по перенаправлениям проверка не переходит"
            } else {
                ""
            };
            format!("{url} отвечает {status}{redirects}{}", behind(said.as_deref()))
        }
        F::WithoutText { url, status, wanted, said } => {
            format!("{url} отвечает {status}, но в ответе нет {wanted:?}{}", behind(said.as_deref()))
        }
        F::Unanswered { asked, fault } => format!("{asked} {}", answer(fault)),
    }
}

fn trust(fault: &TrustFault) -> String {
    match fault {
        TrustFault::NotPem => "файл из `ca` не в формате PEM".to_owned(),
        TrustFault::CertificateUnusable => "сертификат из файла `ca` не подходит".to_owned(),
        TrustFault::NotSetUp { said } => format!("не удалось настроить TLS: {said}"),
    }
}

/// Конец предложения, которое начинается с адреса.
pub(in crate::wording) fn answer(fault: &AnswerFault) -> String {
    use AnswerFault as F;
    match fault {
        F::NotAnAddress => "— это не адрес, который можно запросить".to_owned(),
        F::NoName => "— адрес с именем, на которое нельзя выдать сертификат".to_owned(),
        F::Tls { fault } => tls(fault),
        F::NotTls { speaks } => format!("принимает соединение, но это не TLS: {}", self::speaks(speaks)),
        F::CutBeforeTls => "принимает соединение и молча закрывает его; есть ли там TLS?".to_owned(),
        F::CutDuringTls { said } => format!("закрывает соединение во время рукопожатия TLS: {said}"),
        F::Http2BrokenOff { said } => format!("принимает соединение, но обрывает HTTP/2: {said}"),
        F::NotHttp { speaks: Some(speaks) } => {
            format!("принимает соединение, но отвечает не по HTTP: {}", self::speaks(speaks))
        }
        F::NotHttp { speaks: None } => "принимает соединение, но отвечает не по HTTP".to_owned(),
        F::CutBeforeHttp => "принимает соединение и закрывает его без ответа; может быть, нужен https://?".to_owned(),
    }
}

fn speaks(speaks: &Speaks) -> String {
    match speaks {
        Speaks::Tls => "там TLS; укажите адрес с https://".to_owned(),
        Speaks::Http => "там HTTP без TLS; укажите адрес с http://".to_owned(),
        Speaks::Http2 => "там только HTTP/2; проверяйте командой (`command`) или по https://".to_owned(),
        Speaks::Ssh => "там SSH".to_owned(),
        Speaks::Other { line } => format!("ответ начинается с «{line}»"),
    }
}

fn tls(fault: &TlsFault) -> String {
    use TlsFault as F;
    let fixed = match fault {
        F::Untrusted { cause } => {
            return format!("предъявляет сертификат, которому RMM не доверяет: {}", certificate(cause));
        }
        F::Alert { number, name: None } => {
            return format!("обрывает TLS с предупреждением номер {number}; причина должна быть в его логе");
        }
        F::Alert { name: Some(name), .. } => {
            return format!("обрывает TLS со словами «{name}»; причина должна быть в его логе");
        }
        F::NoCertificate => "не предъявляет сертификата",
        F::WantsCertificate => "требует сертификат клиента, а у RMM его нет; проверяйте командой (`command`)",
        F::NameUnknown => "не знает этого имени; укажите имя, на которое выдан его сертификат",
        F::TooOld => "не поддерживает ни TLS 1.2, ни TLS 1.3",
        F::NoHttp => "не поддерживает поверх TLS ни HTTP/1.1, ни HTTP/2",
        F::NothingInCommon => "и RMM не имеют общей версии TLS, шифра или вида ключа; нужен TLS 1.2 или 1.3",
        F::NoCipherInCommon => {
            "и RMM не имеют общего шифра или вида ключа; подойдёт сертификат с ключом ECDSA P-256 или RSA на 2048 бит"
        }
        F::NotTls => "работает там без TLS; адрес сервиса без TLS начинается с http://",
        F::AgainstRules => "нарушает правила TLS",
        F::Other => "не отвечает по TLS по неизвестной RMM причине; подробнее покажет `openssl s_client`",
    };
    fixed.to_owned()
}

fn certificate(fault: &CertificateFault) -> String {
    use CertificateFault as F;
    let fixed = match fault {
        F::Expired { since: Some(since) } => return format!("срок его действия истёк {}", day(*since)),
        F::NotYetValid { from: Some(from) } => return format!("он начнёт действовать только {}", day(*from)),
        F::OtherNames { names, wanted } => return format!("он выдан на {}, а не на {wanted}", names.join(", ")),
        F::NoName { wanted } => return format!("в нём нет имён (subjectAltName), а нужно {wanted}"),
        F::UnknownAuthority => {
            "центр, который его подписал, неизвестен; укажите сертификат центра в проверке: `ca = \"file:…\"`"
        }
        F::Expired { since: None } => "срок его действия истёк или кончается раньше, чем начинается",
        F::NotYetValid { from: None } => "он ещё не действует",
        F::OtherName => "он выдан на другое имя",
        F::WrongSignature => "его подпись неверна",
        F::NotOfItsAuthority => "он подписан не тем центром, который в нём указан",
        F::OtherAuthority => {
            "он подписан другим центром с тем же именем, что у центра в файле `ca`: файл от другого или от прежнего центра"
        }
        F::ShortAuthorityKey => "он подписан ключом RSA короче 2048 бит; центру нужен ключ длиннее",
        F::ShortKey => "его ключ RSA короче 2048 бит; выпустите сертификат заново с более длинным ключом",
        F::NotItsKey => "у сервера нет закрытого ключа от него",
        F::Damaged => "он повреждён: у него не та кодировка, что у сертификатов",
        F::UnknownExtension => "в нём есть критическое расширение, которого RMM не знает",
        F::SignatureNotTaken => {
            "он подписан способом, который RMM не принимает (например, SHA-1 или редкая кривая); подпишите его с SHA-256 и \
             ключом ECDSA P-256 или RSA"
        }
        F::Revoked => "он отозван",
        F::RevocationUnknown => "неизвестно, не отозван ли он",
        F::NotForServers => "он не для сервера (в его extendedKeyUsage нет serverAuth)",
        F::SelfSigned => "он подписан сам собой; укажите его в проверке: `ca = \"file:…\"`",
        F::VersionOne => {
            "это X.509 версии 1, которую больше не принимают; выпустите сертификат версии 3 с subjectAltName"
        }
        F::AuthorityDistrusted => "его центр лишён доверия",
        F::NotByAuthority => "он подписан сертификатом, который не принадлежит центру (нет CA:TRUE)",
        F::TooManyAuthorities => "в его цепочке больше центров, чем разрешает один из них",
        F::NameNotAllowed => "его центр не вправе подписывать это имя",
        F::ForNothing => "он ни для чего не предназначен: его extendedKeyUsage пуст",
        F::TwoSignatures => "в нём указаны два разных способа подписи",
        F::BadSerialNumber => "его серийный номер — не положительное число длиной до 20 байт",
        F::BadName => "имя в нём или в сертификате его центра записано неверно",
        F::BadExtensions => "его расширения повреждены",
        F::ChainTooLong => "его цепочка центров слишком длинна",
        F::Other => "он нарушает правило, для которого у RMM нет слов; что в нём, покажет `openssl x509 -text`",
    };
    fixed.to_owned()
}
