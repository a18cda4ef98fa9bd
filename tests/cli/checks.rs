//! A first configuration, what `rmm check` says of one, and the unit that runs it.

use super::*;

#[test]
fn a_first_configuration() {
    let place = Sandbox::empty();
    place.run(&["check"]).ends(2).says("rmm init");
    // No repository is made up.
    place.run(&["init", "--service", "shop", "--person", "ann"]).ends(2).says("--repository URL").says("--no-service");
    for arguments in [&["init", "--person", "ann"] as &[&str], &["init", "--no-service", "--person", "ann", "--force"]]
    {
        place
            .run(arguments)
            .ends(0)
            .says("It has no service yet")
            .says("rmm login-link ann")
            .says("Connect a repository");
        assert!(!fs::read_to_string(place.path("rmm.toml")).unwrap().contains("[[services]]\n"));
    }
    let shop = ["init", "--service", "shop", "--person", "ann", "--repository", "/srv/git/shop.git", "--force"];
    place.run(&shop).ends(0).says("rmm.toml is written").says("rmm serve").says("(/srv/git/shop.git)");
    place.run(&["init"]).ends(1).says("--force");
    place.run(&["init", "--force", "--service", "not a name"]).ends(2).says("--service");
    if rustix::process::geteuid().is_root() {
        // That user does not exist in a test.
        place.run(&["check"]).ends(2).says("useradd --create-home rmm-steps");
        let text = fs::read_to_string(place.path("rmm.toml")).unwrap();
        fs::write(place.path("rmm.toml"), text.replace("\"rmm-steps\"", "\"root\"")).unwrap();
    }
    let checked = place.run(&["check"]).ends(0).says("rmm.toml is right").says("RMM's database, keys and secrets");
    assert!(checked.out.contains("name = \"shop\"") && checked.out.contains("[server]"));
    let json = place.run(&["check", "--json"]).json();
    assert_eq!(json["configuration"]["services"][0]["name"], "shop");
    assert!(json["open_files"].as_u64().is_some_and(|most| most > 100), "{json}");
    let few = format!("ulimit -n 128 && exec '{}' check --quiet", env!("CARGO_BIN_EXE_rmm"));
    let mut limited = Command::new("sh");
    limited.args(["-c", &few]).current_dir(place.path("rmm.toml").parent().unwrap());
    finished(&mut limited).ends(0).says("128 open files only, and so 64 connections");
    // In a shell that has not RMM's secrets.
    let text = fs::read_to_string(place.path("rmm.toml")).unwrap();
    fs::write(place.path("rmm.toml"), text + "\n[telegram]\ntoken = \"env:RMM_NOBODY_HAS_SET_THIS\"\n").unwrap();
    let unset = "the environment variable `RMM_NOBODY_HAS_SET_THIS` is not set";
    place.run(&["check"]).ends(0).says("warning: ").says(unset).says("could not be looked up here");
    place.run(&["serve"]).ends(2).says(unset);
    // Beside an error it is none either; for the one that is to run, it is.
    let text = fs::read_to_string(place.path("rmm.toml")).unwrap();
    fs::write(place.path("rmm.toml"), text + "mesage = 1\n").unwrap();
    let told =
        place.run(&["check"]).ends(2).says("telegram.mesage: unknown key").says("warning: rmm.toml:").says(unset);
    told.says("could not be looked up here").says("1 error, 1 warning in the configuration");
    place.run(&["serve"]).ends(2).says("2 errors in the configuration");
    fs::write(place.path("rmm.toml"), "[server]\nlissten = \"x\"\n").unwrap();
    place.run(&["check"]).ends(2).says("rmm.toml:2:1").says("did you mean `listen`?");
    place.run(&["serve"]).ends(2);
}

#[test]
fn the_unit_of_systemd_names_this_program_and_keeps_it_in_bounds() {
    let place = Sandbox::empty();
    let unit = place.run(&["init", "--systemd"]).ends(0).out;
    let program =
        format!("ExecStart=\"{}\" serve --config \"{}\"", env!("CARGO_BIN_EXE_rmm"), place.path("rmm.toml").display());
    assert!(unit.contains(&program), "{unit}");
    assert!(!place.path("rmm.toml").exists());
    let path = place.path("rmm.service");
    fs::write(&path, &unit).unwrap();
    let mut judge = Command::new("systemd-analyze");
    // Of 100: what a service of the system without any bounds has is 96.
    match judge.args(["security", "--offline=true", "--no-pager", "--threshold=20"]).arg(&path).output() {
        Err(_) => eprintln!("skipped: there is no systemd-analyze, so the bounds of the unit are not judged"),
        Ok(judged) => assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout)),
    }
}

#[test]
fn a_check_says_what_a_start_would_say() {
    use std::os::unix::fs::PermissionsExt;
    let place = Sandbox::new();
    fs::create_dir(place.path("data")).unwrap();
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    place.run(&["check", "--quiet"]).ends(0).says_not("data directory");
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run(&["check", "--quiet"]).ends(0).says("others can put files into the data directory");
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    if is_root(&place) {
        let local = CONFIG.replacen("driver = \"ci\"", "driver = \"local\"", 1);
        let local = local.replace("checkout = false", "checkout = false\ndeploy = \"true\"");
        fs::write(place.path("rmm.toml"), local).unwrap();
        place.run(&["check", "--quiet"]).ends(2).says("run as root").says("cannot work");
        // One that has worked like this before starts.
        fs::write(place.path("data/rmm.db"), "").unwrap();
        place.run(&["check", "--quiet"]).ends(0).says("run as root").says_not("cannot work");
    }
}

#[test]
fn what_a_check_refuses_no_new_rmm_starts_with_and_one_with_releases_does() {
    let mut place = Sandbox::new();
    let ssh = CONFIG
        .replacen("driver = \"ci\"", "driver = \"ssh\"\nhosts = [\"box\"]", 1)
        .replace("driver = \"ci\"", "driver = \"ssh\"\nhosts = [\"box\"]");
    let ssh = ssh.replace("recipe = \"commands\"\ncheckout = false", "directory = \"/srv/shop\"");
    let ssh = ssh.replace("name = \"shop\"", "name = \"shop\"\nrepository = \"team/shop\"");
    let host = "[[hosts]]\nname = \"box\"\naddress = \"192.0.2.7\"\nuser = \"deploy\"\n";
    fs::write(place.path("word"), "sesame").unwrap();
    let (one_folder, no_key) =
        (format!("{ssh}{host}password = \"file:word\"\n"), format!("{CONFIG}{host}key = \"file:word\"\n"));
    let refused = [(&one_folder, "have the same folder on box"), (&no_key, "is no private key")];
    for (text, said) in refused {
        fs::write(place.path("rmm.toml"), text).unwrap();
        for verb in ["check", "serve"] {
            place.run(&[verb]).ends(2).says(said);
        }
        assert!(!place.path("data").exists());
    }
    fs::write(place.path("rmm.toml"), CONFIG).unwrap();
    place.serve();
    let commit = "c".repeat(40);
    place.run(&["release", "create", "--service", "shop", "--tag", "v1.0.0", "--commit", &commit]).ends(0);
    place.stop();
    for (text, said) in refused {
        fs::write(place.path("rmm.toml"), text).unwrap();
        place.run(&["check"]).ends(2).says(said);
        place.serve();
        place.stop();
    }
}

#[test]
fn a_check_opens_the_keys_of_hosts() {
    let place = Sandbox::new();
    let keygen = |name: &str, passphrase: &str| {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]).arg(place.path(name));
        assert!(keygen.status().unwrap().success());
    };
    keygen("good", "");
    keygen("locked", "open sesame");
    for (name, text) in [("right", "open sesame"), ("wrong", "open rye"), ("none", "just a text")] {
        fs::write(place.path(name), text).unwrap();
    }
    for (login, said) in [
        ("key = \"file:good\"", None),
        ("key = \"file:locked\"\npassphrase = \"file:right\"", None),
        ("key = \"file:locked\"\npassphrase = \"file:wrong\"", Some("the passphrase is wrong")),
        ("key = \"file:locked\"", Some("needs a passphrase")),
        ("key = \"file:none\"", Some("is no private key")),
    ] {
        let host =
            format!("{CONFIG}\n[[hosts]]\nname = \"prod-1\"\naddress = \"10.0.0.1\"\nuser = \"deploy\"\n{login}\n");
        fs::write(place.path("rmm.toml"), host).unwrap();
        let done = place.run(&["check", "--quiet"]);
        match said {
            None => done.ends(0),
            Some(said) => done.ends(2).says("host prod-1: the private key of file:").says(said),
        };
    }
}
