//! A plan with what is known now of each place in it.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use yabby_config::Modality;
use yabby_core::{ErrorKind, Fact, ModelRef, Text, Zone, text};
use yabby_route::{Candidate, NotPlanned, Plan, PlanRecord, Why};
use yabby_servers::{BreakerState, Endpoint, EndpointOrigin, Http, ModelState, Reach};

use crate::{
    explain::{self, columns},
    terminal::Terminal,
};

/// What discovery has just asked is not asked again.
const FRESH: Duration = Duration::from_secs(2);
/// Servers near by answer in milliseconds.
const NEAR: Duration = Duration::from_millis(900);

/// The plan of a request that would come now.
#[derive(Debug, Serialize)]
pub(super) struct Now {
    pub(super) candidates: Vec<Place>,
    pub(super) left_out: Vec<NotPlanned>,
    /// Where data may go, each rule with what it allows.
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Rule {
    from: String,
    zones: Vec<Zone>,
}

/// One address of a candidate.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    /// The place of its candidate in the order, from 1.
    order: usize,
    model: ModelRef,
    why: Why,
    zone: Zone,
    endpoint: String,
    state: ModelState,
    /// Whether it rests, and for how many seconds yet.
    rests_s: Option<u64>,
    /// Whether the next request finds out if it is back.
    on_trial: bool,
    window: Option<Fact<u32>>,
    slots: Option<u32>,
    busy: Option<u32>,
    images: Option<bool>,
    tools: Option<bool>,
}

/// Asks the servers near by what they are, and what they do; none to which no data may go.
pub(super) async fn look_near(http: &Http, plan: &Plan) {
    let allowed = |candidate: &Candidate, endpoint: &Endpoint| {
        let rule = plan.zones.forbids(&endpoint.zone_of(candidate.model.model()));
        rule.is_none_or(|rule| rule.ask && candidate.excepted)
    };
    let all = plan.candidates.iter().flat_map(|candidate| {
        let places = places(candidate);
        places.filter(move |endpoint| allowed(candidate, endpoint))
    });
    // What Yabby runs itself may not run.
    let near = all
        .filter(|endpoint| endpoint.reach != Reach::Hosted && !matches!(endpoint.origin, EndpointOrigin::Managed(_)));
    join_all(near.map(|endpoint| endpoint.refresh(http, FRESH, NEAR))).await;
}

/// All addresses of a candidate.
fn places(candidate: &Candidate) -> impl Iterator<Item = &Endpoint> {
    std::iter::once(&candidate.endpoint).chain(candidate.endpoint.replicas())
}

impl Now {
    pub(super) fn of(plan: &Plan) -> Self {
        let candidates = (1..).zip(&plan.candidates).flat_map(|(order, candidate)| {
            places(candidate).map(move |endpoint| Place::of(order, candidate, endpoint))
        });
        let rules = plan.zones.rules().iter().map(|rule| Rule {
            from: rule.from.clone(),
            zones: rule.zones.iter().cloned().collect(),
        });
        Self {
            candidates: candidates.collect(),
            left_out: PlanRecord::of(plan).left_out,
            rules: rules.collect(),
        }
    }

    pub(super) fn lines(&self, terminal: Terminal) -> Vec<String> {
        let head = [
            text!("#"),
            text!("MODEL"),
            text!("WHY"),
            text!("ZONE"),
            text!("STATE"),
            text!("WINDOW"),
            text!("SLOTS"),
            text!("NOTES"),
            text!("ENDPOINT"),
        ];
        let rows = self.candidates.iter().map(|place| place.row(terminal));
        let mut lines: Vec<String> = columns(terminal, &head, rows.collect())
            .into_iter()
            .map(|line| format!("  {line}"))
            .collect();
        lines.extend(explain::left_out(terminal, &self.left_out));
        lines.extend(self.rules.iter().map(|rule| {
            let zones: Vec<String> = rule.zones.iter().map(ToString::to_string).collect();
            let words = text!(
                "{rule} lets data go to {zones}",
                rule = rule.from,
                zones = zones.join(", ")
            );
            format!("  {}", terminal.say(&words))
        }));
        lines
    }
}

impl Place {
    fn of(order: usize, candidate: &Candidate, endpoint: &Endpoint) -> Self {
        let id = candidate.model.model();
        let facts = endpoint.known();
        let said = facts.as_ref().and_then(|facts| facts.model(id).or(facts.only_model()));
        let listed = endpoint.listed_model(id);
        let lists_images = listed.is_some_and(|entry| entry.input.contains(&Modality::Image));
        let says_images = said.and_then(|said| Some(said.input.as_ref()?.value.contains(&Modality::Image)));
        let no_tools = candidate.params.get("toolMode").is_some_and(|mode| mode == "none");
        let state = match &endpoint.origin {
            EndpointOrigin::Managed(lease) if lease.is_running() => ModelState::Ready,
            EndpointOrigin::Managed(_) => ModelState::Unloaded,
            // Yabby starts it when it is asked.
            _ if endpoint.is_managed() && is_down(endpoint) => ModelState::Unloaded,
            _ => endpoint.state_of(id),
        };
        let breaker = match state {
            ModelState::Unloaded => BreakerState::Closed,
            _ => endpoint.breaker().state,
        };
        Self {
            order,
            model: candidate.model.clone(),
            why: candidate.why,
            zone: endpoint.zone_of(id),
            endpoint: endpoint.base_url.clone(),
            state,
            rests_s: match breaker {
                BreakerState::Open { retry_in } => Some(retry_in.as_secs().max(1)),
                BreakerState::Closed | BreakerState::HalfOpen => None,
            },
            on_trial: breaker == BreakerState::HalfOpen,
            window: endpoint.window(id),
            slots: said.and_then(|said| Some(said.slots.as_ref()?.value)),
            busy: said.and_then(|said| Some(said.busy.as_ref()?.value)),
            images: if lists_images { Some(true) } else { says_images },
            tools: if no_tools {
                Some(false)
            } else {
                said.and_then(|said| Some(said.tools.as_ref()?.value))
            },
        }
    }

    fn row(&self, terminal: Terminal) -> Vec<String> {
        let mut notes: Vec<Text> = Vec::new();
        match self.rests_s {
            Some(seconds) => notes.push(text!("rests for {seconds} s", seconds = seconds)),
            None if self.on_trial => notes.push(text!("on trial")),
            None => {}
        }
        if self.images == Some(true) {
            notes.push(text!("reads pictures"));
        }
        if self.tools == Some(false) {
            notes.push(text!("no native tool calls"));
        }
        let notes: Vec<String> = notes.iter().map(|note| terminal.say(note)).collect();
        vec![
            self.order.to_string(),
            self.model.to_string(),
            terminal.say(&explain::why(self.why)),
            self.zone.to_string(),
            self.state.name().to_owned(),
            self.window
                .as_ref()
                .map(|window| window.value.to_string())
                .unwrap_or_default(),
            match (self.busy, self.slots) {
                (Some(busy), Some(slots)) => format!("{busy}/{slots}"),
                (None, Some(slots)) => slots.to_string(),
                (_, None) => String::new(),
            },
            notes.join(", "),
            self.endpoint.clone(),
        ]
    }
}

/// Whether nothing answers there.
fn is_down(endpoint: &Endpoint) -> bool {
    let facts = endpoint.known();
    let error = facts.as_ref().and_then(|facts| facts.error.as_ref());
    error.is_some_and(|error| error.kind == ErrorKind::Refused)
}
