//! The ways into a host, and hosts that allow no login or have no room.

use std::process::Command;

use crate::host::Host;
use crate::shop::{Login, More, Plan, Shop};
use crate::world::Setup;

/// A host that asks for the password in a dialogue only.
const DIALOGUE: &str = "PasswordAuthentication no; KbdInteractiveAuthentication yes";

fn by_password(host: &Host, setup: &mut Setup) -> String {
    setup.variables.push(("PASSWORD_OF_HOST".into(), host.password().into()));
    "password = \"env:PASSWORD_OF_HOST\"".to_owned()
}

fn by_password_in_a_file(host: &Host, _: &mut Setup) -> String {
    format!("password = \"file:{}\"", private(host, "password", host.password()))
}

fn by_wrong_password(host: &Host, _: &mut Setup) -> String {
    format!("password = \"file:{}\"", private(host, "password", "not the password"))
}

fn by_wrong_key(host: &Host, _: &mut Setup) -> String {
    let file = format!("{}-wrong", host.key_path());
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &file]).status();
    assert!(made.unwrap().success());
    format!("key = \"file:{file}\"")
}

fn by_locked_key(host: &Host, _: &mut Setup) -> String {
    let file = private(host, "locked-key", &std::fs::read_to_string(host.key_path()).unwrap());
    let made = Command::new("ssh-keygen").args(["-q", "-p", "-P", "", "-N", "open sesame", "-f", &file]).output();
    assert!(made.unwrap().status.success());
    format!("key = \"file:{file}\"\npassphrase = \"file:{}\"", private(host, "passphrase", "open sesame"))
}

/// A file beside the host's home that only its owner reads.
fn private(host: &Host, name: &str, text: &str) -> String {
    let path = host.home("../..").join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn plan(login: Login) -> Plan {
    Plan { login: Some(login), ..Plan::default() }
}

#[tokio::test]
async fn a_password_a_dialogue_and_a_locked_key_open_hosts() {
    let plans = [
        plan(by_password),
        Plan { sshd: DIALOGUE, ..plan(by_password_in_a_file) },
        Plan { sshd: "PasswordAuthentication no", ..plan(by_locked_key) },
    ];
    let Some(shop) = Shop::with(&plans, &Default::default()).await else { return };
    let release = shop.world.release_of_tag("v1").await;
    shop.world.until(release, "manual_testing").await;
    shop.is_deployed_once();
    let secrets = [shop.hosts[0].password(), shop.hosts[1].password(), "open sesame"];
    for secret in secrets {
        assert_eq!(shop.world.files_with(secret.as_bytes()), Vec::<std::path::PathBuf>::new());
        assert!(!shop.world.log().contains(secret));
    }
}

#[tokio::test]
async fn a_refused_login_ends_the_run_before_anything_is_touched() {
    const NOLOGIN: &[(&str, &str)] = &[("RMM_HOST_SHELL", "/usr/sbin/nologin")];
    const FALSE: &[(&str, &str)] = &[("RMM_HOST_SHELL", "/bin/false")];
    let refusals = [
        (plan(by_wrong_password), "did not accept the password"),
        (Plan { sshd: DIALOGUE, ..plan(by_wrong_password) }, "did not accept the password"),
        (Plan { sshd: "PasswordAuthentication no", ..plan(by_password) }, "allows only publickey"),
        (plan(by_wrong_key), "did not accept the key SHA256:"),
        (Plan { host: NOLOGIN, ..Plan::default() }, "login shell must run commands"),
        (Plan { host: FALSE, ..Plan::default() }, "login shell must run commands"),
    ];
    let stories = refusals.map(async |(plan, why)| {
        let Some(shop) = Shop::with(&[plan], &Default::default()).await else { return };
        let host = &shop.hosts[0];
        let release = shop.world.release_of_tag("v1").await;
        let run = shop.run_in(release, "failed").await;
        let reason = shop.world.reason(release).await;
        assert!(reason.contains(host.name()) && reason.contains(why), "{reason:?} should say {why:?}: {run}");
        assert_eq!(shop.ledger(0), [""; 0]);
        assert!(!host.home(".rmm").exists());
        shop.world.quiet().await;
    });
    futures_util::future::join_all(stories).await;
}

const SMALL: &[(&str, &str)] = &[("RMM_HOST_DISK", "1m")];

/// RMM's files on the host lie on the small disk.
async fn on_a_small_disk() -> Option<Shop> {
    let health = "{ command = \"step\", wait = \"1ms\", interval = \"10ms\", attempts = 2 }";
    let more = More { surface: &[("health", health)], ..More::default() };
    let shop = Shop::with(&[Plan { host: SMALL, ..Plan::default() }], &more).await?;
    shop.hosts[0].sh("ln -s small .rmm");
    Some(shop)
}

fn fill(host: &Host) {
    host.sh(
        "head -c 4M /dev/zero 2>/dev/null >small/ballast || true; head -c 1 /dev/zero 2>/dev/null >small/more || true",
    );
}

#[tokio::test]
async fn a_full_disk_ends_a_run_before_its_first_step() {
    let Some(shop) = on_a_small_disk().await else { return };
    let host = &shop.hosts[0];
    fill(host);
    let release = shop.world.release_of_tag("v1").await;
    shop.run_in(release, "failed").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains(host.name()) && reason.contains("cannot be written"), "{reason:?}");
    assert_eq!(shop.ledger(0), [""; 0]);
    host.sh("rm small/ballast");
    let release = shop.world.release_of_tag("v2").await;
    shop.world.until(release, "manual_testing").await;
}

#[tokio::test]
async fn a_disk_with_too_little_room_for_a_deploy_is_left_alone() {
    let more = More { place: Some("/home/deploy/small"), ..More::default() };
    let Some(shop) = Shop::with(&[Plan { host: SMALL, ..Plan::default() }], &more).await else { return };
    shop.hosts[0].sh("head -c 984k /dev/zero > small/ballast");
    let release = shop.world.release_of_tag("v1").await;
    shop.run_in(release, "failed").await;
    let printed = shop.world.printed(shop.world.last_run(release).await).await;
    assert!(printed.contains("The disk of /home/deploy/small/stage has 40 KiB free"), "{printed}");
    assert_eq!(shop.ledger(0), [""; 0]);
    assert!(!shop.hosts[0].home("small/stage").exists());
}

#[tokio::test]
async fn a_checkout_that_fills_the_disk_fails_and_says_so() {
    let surface = &[("min_free", "\"0\"")];
    let more = More { place: Some("/home/deploy/small"), surface, ..More::default() };
    let Some(shop) = Shop::with(&[Plan { host: SMALL, ..Plan::default() }], &more).await else { return };
    let host = &shop.hosts[0];
    host.sh("head -c 984k /dev/zero > small/ballast");
    let release = shop.world.release_of_tag("v1").await;
    shop.run_in(release, "failed").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains(host.name()) && reason.contains("its disk has 0 KiB left; make room there"), "{reason:?}");
    let ledger = shop.ledger(0);
    assert!(
        ledger.iter().all(|step| ["fetch", "verify_tag", "checkout"].iter().any(|git| step.contains(git))),
        "{ledger:?}"
    );
}

/// The result has its room reserved; only what would come next finds none.
#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_of_a_step_does_not_hide_its_result() {
    let Some(shop) = on_a_small_disk().await else { return };
    let host = &shop.hosts[0];
    shop.choose("v1 stage deploy deploy");
    let release = shop.world.release_of_tag("v1").await;
    shop.until_line(10).await;
    fill(host);
    let run = shop.run_in(release, "failed").await;
    let steps = run["steps"].as_array().unwrap();
    let deploy = steps.iter().find(|step| step["kind"] == "deploy").unwrap();
    assert_eq!(deploy["state"], "succeeded", "{run}");
    let reason = shop.world.reason(release).await;
    assert!(reason.contains(host.name()) && reason.contains("disk"), "{reason:?}");
    assert!(!shop.ledger(0).contains(&"stage deploy after_deploy v1".to_owned()));
    let deploys = shop.ledger(0).iter().filter(|line| *line == "stage deploy deploy v1").count();
    assert_eq!(deploys, 1);
}
