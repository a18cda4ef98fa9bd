//! `[[hosts]]`, the driver "ssh", and what can be said wrongly about them.

use super::{advice, first_line, parse_with, sentence};
use crate::config::{Config, ConfigErrors};
use crate::domain::env::Env;
use crate::domain::host::{Limits, Login};
use crate::domain::service::{Driver, Order, Probe, Via};

const KEY: &str = "not really\na private key";

fn read(text: &str) -> Result<Config, ConfigErrors> {
    parse_with(text, &[("PW", "hunter22"), ("KEY", KEY), ("PUB", "ssh-ed25519 AAAA ann@host")])
}

fn refused(text: &str) -> Vec<String> {
    let errors = read(text).expect_err("must be refused");
    errors.0.iter().map(|problem| first_line(&problem.to_string())).collect()
}

/// One host with the given keys, which begin in line 3.
fn host(keys: &str) -> String {
    format!("[[hosts]]\nname = \"a\"\n{keys}\n")
}

/// Keys of a host that is right, apart from the given one.
fn but(key: &str, instead: &str) -> String {
    let keys =
        [("address", "address = \"10.0.0.1\""), ("user", "user = \"deploy\""), ("login", "password = \"env:PW\"")];
    let keys: Vec<_> = keys.iter().filter(|(name, _)| *name != key).map(|(_, line)| *line).collect();
    host(&format!("{instead}\n{}", keys.join("\n")))
}

/// A service on hosts `a` and `b`. The keys of its surface begin in line 7, those of stage in line `8 +` their number.
fn on_hosts(surface: &str, stage: &str, production: &str) -> String {
    let login = "address = \"10.0.0.1\"\nuser = \"deploy\"\npassword = \"env:PW\"\n";
    format!(
        "[[services]]\nname = \"api\"\nrepository = \"team/api\"\napprovals.minimum = 0\n[[services.surfaces]]\n\
         name = \"app\"\n{surface}\n[services.environments.stage]\n{stage}\n[services.environments.production]\n\
         {production}\n[[hosts]]\nname = \"a\"\n{login}[[hosts]]\nname = \"b\"\n{login}"
    )
}

#[test]
fn a_host_has_defaults() {
    let config = read(&but("", "")).expect("valid");
    let [host] = &config.hosts[..] else { panic!("one host") };
    assert_eq!((host.address.to_string(), host.user.as_str()), ("10.0.0.1:22".into(), "deploy"));
    assert_eq!(host.login, Login::Password("env:PW".into()));
    assert_eq!((host.limits, &host.host_keys, &host.jump), (Limits::default(), &Vec::new(), &Vec::new()));
    assert!(
        config.warnings.iter().any(|warning| sentence(warning) == "no service runs on `a`"),
        "{:?}",
        config.warnings
    );
    let shown = config.effective();
    assert!(shown.contains("password = \"•••\" # env:PW\n") && !shown.contains("hunter22"), "{shown}");
}

#[test]
fn an_address_is_a_host_and_perhaps_a_port() {
    for (written, meant) in
        [("h.example", "h.example:22"), ("h:2222", "h:2222"), ("[::1]:23", "[::1]:23"), ("[::1]", "[::1]:22")]
    {
        let config = read(&but("address", &format!("address = \"{written}\""))).expect("valid");
        assert_eq!(config.hosts[0].address.to_string(), meant);
    }
    for bad in ["", "h:", "h:0", "h:65536", "h:+22", "ssh://h", "-o", "[h]:22", "h 1"] {
        let found = refused(&but("address", &format!("address = \"{bad}\"")));
        assert!(found[0].starts_with("3:11: hosts[0].address: must be a name or an IP address"), "{bad}: {found:?}");
    }
    let errors = read(&but("address", "address = \"root@h\"")).expect_err("refused");
    assert_eq!(first_line(&errors.to_string()), "3:11: hosts[0].address: must not name a user");
    assert!(errors.0[0].hint.is_some());
    let errors = read(&but("address", "address = \"fe80::1\"")).expect_err("refused");
    assert_eq!(advice(&errors.0[0]).as_deref(), Some("\"[fe80::1]:22\""));
}

#[test]
fn a_login_is_one_and_elsewhere() {
    let login = |keys: &str| refused(&but("login", keys));
    assert_eq!(
        login(""),
        ["1:1: hosts[0].key: is missing: RMM logs in by a `key` or by a `password`; give one of them"]
    );
    assert_eq!(
        login("password = \"env:PW\"\nkey = \"env:KEY\""),
        ["3:12: hosts[0].password: stands beside `key`; RMM logs in by one of them"]
    );
    assert_eq!(
        login("password = \"env:PW\"\npassphrase = \"env:PW\""),
        ["4:14: hosts[0].passphrase: opens a `key`, and there is none"]
    );
    assert_eq!(login("key = \"env:PUB\""), ["3:7: hosts[0].key: is a public key: it cannot be used to log in"]);
    assert_eq!(login("key = \"env:NO\""), ["3:7: hosts[0].key: the environment variable `NO` is not set"]);
    let config = read(&but("login", "key = \"env:KEY\"\npassphrase = \"env:PW\"")).expect("valid");
    assert_eq!(config.hosts[0].login, Login::Key { key: "env:KEY".into(), passphrase: Some("env:PW".into()) });
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_printed() {
    for written in [
        "password = \"hunter22\"",
        "pasword = \"hunter22\"",
        "password = [\"hunter22\"]",
        "password = hunter22",
        "key = \"\"\"\nhunter22\n\"\"\"",
        "limits = {}\nxyz = 1\nkey = 'hunter22'",
    ] {
        let errors = read(&but("login", written)).expect_err("refused").to_string();
        assert!(!errors.contains("hunter22"), "{errors}");
    }
    let inline = "hosts = [{ name = \"a b\", usr = 1, password = \"hunter22\" }]";
    assert!(!read(inline).expect_err("refused").to_string().contains("hunter22"));
    let errors = read(&but("login", "password = \"hunter22\"")).expect_err("refused");
    assert_eq!(
        errors.to_string(),
        "rmm.toml:3:12: hosts[0].password: must say where the secret is, instead of holding it\n\
         \x20     = hint: `password = \"env:NAME\"` takes it from RMM's environment, `password = \"file:PATH\"` from a \
         file that only RMM can read\n1 error in the configuration"
    );
}

#[test]
fn hosts_are_told_apart_and_local_is_none() {
    let found = refused(&format!("{}{}", but("", ""), but("", "")));
    assert_eq!(found, ["8:8: hosts[1].name: must be unique; hosts[0].name has the same value"]);
    let found = refused(&but("", "").replace("\"a\"", "\"local\""));
    assert_eq!(found, ["2:8: hosts[0].name: `local` is the machine that RMM itself runs on"]);
    let errors = read(&but("", "host_key = \"MD5:aa\"\nlimits = { idle = \"0s\" }")).expect_err("refused");
    assert!(advice(&errors.0[0]).as_deref().is_some_and(|hint| hint.contains("ssh-keygen -lf")), "{errors}");
    assert_eq!(first_line(&errors.0[1].to_string()), "4:19: hosts[0].limits.idle: must be longer than nothing");
}

#[test]
fn a_limit_in_which_nothing_can_be_done_is_refused() {
    let found = refused(&but("", "limits = { connect = \"1ns\", keepalive = \"99ms\", idle = \"100ms\" }"));
    assert_eq!(
        found,
        [
            "3:22: hosts[0].limits.connect: must be at least 100ms: nothing is done in less",
            "3:41: hosts[0].limits.keepalive: must be at least 100ms: nothing is done in less",
        ]
    );
}

fn pin(letter: &str) -> String {
    format!("SHA256:{}", letter.repeat(43))
}

#[test]
fn a_host_may_have_several_keys() {
    let keys = |written: &str| read(&but("", &format!("host_key = {written}")));
    let config = keys(&format!("\"{}\"", pin("A"))).expect("valid");
    assert_eq!(config.hosts[0].host_keys.len(), 1);
    assert!(config.effective().contains(&format!("\nhost_key = \"{}\"\n", pin("A"))), "{}", config.effective());
    let config = keys(&format!("[\"{}\", \"{}\"]", pin("A"), pin("B"))).expect("valid");
    assert_eq!(config.hosts[0].host_keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(), [pin("A"), pin("B")]);
    assert!(config.effective().contains(&format!("host_key = [\"{}\", \"{}\"]\n", pin("A"), pin("B"))));
    for (written, rule) in [
        ("[]", "3:12: hosts[0].host_key: must not be an empty list; leave the key out instead".to_owned()),
        ("1", "3:12: hosts[0].host_key: expected a string or a list of strings, found an integer".to_owned()),
        (&format!("[\"{0}\", \"{0}\"]", pin("A")), "3:67: hosts[0].host_key[1]: is there twice".to_owned()),
    ] {
        let errors = keys(written).expect_err("refused");
        assert_eq!(first_line(&errors.to_string()), rule);
    }
}

/// Hosts with what each says about the way there; the `jump` of host number N is in line 5 * N - 3.
fn hosts(jumps: &[(&str, &str)]) -> String {
    let one = |(name, jump): &(&str, &str)| {
        let jump = if jump.is_empty() { String::new() } else { format!("jump = {jump}") };
        format!(
            "[[hosts]]\n{jump}\nname = \"{name}\"\naddress = \"{name}.example\"\nuser = \"u\"\npassword = \"env:PW\"\n"
        )
    };
    jumps.iter().map(one).collect()
}

#[test]
fn the_way_to_a_host_leads_over_others() {
    let ways = |config: &Config| {
        let way = |host: &crate::domain::host::Host| {
            host.jump.iter().map(ToString::to_string).chain([host.name.to_string()]).collect::<Vec<_>>().join(" ")
        };
        config.hosts.iter().map(way).collect::<Vec<_>>()
    };
    let text = hosts(&[("a", ""), ("b", "\"a\""), ("c", "[\"b\"]"), ("d", "[\"b\", \"e\"]"), ("e", "\"a\"")]);
    let config = read(&text).expect("valid");
    // The list says how `e` is reached here; how `b` is reached, its own `jump` says.
    assert_eq!(ways(&config), ["a", "a b", "a b c", "a b e d", "a e"]);
    assert!(config.effective().contains("jump = [\"a\", \"b\", \"e\"]\n"), "{}", config.effective());
    let unused: Vec<_> =
        config.warnings.iter().filter(|warning| sentence(warning).contains("no service runs")).collect();
    assert_eq!(unused.len(), 2, "hosts on the way to others are of use: {unused:?}");
}

#[test]
fn a_way_that_leads_nowhere_is_refused_where_it_is_written() {
    let circle = hosts(&[("a", "\"b\""), ("b", "\"c\""), ("c", "\"a\"")]);
    assert_eq!(
        refused(&circle),
        [
            "2:8: hosts[0].jump: leads in a circle: a → c → b → a",
            "8:8: hosts[1].jump: leads in a circle: b → a → c → b",
            "14:8: hosts[2].jump: leads in a circle: c → b → a → c",
        ]
    );
    for (jump, rule) in [
        ("\"a\"", "2:8: hosts[0].jump: a host is not on the way to itself"),
        (
            "[\"bastion\", \"bastiom\"]",
            "2:20: hosts[0].jump[1]: `bastiom` is not among [[hosts]]; did you mean `bastion`?",
        ),
        ("\"local\"", "2:8: hosts[0].jump: `local` is RMM's own machine: every way begins there"),
        ("\"\"", "2:8: hosts[0].jump: must be the name of a host; leave the key out where RMM reaches the host itself"),
        ("[]", "2:8: hosts[0].jump: must not be an empty list; leave the key out instead"),
        ("[\"bastion\", \"bastion\"]", "2:8: hosts[0].jump: leads in a circle: bastion → bastion → a"),
    ] {
        assert_eq!(refused(&hosts(&[("a", jump), ("bastion", "")])), [rule]);
    }
    let names: Vec<_> = (0..10).map(|number| (format!("h{number}"), format!("\"h{}\"", number + 1))).collect();
    let mut long: Vec<_> = names.iter().map(|(name, jump)| (name.as_str(), jump.as_str())).collect();
    long.push(("h10", ""));
    assert!(refused(&hosts(&long))[0].starts_with("2:8: hosts[0].jump: leads over more than 8 hosts: "));
}

#[test]
fn authorities_are_read_when_the_file_is() {
    let made = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let two = format!("{pem}{pem}");
    let key = made.signing_key.serialize_pem();
    let with = |repository: &str, ca: &str, health: &str| {
        let text = format!(
            "[[services]]\nname = \"api\"\nrepository = \"{repository}\"\n{ca}\napprovals.minimum = 0\n\
             [[services.surfaces]]\nname = \"app\"\ndirectory = \"/srv\"\nrecipe = \"commands\"\ndeploy = \"d\"\n{health}\n\
             [services.environments.stage]\ndriver = \"local\"\n[services.environments.production]\ndriver = \"local\"\n\
             surfaces.app.directory = \"/srv/production\"\n"
        );
        parse_with(&text, &[("CA", &two), ("KEY", &key), ("NONE", "hello")])
    };
    let health = |ca: &str| format!("health = {{ url = \"https://h/\", ca = \"{ca}\" }}");
    let config = with("https://git.example/a.git", "repository_ca = \"env:CA\"", &health("env:CA")).expect("valid");
    assert_eq!(config.authorities.get("env:CA"), Some(two.as_str()));
    assert!(config.secrets.is_empty(), "they are no secrets");
    let shown = config.effective();
    assert!(shown.contains("repository_ca = \"env:CA\"\n") && shown.contains(", ca = \"env:CA\","), "{shown}");
    let said = |found: Result<Config, ConfigErrors>| first_line(&found.expect_err("refused").0[0].to_string());
    for (ca, rule) in [
        ("env:NONE", "holds no certificate"),
        ("env:KEY", "holds no certificate, only a private key"),
        ("env:NOT", "the environment variable `NOT` is not set"),
        ("file:ca.pem", "the file /etc/rmm/ca.pem does not exist"),
        ("/etc/ca.pem", "must be `file:PATH`: a file with certificates in PEM format"),
    ] {
        assert_eq!(said(with("a/b", "", &health(ca))), format!("11:37: services[0].surfaces[0].health.ca: {rule}"));
    }
    let place = "4:17: services[0].repository_ca: belongs to a `repository` with https://: only there is a certificate to look at";
    assert_eq!(said(with("git@host:a.git", "repository_ca = \"env:CA\"", "")), place);
    let plain = "health = { url = \"http://h/\", ca = \"env:CA\" }";
    assert!(said(with("a/b", "", plain)).contains("belongs to a `url` with https://"));
}

#[test]
fn surfaces_run_on_the_hosts_of_their_environment_or_their_own() {
    let config = read(&on_hosts(
        "directory = \"/srv\"\nbefore_deploy = \"b\"\nafter_deploy = \"a {{ host.name }}\"",
        "driver = \"ssh\"\nhosts = [\"a\"]\nsurfaces.app.directory = \"/stage\"",
        "driver = \"ssh\"\nhosts = [\"a\", \"b\"]\nrun_timeout = \"1h\"\nsurfaces.app.hosts = [\"b\", \"a\"]",
    ))
    .expect("valid");
    let api = &config.services[0];
    assert_eq!((&api.stage().driver, api.stage().surfaces.len()), (&Driver::Ssh, 1));
    assert_eq!(api.production().run_timeout.as_secs(), 3600);
    let in_environment = |kind| {
        let surface = api.surfaces_in(kind).next().expect("a surface");
        let hosts: Vec<_> = surface.hosts.iter().map(|place| (place.host.as_str(), place.address.as_str())).collect();
        (hosts, surface.order)
    };
    assert_eq!(in_environment(Env::Stage), (vec![("a", "10.0.0.1")], Order::Parallel));
    let production = (vec![("b", "10.0.0.1"), ("a", "10.0.0.1")], Order::Rolling);
    assert_eq!(in_environment(Env::Production), production);
    assert!(api.surfaces[0].logs.as_deref().is_some_and(|logs| logs.starts_with("docker compose ps --all;")));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_driver_ssh_must_know_where() {
    let ci = "driver = \"ci\"";
    assert_eq!(
        refused(&on_hosts("directory = \"srv\"", "driver = \"ssh\"", ci)),
        [
            "5:1: services[0].surfaces[0].hosts: is missing: the driver \"ssh\" must know where the surface runs",
            "7:13: services[0].surfaces[0].directory: must be an absolute path on the host",
        ]
    );
    assert_eq!(
        refused(&on_hosts("directory = \"/srv\"", "driver = \"ssh\"\nhosts = [\"a\", \"a\", \"aa\", \"local\"]", ci)),
        [
            "10:15: services[0].environments.stage.hosts[1]: must be unique; services[0].environments.stage.hosts[0] \
             has the same value",
            "10:20: services[0].environments.stage.hosts[2]: `aa` is not among [[hosts]]",
            "10:26: services[0].environments.stage.hosts[3]: `local` is not among [[hosts]]",
        ]
    );
    assert_eq!(
        refused(&on_hosts("directory = \"/srv\"", "driver = \"ssh\"\nhosts = []\nreport_timeout = \"1h\"", ci)),
        [
            "5:1: services[0].surfaces[0].hosts: is missing: the driver \"ssh\" must know where the surface runs",
            "10:9: services[0].environments.stage.hosts: must name at least one host",
            "11:18: services[0].environments.stage.report_timeout: belongs to the driver \"ci\": there are no reports about \
             runs of RMM's own",
        ]
    );
}

#[test]
fn other_drivers_have_no_hosts() {
    let found = refused(&on_hosts(
        "directory = \"/srv\"\nhosts = [\"a\"]",
        "driver = \"local\"\nhosts = [\"a\"]\norder = \"rolling\"",
        "driver = \"ci\"\nrun_timeout = \"1h\"\nsurfaces.app.hosts = [\"b\"]",
    ));
    assert_eq!(
        found,
        [
            "8:9: services[0].surfaces[0].hosts: belongs to the driver \"ssh\", and neither environment of the service \
             has it",
            "11:9: services[0].environments.stage.hosts: belongs to the driver \"ssh\", and the driver here is \
             \"local\"",
            "12:9: services[0].environments.stage.order: belongs to the driver \"ssh\", and the driver here is \
             \"local\"",
            "15:15: services[0].environments.production.run_timeout: belongs to the drivers \"ssh\" and \"local\": a \
             CI ends its runs itself",
            "16:22: services[0].environments.production.surfaces.app.hosts: belongs to the driver \"ssh\", and the \
             driver here is \"ci\"",
        ]
    );
}

#[test]
fn code_in_a_folder_of_this_machine_is_warned_about() {
    let text = on_hosts("directory = \"/srv\"", "driver = \"ssh\"\nhosts = [\"a\", \"b\"]", "driver = \"ci\"");
    assert!(read(&text).expect("valid").warnings.is_empty());
    let config = read(&text.replace("team/api", "/srv/git/api")).expect("valid");
    assert_eq!(config.warnings.len(), 1);
    assert!(first_line(&config.warnings[0].to_string()).starts_with("3:14: services[0].repository: is a path, and"));
}

#[test]
fn health_is_asked_on_the_host_unless_it_is_https() {
    let probe = |keys: &str| {
        let text = super::surface(&format!("directory = \"/srv\"\nhealth = {{ {keys} }}"));
        read(&text).map(|config| config.services[0].surfaces[0].health.clone().expect("health").probe)
    };
    let refusal = |keys: &str| first_line(&probe(keys).expect_err("refused").0[0].to_string());
    assert!(matches!(probe("url = \"http://x/\""), Ok(Probe::Http { via: Via::Host, status: None, .. })));
    let asked = probe("url = \"https://x/\", status = 204, body = \"ok\"");
    assert!(matches!(asked, Ok(Probe::Http { via: Via::Rmm, status: Some(204), body: Some(_), .. })), "{asked:?}");
    let asked = probe("tcp = \"{{ host.address }}:5432\", via = \"rmm\"");
    assert!(matches!(asked, Ok(Probe::Tcp { via: Via::Rmm, .. })), "{asked:?}");
    assert_eq!(
        refusal("url = \"https://x/\", via = \"host\""),
        "10:38: services[0].surfaces[0].health.via: an https:// address is asked from RMM's own machine only"
    );
    assert_eq!(
        refusal("command = \"true\", via = \"host\""),
        "10:36: services[0].surfaces[0].health.via: belongs to `url` and `tcp`: a command always runs on the host"
    );
    assert_eq!(
        refusal("tcp = \"x:1\", status = 200"),
        "10:34: services[0].surfaces[0].health.status: belongs to `url`: only its answer has a status and a body"
    );
    assert_eq!(
        refusal("tcp = \"x\""),
        "10:18: services[0].surfaces[0].health.tcp: must be a host and a port, such as \"127.0.0.1:5432\" or \
         \"[::1]:5432\""
    );
    for quoted in [
        "tcp = \"'{{ host.address }}':5432\"",
        "tcp = '\"{{ host.address }}\":5432'",
        "tcp = \"{{ host.address }}: 5432\"",
    ] {
        assert!(refusal(quoted).contains("must be a host and a port"), "{quoted}");
    }
    assert_eq!(
        refusal("url = \"http://x/\", status = 99"),
        "10:40: services[0].surfaces[0].health.status: must be from 100 to 599"
    );
}
