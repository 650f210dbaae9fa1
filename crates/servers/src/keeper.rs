//! What goes on in the background while Yabby runs: servers that rest are looked at, those in use are asked what changed,
//! and models that are to be kept warm are touched.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use yabby_config::KeepWarm;
use yabby_core::{ModelRef, Zones};

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

/// What is asked of an endpoint as a whole is no request for one of its models.
const NO_MODEL: &str = "";

/// Looks after the endpoints of a fleet until it is dropped.
#[derive(Debug)]
pub struct Keeper {
    _tasks: JoinSet<()>,
}

impl Keeper {
    /// Starts to look after all endpoints. Of those whose models are to be kept warm it is the `models` of this list; the
    /// others are left cold. Must be called within a runtime.
    pub fn start(http: &Http, fleet: &Fleet, models: &[ModelRef]) -> Self {
        Self::start_within(http, fleet, models, &Zones::default())
    }

    /// The same for endpoints within the zones that are allowed. The others are not contacted, also those that turn out to
    /// be outside when they are asked what they are.
    pub fn start_within(http: &Http, fleet: &Fleet, models: &[ModelRef], zones: &Zones) -> Self {
        let mut tasks = JoinSet::new();
        let allowed = |endpoint: &&Endpoint| is_within(zones, endpoint, NO_MODEL);
        for endpoint in fleet.endpoints().filter(allowed) {
            let named = |model: &&ModelRef| model.provider().eq_ignore_ascii_case(&endpoint.provider);
            let warm = models
                .iter()
                .filter(named)
                .filter(|_| endpoint.keep_warm != KeepWarm::No);
            let warm = warm.map(|model| {
                let kept = KeptWarm::new(endpoint, model.model(), Instant::now());
                (model.model().to_owned(), kept)
            });
            tasks.spawn(look_after(
                http.clone(),
                endpoint.clone(),
                warm.collect(),
                zones.clone(),
            ));
        }
        Self { _tasks: tasks }
    }
}

/// A load takes minutes; what else there is to do goes on meanwhile.
async fn look_after(http: Http, endpoint: Endpoint, warm: Vec<(String, KeptWarm)>, zones: Zones) {
    let kept = warm
        .into_iter()
        .map(|(model, kept)| keep(&http, &endpoint, model, kept, &zones));
    tokio::join!(look(&http, &endpoint, &zones), join_all(kept));
}

async fn look(http: &Http, endpoint: &Endpoint, zones: &Zones) {
    let limit = if endpoint.reach == Reach::Hosted { FAR } else { NEAR };
    // A hosted service is not asked what it has: its list is long and does not change. Whether a managed server runs is
    // its supervisor's business.
    let refreshed = endpoint.reach != Reach::Hosted && !endpoint.is_managed();
    if refreshed {
        endpoint.refresh(http, REFRESH, limit).await;
    }
    let mut tick = ticks();
    // Once it is known to send prompts on, it may be outside.
    while is_within(zones, endpoint, NO_MODEL) {
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

async fn keep(http: &Http, endpoint: &Endpoint, model: String, mut kept: KeptWarm, zones: &Zones) {
    let mut tick = ticks();
    while is_within(zones, endpoint, &model) {
        tick.tick().await;
        kept.step(http).await;
    }
}

fn is_within(zones: &Zones, endpoint: &Endpoint, model: &str) -> bool {
    zones.forbids(&endpoint.zone_of(model)).is_none()
}

fn ticks() -> Interval {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use yabby_core::{Zone, ZoneRule};
    use yabby_testkit::{ModelServer, ServerKind};

    use super::*;
    use crate::EndpointOrigin;

    #[tokio::test]
    async fn what_is_outside_is_left_alone() {
        let [near, far, forwarder] = [ModelServer::start(), ModelServer::start(), ModelServer::start()];
        let (near, far, forwarder) = tokio::join!(near, far, forwarder);
        forwarder.kind(ServerKind::LiteLlm { window: None });
        let endpoint = |server: &ModelServer, zone| {
            let mut endpoint = Endpoint::loopback("p", server.addr().port(), EndpointOrigin::Config);
            endpoint.zone = zone;
            endpoint
        };
        let proxy = endpoint(&forwarder, None);
        let fleet = Fleet::new(vec![
            endpoint(&far, Some(Zone::Hosted)),
            endpoint(&near, None),
            proxy.clone(),
        ]);
        let zones = Zones::default().with(ZoneRule {
            zones: BTreeSet::from([Zone::Machine]),
            from: "a test".to_owned(),
            ask: false,
        });
        let keeper = Keeper::start_within(&Http::default(), &fleet, &[], &zones);
        near.wait_for(|requests| !requests.is_empty()).await;
        // It was asked what it is, and is outside from then on.
        forwarder.wait_for(|requests| !requests.is_empty()).await;
        while proxy.known().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(keeper);
        let asked = forwarder.requests().len();
        let _keeper = Keeper::start_within(&Http::default(), &fleet, &[], &zones);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(forwarder.requests().len(), asked);
        far.assert_untouched().await;
    }
}
