//! Servers outside of what the rules allow: M32. Their own sockets prove that nobody came.

use yabby_core::{ErrorKind, Zone, ZoneRule};
use yabby_route::{PlanError, Wanted};
use yabby_testkit::{Fault, ModelServer, script};

use super::world::{Turn, World, seconds};
use crate::{live::clock::fast, scene::hello};

/// `p0/m` is outside, `p1/m` is on this machine.
fn world(outside: &ModelServer, inside: &ModelServer, zone: &str, agents: &str, more: &str) -> World {
    World::with_config(&format!(
        "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: ['p1/m'] }}, {agents} }} }}, models: {{ providers: {{
            p0: {{ baseUrl: '{}', zone: '{zone}', models: [{{ id: 'm' }}] }},
            p1: {{ baseUrl: '{}', models: [{{ id: 'm' }}] }} }} }}, {more} }}",
        outside.base_url(),
        inside.base_url()
    ))
}

async fn two() -> (ModelServer, ModelServer) {
    (ModelServer::start().await, ModelServer::start().await)
}

fn only(zones: &[Zone]) -> Wanted<'static> {
    Wanted {
        rules: vec![ZoneRule {
            zones: zones.iter().cloned().collect(),
            from: "/private".to_owned(),
            ask: false,
        }],
        ..Wanted::default()
    }
}

#[tokio::test]
async fn m32_what_is_outside_is_never_contacted_and_the_error_says_which_rule() {
    for (zone, told) in [("hosted", "hosted"), ("region:us", "region:us"), ("lan", "lan")] {
        let (outside, inside) = two().await;
        let world = world(&outside, &inside, zone, "", "route: { hedgeAfter: 1 }");
        let allowed = [Zone::Machine];
        let plan = world.plan(&only(&allowed)).unwrap();
        assert_eq!(plan.candidates.len(), 1);
        let turn = Turn::of(world.answer(plan.clone(), hello())).await;
        assert_eq!((turn.whole(), turn.tried.as_slice()), ("ok", &["p1/m".to_owned()][..]));
        let [notice] = turn.notices.clone().try_into().unwrap();
        assert!(
            notice.starts_with("p0/m ") && notice.contains(told) && notice.contains("/private"),
            "{notice}"
        );
        // Nobody is left inside: an honest end, and not a word to the one outside.
        inside.stop().await;
        let turn = Turn::of(world.answer(plan, hello())).await;
        assert_eq!(turn.kinds(), [ErrorKind::Refused]);
        outside.assert_untouched().await;
        // It is the only one that is named.
        let wanted = Wanted {
            model: Some("p0/m"),
            ..only(&allowed)
        };
        match world.plan(&wanted) {
            Err(PlanError::OutOfZone { model, zone, rule }) => {
                assert_eq!(
                    (
                        model.to_string().as_str(),
                        zone.to_string().as_str(),
                        rule.from.as_str()
                    ),
                    ("p0/m", told, "/private")
                );
            }
            other => panic!("{zone}: {other:?}"),
        }
    }
}

/// The engine itself keeps the rules too, whatever plan it is given: on the way to the next one, beside another one, and
/// behind what was seen.
#[tokio::test]
async fn m32_the_engine_keeps_the_rules_whatever_the_plan_says() {
    fast(async {
        for script in [
            script![rst()],
            script![text("Half an "), rst()],
            script![sleep_ms(20_000), text("ok")],
        ] {
            let (outside, inside) = two().await;
            let world = world(&outside, &inside, "region:us", "", "route: { hedgeAfter: 1 }");
            let mut plan = world.plan(&Wanted::default()).unwrap();
            // The one inside is asked first, and breaks.
            plan.candidates.reverse();
            plan.zones = plan.zones.with(only(&[Zone::Lan]).rules.remove(0));
            inside.chat(script.clone());
            inside.chat(script![text("ok")]);
            if script.steps().len() == 1 {
                inside.fault(Fault::Reset);
            }
            let turn = Turn::of(world.answer(plan, hello())).await;
            if let Err(failure) = &turn.end {
                let (model, error) = failure.errors.last().unwrap();
                assert_eq!((model.to_string().as_str(), error.kind), ("p0/m", ErrorKind::OutOfZone));
                assert_eq!(
                    error.message.english(),
                    "it is not asked: its zone is region:us, and /private allows lan"
                );
                assert!(error.hint.is_some());
            }
            assert!(!turn.tried.contains(&"p0/m".to_owned()), "{:?}", turn.tried);
            assert!(inside.wait_closed(seconds(1)).await || turn.end.is_ok());
            outside.assert_untouched().await;
        }
    })
    .await;
}

/// The config's own rule.
#[tokio::test]
async fn m32_rules_of_the_config() {
    let (outside, inside) = two().await;
    let world = world(&outside, &inside, "hosted", "privacy: { zones: ['lan'] }", "");
    assert_eq!(world.turn(hello()).await.whole(), "ok");
    assert_eq!(inside.model_calls().len(), 1);
    // A wider rule widens nothing.
    let plan = world.plan(&only(&[Zone::Hosted])).unwrap();
    assert_eq!(plan.candidates.len(), 1);
    assert_eq!(Turn::of(world.answer(plan, hello())).await.tried, ["p1/m"]);
    outside.assert_untouched().await;
}
