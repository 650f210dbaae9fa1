//! Operations that write, from several callers at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use yabby_store::{Access, Store};

use crate::{Failed, echo::message, place_of, times::Times};

const CALLERS: [usize; 3] = [1, 32, 256];
const TIME: Duration = Duration::from_secs(3);

pub(crate) async fn measure(name: &str, place: &str) -> Result<(), Failed> {
    let store = Store::open(&place_of(place), Access::Write).await?;
    for callers in CALLERS {
        let begun = Instant::now();
        let mut all = JoinSet::new();
        for caller in 0..callers {
            all.spawn(one(store.clone(), format!("{callers}-{caller}"), begun + TIME));
        }
        let mut times = Times::default();
        while let Some(one) = all.join_next().await {
            times.extend(one??);
        }
        println!(
            "  {name:24} {callers:>3} at once {:>8.0} per second, p50 {:>8.3} ms, p99 {:>8.3} ms",
            f64::from(u32::try_from(times.count())?) / begun.elapsed().as_secs_f64(),
            times.part(500),
            times.part(990)
        );
    }
    Ok(())
}

async fn one(store: Store, caller: String, until: Instant) -> Result<Times, Failed> {
    let mut times = Times::default();
    for number in 0.. {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        store.accept(message(&caller, number)).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}
