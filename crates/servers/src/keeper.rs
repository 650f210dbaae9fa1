//! What goes on in the background while Yabby runs: servers that rest are looked at, those in use are asked what changed,
//! and models that are to be kept warm are touched.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use yabby_config::KeepWarm;
use yabby_core::ModelRef;

use crate::{Endpoint, Fleet, Http, Reach, warm::KeptWarm};

/// How often it is looked whether something is due. Looking costs nothing.
const TICK: Duration = Duration::from_secs(1);
/// How often a server in use is asked what changed.
const REFRESH: Duration = Duration::from_secs(30);
/// A server that was not used for this long is left alone: looking at its slots keeps a llama.cpp from sleeping.
const IN_USE: Duration = Duration::from_mins(1);
/// How long a look may take: near and hosted.
const NEAR: Duration = Duration::from_secs(4);
const FAR: Duration = Duration::from_secs(10);

/// Looks after the endpoints of a fleet until it is dropped.
#[derive(Debug)]
pub struct Keeper {
    _tasks: JoinSet<()>,
}

impl Keeper {
    /// Starts to look after all endpoints. Of those whose models are to be kept warm it is the `models` of this list; the
    /// others are left cold. Must be called within a runtime.
    pub fn start(http: &Http, fleet: &Fleet, models: &[ModelRef]) -> Self {
        let mut tasks = JoinSet::new();
        for endpoint in fleet.endpoints() {
            let named = |model: &&ModelRef| model.provider().eq_ignore_ascii_case(&endpoint.provider);
            let warm = models
                .iter()
                .filter(named)
                .filter(|_| endpoint.keep_warm != KeepWarm::No);
            let warm = warm.map(|model| KeptWarm::new(endpoint, model.model(), Instant::now()));
            tasks.spawn(look_after(http.clone(), endpoint.clone(), warm.collect()));
        }
        Self { _tasks: tasks }
    }
}

/// A load takes minutes; what else there is to do goes on meanwhile.
async fn look_after(http: Http, endpoint: Endpoint, warm: Vec<KeptWarm>) {
    tokio::join!(
        look(&http, &endpoint),
        join_all(warm.into_iter().map(|model| keep(&http, model)))
    );
}

async fn look(http: &Http, endpoint: &Endpoint) {
    let limit = if endpoint.reach == Reach::Hosted { FAR } else { NEAR };
    // A hosted service is not asked what it has: its list is long and does not change. Whether a managed server runs is
    // its supervisor's business.
    let refreshed = endpoint.reach != Reach::Hosted && !endpoint.is_managed();
    if refreshed {
        endpoint.refresh(http, REFRESH, limit).await;
    }
    let mut tick = ticks();
    loop {
        tokio::select! {
            // The ticket is held while it is asked: nobody else tries meanwhile.
            _ticket = endpoint.trial_is_due() => {
                endpoint.refresh(http, Duration::ZERO, limit).await;
            }
            _ = tick.tick() => {
                if refreshed && endpoint.idle().is_some_and(|idle| idle < IN_USE) {
                    endpoint.refresh(http, REFRESH, limit).await;
                }
            }
        }
    }
}

async fn keep(http: &Http, mut model: KeptWarm) {
    let mut tick = ticks();
    loop {
        tick.tick().await;
        model.step(http).await;
    }
}

fn ticks() -> Interval {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
