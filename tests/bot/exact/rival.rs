//! Two programs on one token.

use crate::story::BotWorld;
use crate::telegram::TOKEN;
use crate::world::eventually;

use super::{approved_by, menu, waiting, yes};

const SAID: &str = "Another program uses this bot's token";
const LOGGED: &str = "another program uses this bot's token and takes";

#[tokio::test]
async fn a_second_bot_is_told_of_once_and_taps_go_on() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    let address = format!("{}/bot{TOKEN}/getUpdates?timeout=50", world.telegram.api_url());
    let rival = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut refused = 0;
        loop {
            // It never acknowledges anything, so that what it sees is not lost.
            let answer = client.get(&address).send().await.unwrap();
            refused += usize::from(answer.status() == 409);
            assert!(refused < 1000, "RMM does not leave the other one in peace");
            tokio::task::yield_now().await;
        }
    });
    world.team.shows(SAID).await;
    eventually("RMM has met the other one again", async || {
        let conflicts = world.telegram.calls("getUpdates").iter().filter(|call| call.status == 409).count();
        (conflicts >= 4).then_some(())
    })
    .await;
    let tap = world.ann.taps_raw(menu, &yes).await;
    assert_eq!(tap.toast, "✅ Your approval counts (1/2)");
    rival.abort();
    assert_eq!(approved_by(&world, release).await, ["ann"]);
    assert_eq!(world.team.messages().iter().filter(|shown| shown.text.contains(SAID)).count(), 1);
    assert_eq!(world.rmm.log().matches(LOGGED).count(), 1);
}
