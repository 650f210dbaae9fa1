//! The way in: a plan and a request become the events of an answer.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::stream::{BoxStream, StreamExt};
use yabby_config::Config;
use yabby_core::{
    Attempt, EndReason, FinalText, MalformedCall, ModelError, ModelEvent, ModelRef, ModelRequest, Opaque, Text,
    ToolCall, Usage, Zone,
};
use yabby_servers::{Endpoint, Http};

use crate::{
    Deadlines, DropOldest, Plan, Refit, Spending,
    live::LiveUpstream,
    sessions::Sessions,
    turn::{self, Turn},
    upstream::Upstream,
};

/// What happens on the way to an answer. The last event is `Done` or `Failed`.
#[derive(Debug)]
pub enum RouteEvent {
    /// This candidate is asked now. Text that came before counts no more only when the work is one that nobody waits for and
    /// that begins anew, because it has yielded its slot to a person.
    Trying(ModelRef),
    /// What it sends, apart from the end. The pieces of text are the answer, whoever says them; calls come when the answer
    /// is complete.
    Model(ModelEvent),
    /// One request is over; it stands in the end's list too.
    Attempt(Attempt),
    /// Something that the person should know: a fallback, another dialect.
    Notice(Text),
    /// The answer is complete.
    Done(Answer),
    /// There is no complete answer.
    Failed(RouteFailure),
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The text to deliver.
    pub text: FinalText,
    /// The calls that the model made.
    pub tool_calls: Vec<ToolCall>,
    /// The calls that it tried to make and that cannot be run.
    pub malformed_calls: Vec<MalformedCall>,
    /// What belongs to the answer in later requests and only its server can read.
    pub opaque: Vec<Opaque>,
    /// The model that answered, or said the end of the answer.
    pub model: ModelRef,
    /// Where it stands.
    pub zone: Zone,
    /// The model that the server says it used, when it says another.
    pub served_by: Option<String>,
    /// Why the answer ended.
    pub end: EndReason,
    /// Tokens as reported.
    pub usage: Usage,
    /// What it cost in US dollars, where the price is known; of an own model, nothing.
    pub cost: Option<f64>,
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// The same, with those candidates that were passed over without being asked: what a person is to know of it.
    pub considered: Vec<Attempt>,
    /// The error of each candidate that failed before, in order.
    pub errors: Vec<(ModelRef, ModelError)>,
}

/// No complete answer.
#[derive(Debug)]
pub struct RouteFailure {
    /// The error of each candidate that failed, in order.
    pub errors: Vec<(ModelRef, ModelError)>,
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// What the person has seen of the answer that broke off.
    pub partial: String,
}

/// Answers requests. One a process; clones share what was told and learned.
#[derive(Clone)]
pub struct Router {
    http: Http,
    sessions: Sessions,
    spending: Spending,
    refit: Arc<dyn Refit>,
    deadlines: Arc<dyn Fn(&Endpoint) -> Deadlines + Send + Sync>,
    limit: Option<Duration>,
    hedge_after: Option<Duration>,
    prefer_fast: bool,
}

impl Router {
    /// A router with the rules of a config.
    pub fn new(http: &Http, config: &Config) -> Self {
        Self {
            http: http.clone(),
            sessions: Sessions::default(),
            spending: Spending::in_memory(config.route.budget),
            refit: Arc::new(DropOldest),
            deadlines: Arc::new(Deadlines::of),
            limit: config.agents.defaults.timeout,
            hedge_after: config.route.hedge_after,
            prefer_fast: config.route.prefer_fast,
        }
    }

    /// The same with somebody else who makes conversations smaller.
    #[must_use]
    pub fn with_refit(self, refit: Arc<dyn Refit>) -> Self {
        Self { refit, ..self }
    }

    /// The same with spending that outlives the process.
    #[must_use]
    pub fn with_spending(self, spending: Spending) -> Self {
        Self { spending, ..self }
    }

    /// The same with other deadlines than [`Deadlines::of`].
    #[must_use]
    pub fn with_deadlines(self, deadlines: impl Fn(&Endpoint) -> Deadlines + Send + Sync + 'static) -> Self {
        Self {
            deadlines: Arc::new(deadlines),
            ..self
        }
    }

    /// Answers `request` with the first candidate of `plan` that can.
    ///
    /// Dropping the stream closes the connection to the server, which stops its work.
    pub fn answer(&self, plan: Plan, request: ModelRequest) -> BoxStream<'static, RouteEvent> {
        let notices: Vec<Text> = plan.left_out.iter().map(crate::LeftOut::text).collect();
        let caller = plan.caller;
        let replicas = plan
            .candidates
            .into_iter()
            .flat_map(|candidate| candidate.replicas(&caller));
        let candidates: Vec<Box<dyn Upstream>> = replicas
            .map(|candidate| {
                let deadlines = Arc::clone(&self.deadlines);
                let live = LiveUpstream::new(
                    self.http.clone(),
                    candidate,
                    caller.clone(),
                    deadlines,
                    self.spending.clone(),
                );
                Box::new(live) as Box<dyn Upstream>
            })
            .collect();
        let turn = Turn {
            zones: plan.zones,
            limit: self.limit,
            hedge_after: self.hedge_after,
            prefer_fast: self.prefer_fast,
            refit: Arc::clone(&self.refit),
            sessions: self.sessions.clone(),
            spending: self.spending.clone(),
            caller,
        };
        let events = turn::run(turn, candidates, request);
        let told = stream! {
            for notice in notices {
                yield RouteEvent::Notice(notice);
            }
        };
        told.chain(events).boxed()
    }
}
