//! The tokens of a prompt and of its parts.

use std::time::Duration;

use yabby_agent::{Budget, HELLO, Prompt, Served, Tokens, capped};
use yabby_core::{Exactness, Message, ModelRequest, TokenCount, Tool};
use yabby_route::Candidate;
use yabby_servers::{Endpoint, EndpointOrigin, Http, Reach};

use crate::app::App;

/// What was just found out is not asked again.
const FRESH: Duration = Duration::from_secs(2);

/// Servers near by answer in milliseconds.
const NEAR: Duration = Duration::from_millis(900);

/// One count takes a fraction of that, unless the server is busy.
const LIMIT: Duration = Duration::from_secs(5);

/// Counts for one model, or estimates where there is none.
pub(super) struct Counter<'a> {
    /// `None` where there is no model yet.
    pub(super) served: Option<Served>,
    http: &'a Http,
    endpoint: Option<&'a Endpoint>,
}

/// The tokens of the parts.
#[derive(Debug, PartialEq)]
pub(super) struct Counts {
    /// Of each section, in their order.
    pub(super) sections: Vec<u32>,
    /// Of each tool, in their order.
    pub(super) tools: Vec<u32>,
    /// Of everything else: the template, and the shortest message.
    pub(super) rest: u32,
}

/// Finds out what a server near by serves. Hosted ones are not asked, and what Yabby runs itself may not run.
pub(super) async fn look(app: &App, candidate: &Candidate) {
    let endpoint = &candidate.endpoint;
    if endpoint.reach != Reach::Hosted && !matches!(endpoint.origin, EndpointOrigin::Managed(_)) {
        endpoint.refresh(&app.http, FRESH, NEAR).await;
    }
}

impl<'a> Counter<'a> {
    pub(super) fn new(app: &'a App, candidate: Option<&'a Candidate>, agent: &str) -> Self {
        let most = app.config().assistant(agent).context_tokens;
        let served = candidate.map(|candidate| {
            let (endpoint, id) = (&candidate.endpoint, candidate.model.model());
            let known = endpoint.known();
            let said = known.as_ref().and_then(|facts| facts.model(id).or(facts.only_model()));
            Served {
                model: candidate.model.clone(),
                window: capped(endpoint.window(id).map(|window| window.value), most),
                prefill: endpoint.observed(id).speed.prefill,
                slots: said.and_then(|said| Some(said.slots.as_ref()?.value)),
            }
        });
        Self {
            served,
            http: &app.http,
            endpoint: candidate.map(|candidate| &candidate.endpoint),
        }
    }

    /// What its prompt may have.
    pub(super) fn budget(&self) -> Budget {
        self.served
            .as_ref()
            .map_or_else(|| Budget::fitting(None, None), Budget::of)
    }

    /// What is known of the tokens of this model.
    pub(super) fn tokens(&self) -> Tokens {
        self.place().map_or_else(Tokens::default, |(endpoint, model)| {
            Tokens::new(endpoint.estimator_of(model))
        })
    }

    fn place(&self) -> Option<(&Endpoint, &str)> {
        Some((self.endpoint?, self.served.as_ref()?.model.model()))
    }

    /// The tokens of a request, exactly where a server near by counts. The owner's files are sent nowhere for a number.
    pub(super) async fn count(&self, request: &ModelRequest) -> TokenCount {
        let Some((endpoint, model)) = self.place() else {
            let system = request.system.as_deref().unwrap_or_default();
            return TokenCount {
                tokens: Tokens::default().of_prompt(system, &request.tools),
                exactness: Exactness::Estimated,
            };
        };
        let counter = endpoint
            .known()
            .and_then(|facts| Some(facts.counter.as_ref()?.value))
            .filter(|_| endpoint.reach != Reach::Hosted);
        match counter {
            Some(_) => endpoint.count_tokens(self.http, model, request, counter, LIMIT).await,
            None => endpoint.estimate_tokens(model, request),
        }
    }

    /// The tokens of each part: what the count of a prompt grows by with it.
    pub(super) async fn parts(&self, prompt: &Prompt, total: TokenCount) -> Counts {
        let mut system = String::new();
        let mut sections = Vec::new();
        let mut before = self.of("", &[]).await;
        for section in &prompt.sections {
            if !system.is_empty() {
                system.push_str("\n\n");
            }
            system.push_str(&section.text);
            let now = self.of(&system, &[]).await;
            sections.push(now.saturating_sub(before));
            before = now;
        }
        let mut tools = Vec::new();
        for count in 1..=prompt.shown().len() {
            let now = self.of(&system, &prompt.shown()[..count]).await;
            tools.push(now.saturating_sub(before));
            before = now;
        }
        let parts: u32 = sections.iter().chain(&tools).sum();
        Counts {
            sections,
            tools,
            rest: total.tokens.saturating_sub(parts),
        }
    }

    async fn of(&self, system: &str, tools: &[Tool]) -> u32 {
        let request = ModelRequest {
            system: (!system.is_empty()).then(|| system.to_owned()),
            messages: vec![Message::user(HELLO)],
            tools: tools.to_vec(),
            ..ModelRequest::default()
        };
        self.count(&request).await.tokens
    }
}
