//! The output of runs in the dashboard: every line is reached, by its number; what is new comes by itself; and what programs
//! print is shown, never carried out.

use crate::world::{Browser, Page, Setup, World, eventually};

/// The service has one step that prints.
fn printing(command: &str) -> Setup {
    Setup::new().without_migrations().surface("deploy", command)
}

/// The page of the first run of a release, when its deploy has ended.
async fn first_run(world: &World, tag: &str, status: &str) -> (i64, i64) {
    let release = world.release(tag).await;
    world.until(release, status).await;
    let run = world.runs(release).await[0]["id"].as_i64().unwrap();
    (run, step(world, run).await)
}

/// The step of a run that is its deploy.
async fn step(world: &World, run: i64) -> i64 {
    let shown = world.operator().get(&format!("/api/v1/runs/{run}")).await.ok();
    let steps = shown["steps"].as_array().unwrap();
    steps.iter().find(|step| step["kind"] == "deploy").unwrap()["index"].as_i64().unwrap()
}

fn lines(page: &Page) -> String {
    page.texts("#log .tx").join(" ")
}

#[tokio::test]
async fn a_long_log_is_read_a_part_at_a_time_and_every_line_has_its_address() {
    let world = World::new(printing("seq -f 'line %.0f' 1 4500")).await;
    let (run, step) = first_run(&world, "v1", "manual_testing").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/runs/{run}?step={step}")).await;
    // The end first, in blocks of a thousand lines.
    let text = lines(&page);
    assert!(text.starts_with("line 3001 ") && text.ends_with("line 4500"), "{text:.80}");
    assert_eq!(page.texts("#log .chunk").len(), 2);
    let earlier = page.attribute("a[data-earlier]", "href");
    let page = ann.open(&format!("/runs/{run}{}", earlier.split('#').next().unwrap())).await;
    assert!(lines(&page).starts_with("line 1001 ") && lines(&page).ends_with("line 3000"));
    // The address of a line is the same from wherever it is seen.
    let address = page.attribute("#L1234", "href");
    assert_eq!(address, format!("?step={step}&from=1001#L1234"));
    let page = ann.open(&format!("/runs/{run}{}", address.split('#').next().unwrap())).await;
    assert_eq!(page.text("#L1234"), "1234");
    assert!(!page.has("#log [style]") && !page.has("#log br"));
    // A reader who knows the number of a line goes there, without a script, too; and to the beginning.
    let line = ann.open(&format!("/runs/{run}?step={step}&times=1&line=2345")).await;
    let place = format!("?step={step}&times=1&from=2345#L2345");
    assert_eq!((line.status, line.location.as_deref()), (303, Some(&*place)));
    assert_eq!(page.attribute("form.goto input[name=step]", "value"), step.to_string());
    assert_eq!(page.attribute("a[data-first]", "href"), format!("?step={step}&from=1#L1"));
    let label = page.attribute("#log", "aria-label");
    assert!(label.contains("of 4,500"), "{label}");
    // Other steps are folded, with how long they took.
    assert!(
        page.texts("details.run:not([open]) summary").iter().all(|summary| summary.contains(" s")),
        "{}",
        page.html
    );
    // Raw is all of it.
    let raw = ann.open(&format!("/runs/{run}/steps/{step}")).await;
    assert!(raw.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(raw.html, (1..=4500).map(|number| format!("line {number}\n")).collect::<String>());
    assert_eq!(ann.open(&format!("/runs/{run}?step=99")).await.status, 404);
    assert_eq!(ann.open(&format!("/runs/{run}/steps/99/lines")).await.status, 404);
}

#[tokio::test]
async fn what_is_printed_meanwhile_is_fetched_alone() {
    let world = World::new(printing(
        "echo one; echo $$ > ../pid; while test ! -e ../go; do sleep 0.02; done; printf 'two\\nthree\\n'; \
         while test ! -e ../end; do sleep 0.02; done",
    ))
    .await;
    let release = world.release("v1").await;
    world.process("pid").await;
    let run = world.last_run(release).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = eventually("the first line is there", async || {
        let page = ann.open(&format!("/runs/{run}")).await;
        page.has("#log").then_some(page)
    })
    .await;
    assert_eq!(lines(&page), "one");
    assert!(page.has("details.run[open] summary.s-run"), "the step at work is open: {}", page.html);
    let source = page.attribute("#log", "data-lines");
    let next = page.attribute("#log", "data-next");
    assert_eq!(next, "2");
    world.write("go", "");
    let part = eventually("more is there", async || {
        let part = ann.open(&format!("{source}&from={next}")).await;
        part.texts("#log .tx").join(" ").contains("three").then_some(part)
    })
    .await;
    assert_eq!(part.texts("#log .tx"), ["two three"]);
    assert_eq!(part.attribute("#log", "data-next"), "4");
    assert!(!part.has("main") && !part.has("header"), "the lines alone: {}", part.html);
    world.write("end", "");
    world.until(release, "manual_testing").await;
    assert!(!ann.open(&format!("/runs/{run}")).await.has("#log[data-lines]"), "nothing more will come");
}

#[tokio::test]
async fn of_a_run_that_failed_the_failure_is_found_and_lines_are_searched() {
    let world = World::new(printing(
        "seq -f 'compiling %.0f' 1 3000; echo 'ERROR: no such table'; seq -f 'cleaning %.0f' 1 2500; exit 3",
    ))
    .await;
    let release = world.release("v1").await;
    eventually("it has failed", async || (world.status(release).await == "stage_building_failed").then_some(())).await;
    let run = world.last_run(release).await;
    let step = step(&world, run).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/runs/{run}")).await;
    assert_eq!(page.attribute("#steps", "data-opened"), step.to_string(), "the step to blame is open");
    let failure = page.attribute(".tools .fail", "href");
    assert_eq!(failure, format!("?step={step}&from=2981#L3001"), "with what stands before it");
    let page = ann.open(&format!("/runs/{run}{}", failure.split('#').next().unwrap())).await;
    assert!(lines(&page).contains("compiling 3000 ERROR: no such table cleaning 1 "));

    let page = ann.open(&format!("/runs/{run}?q=No%20Such")).await;
    assert_eq!(page.text("#found"), "1 line with “No Such”");
    assert_eq!(page.text(".hit pre"), "compiling 2999 compiling 3000 ERROR: no such table cleaning 1 cleaning 2");
    assert!(page.attribute(".hit a", "href").ends_with("&from=3001#L3001"));
    let page = ann.open(&format!("/runs/{run}?q=cleaning")).await;
    assert_eq!(page.texts(".hit").len(), 100);
    let next = page.attribute(".hits > p > a", "href");
    let page = ann.open(&format!("/runs/{run}{next}")).await;
    assert_eq!(page.text(".hit mark"), "cleaning 101");
    assert_eq!(ann.open(&format!("/runs/{run}?q=zzz")).await.text("#found"), "Nothing found.");

    let page = ann.open(&format!("/runs/{run}?step={step}&times=1&from=1")).await;
    let times = page.text("#log .at");
    assert!(times.len() > 12_000 && times.as_bytes()[2] == b':', "{times:.60}");
    assert!(!ann.open(&format!("/runs/{run}?step={step}")).await.has("#log .at"));
}

#[tokio::test]
async fn what_programs_print_is_shown_and_does_nothing() {
    let world = World::new(printing(
        "printf '<script>alert(1)</script>\\n\"><img src=x onerror=alert(2)>\\n\\033[31mred\\033[0m \\033]0;title\\007\\n\
         \\342\\200\\256txt.exe\\n\\033[38;2;250;0;0mtrue\\033[m\\n'",
    ))
    .await;
    let (run, step) = first_run(&world, "v1", "manual_testing").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/runs/{run}?step={step}")).await;
    let text = lines(&page);
    assert!(text.contains("<script>alert(1)</script> \"><img src=x onerror=alert(2)> red"), "{text}");
    assert!(!page.has("main script") && !page.has("main img") && !page.html.contains('\u{202e}'));
    assert_eq!(page.texts("#log .a-red"), ["red", "true"]);
    assert_eq!(page.text("#log .a-mark"), "U+202E");
    let page = ann.open(&format!("/runs/{run}?q=%3Cscript%3E")).await;
    assert_eq!(page.text(".hit mark"), "<script>alert(1)</script>");
    assert!(!page.has("main script"));
}

#[tokio::test]
async fn each_try_of_a_health_check_has_its_output() {
    let setup = Setup::new()
        .without_migrations()
        .surface("deploy", "true")
        .surface("health.command", "echo x >> ../tries; n=$(wc -l < ../tries); echo try $n; test $n -ge 3")
        .surface("health.wait", "0s")
        .surface("health.interval", "1ms")
        .surface("health.attempts", 5);
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let run = world.runs(release).await[0]["id"].as_i64().unwrap();
    let shown = world.operator().get(&format!("/api/v1/runs/{run}")).await.ok();
    let steps = shown["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["kind"] == "health").unwrap()["index"].as_i64().unwrap();
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open(&format!("/runs/{run}?step={step}")).await;
    assert!(lines(&page).ends_with("rmm: attempt 3 of 5: well, the check passed"), "{}", lines(&page));
    let page = ann.open(&format!("/runs/{run}?step={step}&try=1")).await;
    assert_eq!(lines(&page), "try 1");
    assert_eq!(page.text(".tools [aria-current]"), "Try 1");
}
