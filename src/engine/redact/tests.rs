//! What is hidden, and what is not.

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let secrets: Vec<_> = secrets.iter().map(|s| SecretString::from((*s).to_owned())).collect();
    Redactor::new(secrets.iter())
}

/// Feeds `text` in pieces of `size` bytes.
fn in_pieces(redactor: &Redactor, text: &[u8], size: usize) -> String {
    let (mut pending, mut out) = (Vec::new(), Vec::new());
    for piece in text.chunks(size) {
        pending.extend_from_slice(piece);
        let (ready, held) = redactor.piece(&pending);
        out.extend(ready);
        pending.drain(..pending.len() - held);
    }
    out.extend(redactor.last(&pending));
    String::from_utf8(out).expect("text")
}

#[test]
fn a_secret_is_hidden_wherever_the_pieces_are_cut() {
    let redactor = redactor(&["hunter22", "hunter22-long", "zzzz"]);
    let text = b"pw=hunter22 and hunter22-long; hunter; zzzzzz hunter22-lo end hunter2";
    let whole = String::from_utf8(redactor.last(text)).expect("text");
    assert_eq!(whole, "pw=••• and •••; hunter; ••• •••-lo end hunter2");
    for size in 1..=text.len() {
        assert_eq!(in_pieces(&redactor, text, size), whole, "pieces of {size}");
    }
}

#[test]
fn nothing_is_held_back_without_reason() {
    let redactor = redactor(&["hunter22"]);
    assert_eq!(redactor.piece(b"hello\n"), (b"hello\n".to_vec(), 0));
    assert_eq!(redactor.piece(b"a hunt"), (b"a ".to_vec(), 4));
    assert_eq!(Redactor::default().piece(b"a hunt"), (b"a hunt".to_vec(), 0));
}

#[test]
fn a_character_is_not_torn_apart() {
    let text = "a é € 🎉 z".as_bytes();
    for redactor in [Redactor::default(), redactor(&["hunter22"])] {
        for size in 1..=text.len() {
            let mut pending = Vec::new();
            for piece in text.chunks(size) {
                pending.extend_from_slice(piece);
                let (ready, held) = redactor.piece(&pending);
                assert!(std::str::from_utf8(&ready).is_ok());
                pending.drain(..pending.len() - held);
            }
        }
    }
    // What is no text is not waited for.
    assert_eq!(Redactor::default().piece(&[0xFF, 0x80, 0x80]).1, 0);
}

#[test]
fn short_values_hide_nothing_and_lines_count_each() {
    let redactor = redactor(&["ab", "first line\nsecond line\n"]);
    assert_eq!(redactor.text("ab first line, second line"), "ab •••, •••");
}

#[test]
fn a_secret_is_hidden_in_every_spelling_wherever_the_pieces_are_cut() {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    let secret = "s3cr\u{e9}t/\"it's\" $HOME & more?";
    let redactor = redactor(&[secret]);
    let hex = hex::encode(secret);
    let mut spelled = vec![
        hex.to_uppercase(),
        hex,
        serde_json::to_string(secret).unwrap(),
        serde_json::to_string(secret).unwrap().replace('/', "\\/").replace('\u{e9}', "\\u00e9"),
        "s3cr%C3%A9t%2F%22it%27s%22%20%24HOME%20%26%20more%3F".into(),
        "s3cr%c3%a9t%2f%22it%27s%22+%24HOME+%26+more%3f".into(),
        "s3cr%C3%A9t/%22it's%22%20$HOME%20&%20more?".into(),
        r#"'s3crét/"it'\''s" $HOME & more?'"#.into(),
        r#"'s3crét/"it'"'"'s" $HOME & more?'"#.into(),
        r#"s3crét/\"it\'s\"\ \$HOME\ \&\ more\?"#.into(),
        r#""s3crét/\"it's\" \$HOME & more?""#.into(),
        "s3cr\u{e9}t/&quot;it&#39;s&quot; $HOME &amp; more?".into(),
        "s3cr\u{e9}t/\"it's\"\n $HOME & more?".into(),
    ];
    for before in ["", "u", "us", "usr:"] {
        let text = format!("{before}{secret} behind it");
        spelled.push(BASE64_STANDARD.encode(&text));
        spelled.push(BASE64_URL_SAFE_NO_PAD.encode(&text));
        spelled.push(
            BASE64_STANDARD
                .encode(&text)
                .as_bytes()
                .chunks(20)
                .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
                .collect(),
        );
    }
    for spelled in spelled {
        let text = format!("before {spelled} after");
        let whole = String::from_utf8(redactor.last(text.as_bytes())).unwrap();
        assert!(whole.starts_with("before ") && whole.ends_with(" after"), "{whole}");
        assert!(whole.contains(HIDDEN), "{text} is not hidden");
        assert!(!whole.contains("HOME") && !whole.contains("SE9NR"), "{whole}");
        assert_eq!(whole, redactor.text(&text));
        for size in [1, 2, 3, 5, 7, 20, 64] {
            assert_eq!(in_pieces(&redactor, text.as_bytes(), size), whole, "pieces of {size}");
        }
    }
}

#[test]
fn usual_programs_spell_a_secret_in_no_way_that_passes() {
    let secret = "p<a&s>s~'w\"o+r/d`1";
    let redactor = redactor(&[secret, "first one&\nsecond two&\n"]);
    for spelled in [
        // Go, Rails, .NET and others in JSON; JSON in JSON.
        r#"p\u003ca\u0026s\u003es~'w\"o+r/d`1"#,
        r#"p\u003ca\u0026s\u003es~\u0027w\"o+r/d`1"#,
        r#"p\u003Ca\u0026s\u003Es~\u0027w\u0022o\u002Br/d\u00601"#,
        r#"p<a&s>s~'w\\\"o+r/d`1"#,
        // Forms, paths, users of addresses.
        "p%3Ca%26s%3Es%7E%27w%22o%2Br%2Fd%601",
        "p%3Ca&s%3Es~%27w%22o+r%2Fd%601",
        "p%3Ca&s%3Es~'w%22o+r%2Fd%601",
        "p%3ca%26s%3es~%27w%22o%2br%2fd%601",
        // Go and XML in pages.
        "p&lt;a&amp;s&gt;s~&#39;w&#34;o+r/d`1",
        "p&lt;a&amp;s&gt;s~&apos;w&quot;o+r/d`1",
        // SQL and YAML, tables, string literals.
        r#"'p<a&s>s~''w"o+r/d`1'"#,
        r#""p<a&s>s~'w""o+r/d`1""#,
        r#"'p<a&s>s~\'w"o+r/d`1'"#,
        // Dumps.
        "70 3c 61 26 73 3e 73 7e 27 77 22 6f 2b 72 2f 64 60 31",
        "70:3C:61:26:73:3E:73:7E:27:77:22:6F:2B:72:2F:64:60:31",
        r"\x70\x3c\x61\x26\x73\x3e\x73\x7e\x27\x77\x22\x6f\x2b\x72\x2f\x64\x60\x31",
        "0x70, 0x3c, 0x61, 0x26, 0x73, 0x3e, 0x73, 0x7e, 0x27, 0x77, 0x22, 0x6f, 0x2b, 0x72, 0x2f, 0x64, 0x60, 0x31",
        // One line of a secret of several.
        "second%20two%26",
        "c2Vjb25kIHR3byY=",
    ] {
        let shown = redactor.text(&format!("before {spelled} after"));
        let rest = shown.replace(HIDDEN, "");
        assert!(shown.contains(HIDDEN) && rest.len() <= "before '' after".len(), "{spelled}: {shown}");
    }
    // `Authorization: Basic` and a `docker config`: at each of the three places within four characters.
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    for user in ["a", "ab", "abc", "deploy"] {
        let shown = redactor.text(&format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{secret}"))));
        let rest = BASE64_STANDARD.encode(format!("{user}:"));
        assert!(shown.contains(HIDDEN) && shown.len() <= format!("Basic {rest}{HIDDEN}").len(), "{shown}");
    }
}

#[test]
fn what_shells_quote_and_other_programs_escape_is_hidden() {
    let cases: &[(&str, &[&str])] = &[
        ("Passw#rd<1>&x", &[r"Passw#rd\<1\>\&x", r"Passw\#rd\<1\>\&x"]),
        ("ab~cd#ef!gh%ij", &[r"ab~cd#ef\!gh%ij", r"ab\~cd\#ef\!gh\%ij"]),
        ("x{y}z,w^v[1]*?", &[r"x\{y\}z\,w\^v\[1\]\*\?"]),
        ("p@ss;w0rd=1:2|(3)", &[r"p@ss\;w0rd\=1:2\|\(3\)", r"p@ss\;w0rd=1:2\|\(3\)"]),
        ("home=~/k:~x;1", &[r"home=\~/k:\~x\;1"]),
        (
            "p\u{e4}ssw\u{f6}rd-\u{20ac}'1",
            &[
                r"p\u00e4ssw\u00f6rd-\u20ac'1",
                r"p\u00E4ssw\u00F6rd-\u20AC'1",
                r"p\\u00e4ssw\\u00f6rd-\\u20ac'1",
                r"p\\u00E4ssw\\u00F6rd-\\u20AC'1",
                r"p\303\244ssw\303\266rd-\342\202\254\'1",
                r"p'$'\303\244''ssw'$'\303\266''rd-'$'\342\202\254'''\''1",
                r"p\xc3\xa4ssw\xc3\xb6rd-\xe2\x82\xac'1",
                r"p\xC3\xA4ssw\xC3\xB6rd-\xE2\x82\xAC'1",
                r"p\xe4ssw\xf6rd-\u20ac\'1",
                r"p\u{e4}ssw\u{f6}rd-\u{20ac}'1",
                "p&#228;ssw&#246;rd-&#8364;'1",
                "p&#xE4;ssw&#xF6;rd-&#x20AC;&apos;1",
                "pa\u{308}sswo\u{308}rd-\u{20ac}'1",
                "p%25C3%25A4ssw%25C3%25B6rd-%25E2%2582%25AC%25271",
            ],
        ),
        (
            "key\u{e9}\u{1f389}/\"2",
            &[
                r#"key\u00e9\ud83c\udf89/\"2"#,
                r#"keyé\ud83c\udf89\/\"2"#,
                r#"key\\u00e9\\ud83c\\udf89/\\\"2"#,
                r#"keyé\\ud83c\\udf89/\\\"2"#,
                r#"key\u00e9\\ud83c\\udf89/\\\"2"#,
                r#"key\xe9\U0001f389/"2"#,
            ],
        ),
    ];
    for (secret, spellings) in cases {
        let redactor = redactor(&[secret]);
        for spelled in *spellings {
            let shown = redactor.text(&format!("before '{spelled}' after"));
            assert_eq!(shown, format!("before '{HIDDEN}' after"), "{spelled}");
        }
    }
}

#[test]
fn rare_spellings_are_hidden_too() {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    let secret = "Pa<+\u{c9}'$w\u{e9}/1";
    let redactor = redactor(&[secret]);
    for spelled in [
        // PHP, with what it escapes for pages.
        r"Pa\u003C+\u00c9\u0027$w\u00e9\/1",
        r"Pa\u003C\u002B\u00c9\u0027$w\u00e9/1",
        "Pa&lt;+&Eacute;&apos;$w&eacute;/1",
        "Pa&lt;+&Eacute;&#039;$w&eacute;/1",
        // No character as it is.
        "%50%61%3C%2B%C3%89%27%24%77%C3%A9%2F%31",
        "%50%61%3c%2b%c3%89%27%24%77%c3%a9%2f%31",
        r"\u0050\u0061\u003c\u002b\u00c9\u0027\u0024\u0077\u00e9\u002f\u0031",
        r"\u0050\u0061\u003C\u002B\u00C9\u0027\u0024\u0077\u00E9\u002F\u0031",
        r"\120\141\074\053\303\211\047\044\167\303\251\057\061",
        "&#80;&#97;&#60;&#43;&#201;&#39;&#36;&#119;&#233;&#47;&#49;",
        // Letters and digits alone.
        "Pa&#60;&#43;&#201;&#39;&#36;w&#233;&#47;1",
        "Pa&#x3c;&#x2b;&#xc9;&#x27;&#x24;w&#xe9;&#x2f;1",
        "Pa&#x3C;&#x2B;&#xC9;&#x27;&#x24;w&#xE9;&#x2F;1",
        "Pa%3C%2B%C9%27%24w%E9%2F1",
    ] {
        assert_eq!(
            redactor.text(&format!("before '{spelled}' after")),
            format!("before '{HIDDEN}' after"),
            "{spelled}"
        );
    }
    for (secret, spelled) in [
        // What browsers, Node and Rust keep of the password in an address; `escape` of JavaScript; Gson, Django, Handlebars, Java's properties.
        ("q7Zt+9/kLmN0pQ4rXs8==", "q7Zt+9%2FkLmN0pQ4rXs8%3D%3D"),
        ("q7Zt+9/kLmN0pQ4rXs8==", "q7Zt+9/kLmN0pQ4rXs8%3D%3D"),
        ("q7Zt+9/kLmN0pQ4rXs8==", r"q7Zt+9/kLmN0pQ4rXs8\u003d\u003d"),
        ("q7Zt+9/kLmN0pQ4rXs8==", r"q7Zt+9/kLmN0pQ4rXs8\u003D\u003D"),
        ("q7Zt+9/kLmN0pQ4rXs8==", "q7Zt+9&#x2F;kLmN0pQ4rXs8&#x3D;&#x3D;"),
        ("q7Zt+9/kLmN0pQ4rXs8==", r"q7Zt+9/kLmN0pQ4rXs8\=\="),
        ("q7Zt+9/kLmN0pQ4rXs8==", "q7Zt+9/kLmN0pQ4rXs8=3D=3D"),
        (secret, "Pa%3C+%u00C9%27%24w%u00E9/1"),
        // In its own way each.
        (secret, r"P&#x61;%3c\u002B%C3%89\x27&dollar;w\351%252f1"),
    ] {
        let shown = self::redactor(&[secret]).text(&format!("before {spelled} after"));
        assert_eq!(shown, format!("before {HIDDEN} after"), "{spelled}");
    }
    let latin_1 = b"before Pa<+\xC9'$w\xE9/1 after";
    assert_eq!(String::from_utf8_lossy(&redactor.last(latin_1)), format!("before {HIDDEN} after"));
    // The encoded command of PowerShell, wherever the secret stands in it.
    for before in ["", "$p='", "$pw='", "$pwd='"] {
        let script: Vec<u8> = format!("{before}{secret}'; run").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let encoded = BASE64_STANDARD.encode(script);
        let shown = redactor.text(&encoded);
        let rest = shown.replace(HIDDEN, "").len();
        assert!(shown.contains(HIDDEN) && rest < encoded.len() - 24, "{before}: {shown}");
    }
}

#[test]
fn what_is_encoded_more_than_once_is_hidden() {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    let secret = "pa\"ss/w\\ord?>~1+2";
    let redactor = redactor(&[secret]);
    let json = serde_json::to_string(secret).unwrap();
    for before in 0..80 {
        let encoded = BASE64_STANDARD.encode(format!("{}{json}", "x".repeat(before)));
        let in_lines: Vec<_> = encoded.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        for text in [in_lines.join("\n"), encoded.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")] {
            let shown = redactor.text(&text);
            let rest = shown.replace(HIDDEN, "").len();
            assert!(shown.contains(HIDDEN) && rest <= (before + 1) * 4 / 3 + 14, "{before}: {shown}");
        }
    }
    for twice in ["pa%2522ss%252Fw%255Cord%253F%253E~1%252B2", "pa%2522ss%252fw%255cord%253f%253e~1%252b2"] {
        assert_eq!(redactor.text(&format!("/x?to={twice}")), format!("/x?to={HIDDEN}"));
    }
}

#[test]
fn what_is_no_secret_is_shown() {
    let redactor = redactor(&["hunter22", "a&b c\"d"]);
    let log = "GET /a%26b?c=%22d 200 68:75:6e 0x68, 0x75 aHVudGVy hunter2 \\u0026 &amp; a&b c-d deadbeef hunter 22\n";
    assert_eq!(redactor.text(log), log);
}

#[test]
fn tokens_of_rmm_are_hidden_without_being_known() {
    let token = format!("rmm_{}", "0af1".repeat(16));
    let text = format!("a {token} b {} c rmm_{}\n{} d rmm_0af", &token[..67], &token[4..40], &token[40..]);
    let shown = format!("a ••• b {} c ••• d rmm_0af", &token[..67]);
    let redactor = Redactor::default();
    assert_eq!(redactor.text(&text), shown);
    for size in 1..=text.len() {
        assert_eq!(in_pieces(&redactor, text.as_bytes(), size), shown, "pieces of {size}");
    }
}

#[test]
fn lines_are_not_waited_for_without_reason_and_a_secret_without_end_is() {
    let redactor = redactor(&["r00t-secret", "0000"]);
    assert_eq!(redactor.piece(b"the server\n").1, 0);
    assert_eq!(redactor.piece(b"the ser").1, 1);
    assert_eq!(redactor.text("00\n00 r\n00t-secret"), "00\n00 r\n00t-secret");
    let mut pending = Vec::new();
    for _ in 0..1000 {
        pending.extend_from_slice(b"0000000000");
        let (ready, held) = redactor.piece(&pending);
        assert!(!ready.contains(&b'0'));
        pending.drain(..pending.len() - held);
        assert!(pending.len() < 500);
    }
}

#[test]
fn the_spellings_of_a_secret_are_bounded() {
    let password = "p\u{e4}<a&s>s~'w\"o+r/d`1 \u{1f389}";
    let key = format!("-----BEGIN KEY-----\n{}\n-----END KEY-----\n", vec!["Ab3/+".repeat(12); 50].join("\n"));
    for (secret, most, times) in [("hunter22", 60, 300), (password, 600, 2500), (key.as_str(), 250, 400)] {
        let redactor = redactor(&[secret]);
        let bytes: usize = redactor.patterns.iter().map(|pattern| pattern.expose_secret().len()).sum();
        let count = redactor.patterns.len();
        assert!(count <= most && bytes <= times * secret.len(), "{count} spellings, {bytes} bytes");
    }
}

proptest::proptest! {
    #[test]
    fn cuts_change_nothing(text in "[ab\n\r ]{0,40}", secrets in proptest::collection::vec("[ab]{4,9}", 1..4), size in 1..12_usize) {
        let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
        let redactor = redactor(&secrets);
        let whole = String::from_utf8(redactor.last(text.as_bytes())).unwrap();
        proptest::prop_assert_eq!(in_pieces(&redactor, text.as_bytes(), size), whole);
    }
}

#[test]
fn what_was_found_with_a_secret_in_it_is_told_without_the_facts() {
    use crate::domain::finding::{HostFact, Topic};
    let redactor = redactor(&["hunter22"]);
    let silent = |said: &str| HostFact::DockerSilent { user: "deploy".into(), said: said.into() };
    let hidden = |fact: HostFact| {
        let mut finding = Finding::fail(Topic::Docker, fact).with("sudo systemctl enable --now docker");
        redactor.hide_in(&mut finding);
        finding.found
    };
    assert_eq!(hidden(silent("no")), silent("no").into());
    assert_eq!(hidden(silent("no hunter22")), Found::Told("the daemon does not answer deploy: no •••".into()));
    let trusted_by = HostFact::FolderOfOther {
        path: "/srv".into(),
        user: "deploy".into(),
        own_folder: false,
        trust: "git config hunter22".into(),
    };
    let Found::Told(told) = hidden(trusted_by) else { panic!("facts") };
    assert!(!told.contains("hunter22"), "{told}");
}

#[test]
fn a_secret_is_hidden_through_what_cannot_be_seen_wherever_the_pieces_are_cut() {
    let redactor = redactor(&["canarySTEP+se/cret"]);
    let unseen: [&[u8]; 21] = [
        b"\x1b[01;31m\x1b[K",
        b"\x1b[m",
        b"\x1b[38:2::255:0:0m",
        b"\x1b7",
        b"\x1b(B",
        b"\x1b]8;;https://e.example/\x1b\\",
        b"\x1b]0;title\x07",
        b"\x1bPq#0\x1b\\",
        b"\x00",
        b"\x07",
        b"\x08",
        b"\x7f",
        b"\xff",
        b"\xe2\x80",
        "\u{200b}".as_bytes(),
        "\u{ad}".as_bytes(),
        "\u{202e}".as_bytes(),
        "\u{2066}".as_bytes(),
        "\u{feff}".as_bytes(),
        "\u{9b}31m".as_bytes(),
        "\u{e0041}".as_bytes(),
    ];
    for within in unseen {
        let (before, behind) = (b"pw=canary".as_slice(), b"STEP+se/cret, ann".as_slice());
        let text = [before, within, &behind[..4], within, &behind[4..]].concat();
        assert_eq!(redactor.last(&text), "pw=•••, ann".as_bytes(), "{}", text.escape_ascii());
        for size in 1..=text.len() {
            assert_eq!(in_pieces(&redactor, &text, size), "pw=•••, ann", "{} in pieces of {size}", text.escape_ascii());
        }
    }
    // In a sequence of its own, and behind one that never ends.
    assert_eq!(redactor.text("\u{1b}]8;;https://canarySTEP+se/cret\u{7}x"), "\u{1b}]8;;https://•••\u{7}x");
    assert_eq!(redactor.text("\u{1b}]8;;canarySTEP+se/cret"), "\u{1b}]8;;•••");
}

#[test]
fn what_cannot_be_seen_is_not_held_back_for_ever() {
    let redactor = redactor(&["hunter22"]);
    for endless in ["\u{1b}]8;;", "\u{200b}"] {
        let text = ["hunt", &endless.repeat(20_000)].concat();
        let (ready, held) = redactor.piece(text.as_bytes());
        assert!(ready.len() + held == text.len() && held < text.len() / 2, "{endless:?}: {held}");
    }
}

#[test]
fn a_token_is_hidden_within_what_is_encoded_wherever_the_pieces_are_cut() {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    let redactor = Redactor::default();
    let token = format!("{}{}", crate::store::tokens::PREFIX, "0123456789abcdef".repeat(4));
    for before in ["", "a", "ci", "ann:", "Bearer "] {
        for behind in ["", "\n", "@host", "~~~"] {
            let plain = format!("{before}{token}{behind}");
            for encoded in [BASE64_STANDARD.encode(&plain), BASE64_URL_SAFE_NO_PAD.encode(&plain)] {
                let wrapped = encoded.as_bytes().chunks(76).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b'\n');
                for text in [encoded.into_bytes(), wrapped] {
                    for size in [1, 7, 64, text.len()] {
                        let shown = in_pieces(&redactor, &text, size);
                        assert!(shown.contains(HIDDEN) && shown.len() < 30, "{plain:?} in pieces of {size}: {shown}");
                    }
                }
            }
        }
    }
    // What only begins like one is shown.
    let other =
        BASE64_STANDARD.encode("rmm_is_a_machine_that_releases_what_people_have_approved_and_nothing_else_at_all_ever");
    assert_eq!(redactor.text(&other), other);
}
