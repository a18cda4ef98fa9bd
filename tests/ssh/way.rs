//! The way to a host: over others, past keys that it has besides, and through it to what listens there.

use crate::host::{Fault, Host};
use crate::shop::{More, Plan, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_goes_through_a_bastion_that_is_trusted_and_breaks() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let Some(bastion) = Host::up() else { return };
    let (host, name) = (&shop.hosts[0], bastion.name().to_owned());
    let entry = bastion.entry(&format!("key = \"file:{}\"", bastion.key_path()), false);
    shop.reconfigure("[[people]]", &format!("{entry}[[people]]")).await;
    let itself = format!("name = \"{}\"\naddress", host.name());
    let behind = format!("name = \"{}\"\njump = \"{name}\"\naddress", host.name());
    shop.reconfigure(&itself, &behind).await;
    // Without the bastion, RMM has asked the host at its start what its last run was.
    let direct = |log: &str| log.lines().filter(|line| line.contains("Accepted publickey")).count();
    let before = direct(&host.sshd_log());

    let release = shop.world.release_of_tag("v1").await;
    let said = shop.waits_for(release, &format!("rmm host trust {name}")).await;
    assert!(said.contains(bastion.fingerprint()) && said.contains(&format!("the jump host {name}")), "{said}");
    let (done, said) = shop.rmm(&format!("host check {}", host.name()), None);
    assert!(!done && said.contains(&format!("the jump host {name}: {}", bastion.fingerprint())), "{said}");
    let log = bastion.sshd_log();
    assert!(!log.contains("Accepted") && !log.contains("Failed"), "{log}");
    assert_eq!(direct(&host.sshd_log()), before);
    shop.choose("v1 stage deploy deploy");
    let (done, said) = shop.rmm(&format!("host trust {name} --fingerprint {}", bastion.fingerprint()), None);
    assert!(done, "{said}");

    // The bastion breaks in the middle of a step, and is away for a while.
    shop.until_line(5).await;
    bastion.cut(Fault::Down);
    shop.waits_for(release, &name).await;
    bastion.heal();
    shop.world.until(release, "manual_testing").await;
    shop.is_deployed_once();
    let log = host.sshd_log();
    let accepted = || log.lines().filter(|line| line.contains("Accepted publickey")).skip(before);
    assert!(accepted().count() > 0 && accepted().all(|line| line.contains(bastion.address())), "{log}");

    let (done, said) = shop.rmm(&format!("host check {} {name}", host.name()), None);
    assert!(done, "{said}");
    for part in [
        format!("through {name} (deploy at {}:22)", bastion.address()),
        format!("{} at {}:22 takes connections from here", host.name(), host.address()),
        "no service runs here".to_owned(),
    ] {
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&part), "no {part} in {said}");
    }
    assert!(shop.rmm("host list", None).1.contains(&format!("through {name}")));
    shop.world.quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_any_type_is_pinned_and_checked_as_runs_ask_for_it() {
    let keys = &[("RMM_HOST_KEY", "rsa"), ("RMM_HOST_MORE_KEYS", "ed25519 ecdsa")];
    let Some(shop) = Shop::with(&[Plan { host: keys, ..Plan::default() }], &More::default()).await else { return };
    let host = &shop.hosts[0];
    let (done, said) = shop.rmm(&format!("host check {}", host.name()), None);
    assert!(done && said.contains(host.fingerprint()), "{said}");
    let release = shop.world.release_of_tag("v1").await;
    shop.world.until(release, "manual_testing").await;
    let list = shop.rmm("host list", None).1;
    assert!(list.contains("pinned") && list.contains(host.fingerprint()), "{list}");
    let other = format!("[\"SHA256:{}\", \"{}\"]", "A".repeat(43), host.fingerprint());
    shop.reconfigure(&format!("\"{}\"", host.fingerprint()), &other).await;
    let (done, said) = shop.rmm(&format!("host check {}", host.name()), None);
    assert!(done && said.contains(host.fingerprint()), "{said}");
    let events = serde_json::Value::from(shop.world.events().await).to_string();
    assert!(!events.contains("host_key_changed"), "{events}");
    shop.world.quiet().await;
}

#[tokio::test]
async fn an_admin_may_trust_a_key_that_the_host_does_not_show_first() {
    let keys = &[("RMM_HOST_KEY", "rsa"), ("RMM_HOST_MORE_KEYS", "ed25519")];
    let plan = Plan { host: keys, unpinned: true, ..Plan::default() };
    let Some(shop) = Shop::with(&[plan], &More::default()).await else { return };
    let (host, name) = (&shop.hosts[0], shop.hosts[0].name());
    let release = shop.world.release_of_tag("v1").await;
    let said = shop.waits_for(release, "rmm host trust").await;
    assert!(!said.contains(host.fingerprint()), "{said}");
    let stranger = format!("SHA256:{}", "A".repeat(43));
    let (done, said) = shop.rmm(&format!("host trust {name} --fingerprint {stranger}"), None);
    assert!(!done && said.contains("has shown"), "{said}");
    let (done, said) = shop.rmm(&format!("host trust {name} --fingerprint {}", host.fingerprint()), None);
    assert!(done, "{said}");
    shop.world.until(release, "manual_testing").await;
    let (done, said) = shop.rmm(&format!("host check {name}"), None);
    assert!(done && said.contains(host.fingerprint()), "{said}");
    let events = serde_json::Value::from(shop.world.events().await).to_string();
    assert!(!events.contains("host_key_changed"), "{events}");
    shop.world.quiet().await;
}

#[tokio::test]
async fn a_host_that_forwards_no_connections_is_found_before_and_told_after() {
    let health = "{ url = \"http://127.0.0.1:8080/ok\", wait = \"1ms\", interval = \"10ms\", attempts = 2 }";
    let plan = Plan { sshd: "AllowTcpForwarding no", ..Plan::default() };
    let Some(shop) = Shop::with(&[plan], &More { surface: &[("health", health)], ..More::default() }).await else {
        return;
    };
    let host = &shop.hosts[0];
    let (done, said) = shop.rmm(&format!("host check {}", host.name()), None);
    assert!(!done && said.contains("FAIL  forwarding") && said.contains("AllowTcpForwarding local"), "{said}");
    assert!(said.contains("ok    repository") && said.contains("ok    run files"), "{said}");
    let release = shop.world.release_of_tag("v1").await;
    shop.world.until(release, "stage_building_failed").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains("AllowTcpForwarding"), "{reason}");
    shop.world.quiet().await;
}

#[tokio::test]
async fn whatever_a_release_would_stumble_over_is_found_before() {
    let surface = [("health", "{ tcp = \"nowhere.invalid:5432\" }"), ("min_free", "\"900 TB\"")];
    let more = More { surface: &surface, ..More::default() };
    let Some(shop) = Shop::with(&[Plan::default()], &more).await else { return };
    let (host, name) = (&shop.hosts[0], shop.hosts[0].name());
    host.sh(
        "echo 'export RES_OPTIONS=\"timeout:1 attempts:1\"' >.bashrc
         git init -q production && echo 'blog stage' >production/.git/rmm-place
         mkdir -p .rmm/shop.stage/1-ab && cd .rmm/shop.stage && echo other-1-ab >1-ab/token && printf 'other-1-ab\\n1-ab\\nword\\n' >holder",
    );
    let (done, said) = shop.rmm(&format!("host check {name}"), None);
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!done, "{said}");
    for part in [
        "FAIL forwarding a health check asks nowhere.invalid:5432 through the host",
        "FAIL place app of shop on stage in /home/deploy/stage: The disk of /home/deploy/stage has",
        "FAIL place app of shop on production in /home/deploy/production: the folder /home/deploy/production is held by blog on stage",
    ] {
        assert!(line.contains(part), "no {part} in {said}");
    }
    let holder = format!("FAIL holder the last run on {name} was other-1-ab, of another RMM installation");
    assert!(line.contains(&holder), "no {holder} in {said}");
    assert_eq!(
        host.sh("ls -A .rmm/shop.stage .rmm/shop.stage/1-ab | xargs").trim(),
        ".rmm/shop.stage: 1-ab holder .rmm/shop.stage/1-ab: token"
    );
    host.sh("rm -r .rmm/shop.stage production");
    let said = shop.rmm(&format!("host check {name}"), None).1;
    assert!(!said.contains("holder"), "{said}");
}

#[tokio::test]
async fn a_jump_host_that_leads_nowhere_is_told_with_what_to_type() {
    let plan = Plan { sshd: "AllowTcpForwarding no", ..Plan::default() };
    let Some(shop) = Shop::with(&[Plan::default(), plan], &More::default()).await else { return };
    let (host, bastion) = (shop.hosts[0].name(), shop.hosts[1].name());
    let behind = format!("name = \"{host}\"\njump = \"{bastion}\"\naddress");
    shop.reconfigure(&format!("name = \"{host}\"\naddress"), &behind).await;
    let (done, said) = shop.rmm(&format!("host check {bastion}"), None);
    assert!(!done && said.contains("FAIL  leads to") && said.contains("echo 'AllowTcpForwarding local'"), "{said}");
    let (done, said) = shop.rmm(&format!("host check {host}"), None);
    assert!(!done && said.contains(&format!("at the jump host {bastion}: it does not allow")), "{said}");
    let list = shop.rmm("host list", None).1;
    assert!(list.contains(&format!("jump host of {host}")), "{list}");
}

#[tokio::test]
async fn a_key_is_trusted_at_once_if_the_host_shows_it_and_an_account_without_a_shell_is_told() {
    let plan = Plan { host: &[("RMM_HOST_SHELL", "/usr/sbin/nologin")], unpinned: true, ..Plan::default() };
    let Some(shop) = Shop::with(&[plan], &More::default()).await else { return };
    let (host, name) = (&shop.hosts[0], shop.hosts[0].name());
    let stranger = format!("SHA256:{}", "A".repeat(43));
    let (done, said) = shop.rmm(&format!("host trust {name} --fingerprint {stranger}"), None);
    assert!(!done && said.contains("has shown") && said.contains(host.fingerprint()), "{said}");
    let (done, said) = shop.rmm(&format!("host trust {name} --fingerprint {}", host.fingerprint()), None);
    assert!(done, "{said}");
    let (done, said) = shop.rmm(&format!("host check {name}"), None);
    assert!(!done, "{said}");
    let fix = format!("sudo usermod --shell /bin/sh {}", host.user());
    assert!(said.contains("FAIL  shell") && said.contains(&fix), "{said}");
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        line.contains("nologin and false do not") && line.contains("account is currently not available."),
        "{said}"
    );
    let release = shop.world.release_of_tag("v1").await;
    shop.world.until(release, "stage_building_failed").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains("login shell must run commands there; nologin and false do not"), "{reason}");
    shop.world.quiet().await;
}
