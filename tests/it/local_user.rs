//! What a hostile step on RMM's own machine can do to RMM: as a user of its own nothing, as RMM's user at least not what
//! only the operator may.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use crate::world::{Setup, World};

/// A user that every system has, and its number.
const OTHER: &str = "nobody";

fn other() -> u32 {
    let said = Command::new("id").args(["-u", OTHER]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().parse().unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Tries everything that would make a step an operator. `../pid` is RMM's process, `../rmm` the program.
const HOSTILE: &str = r#"
    while ! test -e ../pid; do sleep 0.02; done
    rmm=$(cat ../pid)
    for file in environ mem maps fd/0; do head -c 1 /proc/$rmm/$file >/dev/null 2>&1 && echo "reads $file"; done
    export RMM_CONFIG="$PWD/../rmm.toml"
    ../rmm token create taken --role admin 2>&1; echo "direct: $?"
    waits='while ! test -e ../go; do sleep 0.02; done'
    (setsid sh -c "$waits; { ../rmm token create taken --role admin; echo orphan: \$?; } >said.\$\$ 2>&1; mv said.\$\$ orphan" \
        </dev/null >/dev/null 2>&1 &)
"#;

fn hostile(more: &str) -> Setup {
    let secret = "it-is-in-the-environment-of-RMM";
    let setup = Setup::new().without_migrations().surface("deploy", format!("{HOSTILE}\n{more}\ntrue"));
    setup.surface("env.SHOP_PASSWORD", "env:SHOP_SECRET").variable("SHOP_SECRET", secret)
}

/// Lays the program where every user can run it.
fn lay_out(world: &World) {
    let rmm = env!("CARGO_BIN_EXE_rmm");
    std::fs::hard_link(rmm, world.path("rmm")).or_else(|_| std::fs::copy(rmm, world.path("rmm")).map(drop)).unwrap();
    std::fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
}

/// Lets the step act, and what it has left behind once all its ancestors are gone; answers with what both said.
async fn attack(world: &World) -> (String, String) {
    let release = world.release("v1").await;
    world.write("pid", &world.pid().to_string());
    world.until(release, "manual_testing").await;
    let printed = world.printed(world.last_run(release).await).await;
    world.restart_after_kill().await;
    world.write("go", "");
    let orphan = world.file("work/orphan").await;
    let tokens = world.operator().get("/api/v1/tokens").await.ok().to_string();
    assert!(!tokens.contains("taken"), "{tokens}");
    world.operator().get("/api/v1/audit?limit=1").await.ok();
    (printed, orphan)
}

#[tokio::test]
async fn a_step_of_another_user_reaches_nothing_of_rmm() {
    if !is_root() {
        return;
    }
    let more = r#"id -un; echo "$USER $LOGNAME $HOME"; touch made
        for file in . audit.key rmm.db rmm.sock; do test -r ../data/$file && echo "reads $file"; done
        kill -0 $rmm 2>/dev/null && echo "signals RMM""#;
    let mut setup = hostile(more);
    setup.local = Some((OTHER.into(), Some("home".into())));
    let world = World::without_rmm(setup);
    lay_out(&world);
    std::fs::create_dir(world.path("home")).unwrap();
    let (_, said) = world.try_start().await.unwrap_err();
    assert!(said.contains("[local] user: nobody needs a home directory of its own"), "{said}");
    for folder in ["home", "work"] {
        chown(world.path(folder), Some(other()), None).unwrap();
    }
    world.start().await;

    let (printed, orphan) = attack(&world).await;
    let home = world.path("home").display().to_string();
    assert!(printed.contains(&format!("nobody\nnobody nobody {home}\n")), "{printed}");
    assert!(!printed.contains("reads") && !printed.contains("signals"), "{printed}");
    assert!(printed.contains("direct: ") && !printed.contains("direct: 0"), "{printed}");
    assert!(!orphan.contains("orphan: 0"), "{orphan}");
    assert_eq!(world.path("work/made").metadata().unwrap().uid(), other());
    assert_eq!(std::fs::metadata(world.run_directories()).unwrap().uid(), other());
}

#[tokio::test]
async fn a_step_of_rmms_own_user_is_turned_away_by_the_operators_socket() {
    let world = World::without_rmm(hostile(""));
    lay_out(&world);
    world.start().await;
    let (printed, orphan) = attack(&world).await;
    for (said, who) in [(printed, "direct"), (orphan, "orphan")] {
        assert!(said.contains("a step is no operator") && said.contains(&format!("{who}: 3")), "{said}");
    }
    assert!(world.log().contains("run as"), "{}", world.log());
}

#[tokio::test]
async fn a_step_of_rmms_own_user_that_is_not_root_reads_nothing_of_its_process() {
    if !is_root() {
        return;
    }
    let mut setup =
        hostile("prlimit --locks=unlimited:unlimited ../rmm token create taken && echo 'it has raised the limit'");
    setup.local = None;
    setup.rmm_user = Some(other());
    let world = World::without_rmm(setup);
    lay_out(&world);
    for folder in ["", "work"] {
        chown(world.path(folder), Some(other()), None).unwrap();
    }
    world.start().await;
    let (printed, orphan) = attack(&world).await;
    assert!(!printed.contains("reads") && !printed.contains("raised"), "{printed}");
    for (said, who) in [(printed, "direct"), (orphan, "orphan")] {
        assert!(said.contains("a step is no operator") && said.contains(&format!("{who}: 3")), "{said}");
    }
    assert!(world.log().contains("run as the user that RMM itself runs as"), "{}", world.log());
}

#[tokio::test]
async fn a_user_that_is_named_later_goes_on_where_root_was() {
    if !is_root() {
        return;
    }
    let mut world = World::without_rmm(Setup::new().without_migrations().surface("deploy", "id -un"));
    lay_out(&world);
    std::fs::create_dir(world.path("home")).unwrap();
    world.start().await;
    world.deployed("v1").await;
    world.kill();
    for folder in ["home", "work"] {
        chown(world.path(folder), Some(other()), None).unwrap();
    }
    world.change(|setup| setup.local = Some((OTHER.into(), Some("home".into()))));
    world.start().await;
    let release = world.deployed("v2").await;
    assert_eq!(world.printed(world.last_run(release).await).await, "nobody\n");
    // Nothing of it went unseen.
    let holder = world.run_directories().join("shop.production/holder");
    assert_eq!(std::fs::metadata(&holder).unwrap().uid(), other());
}

#[tokio::test]
async fn root_begins_with_steps_as_root_only_if_configured() {
    if !is_root() {
        return;
    }
    let mut setup = Setup::new().without_migrations().surface("deploy", "id -un");
    setup.local = None;
    let world = World::without_rmm(setup);
    let (code, said) = world.try_start().await.unwrap_err();
    let sentence = "run as root, as RMM does";
    assert!(code == Some(2) && said.contains(sentence) && said.contains("useradd --create-home"), "{said}");
    assert!(!world.data().exists());
    world.configure(|setup| setup.local = Some(("root".into(), None)));
    world.start().await;
    // What has worked before goes on, and says it.
    world.kill();
    world.configure(|_| {});
    let before = world.log().len();
    world.start().await;
    assert!(world.log()[before..].contains(sentence));
    let check =
        Command::new(env!("CARGO_BIN_EXE_rmm")).args(["check", "--config"]).arg(world.path("rmm.toml")).output();
    let check = check.unwrap();
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.code() == Some(0) && said.contains(sentence), "{said}");
}
