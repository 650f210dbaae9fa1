//! A candidate at a real endpoint.

mod degrade;
mod fitted;
mod go_on;
mod prepare;

use std::sync::Arc;

use async_stream::stream;
use futures_util::{
    FutureExt,
    future::BoxFuture,
    stream::{BoxStream, StreamExt},
};
use tokio::time::{Duration, Instant, sleep_until};
use yabby_config::Params;
use yabby_core::{
    Caller, Delivery, ErrorKind, ModelError, ModelEvent, ModelRef, ModelRequest, Opaque, Text, Usage, Zone, Zones, text,
};
use yabby_servers::{
    Admission, Doing, Endpoint, Http, ProbeTicket, Reach, ServerKind, Timing, Truncation, warm::Waking,
};
use yabby_wire::{Dialect, Step};

use crate::{
    Candidate, Deadlines, Spending,
    deadlines::room_in,
    spending::{Payer, Price, Reservation, Toll, may_be_paid},
    upstream::{Answering, Heard, Preparing, Remedies, Remedy, Room, Times, Upstream},
};

pub use degrade::Descent;
pub use fitted::extra_body;
pub use go_on::has_no_responses;

/// So many tokens are reserved for an answer; one that may not be so long reserves less.
const USUAL_ANSWER: u32 = 1000;
/// While a server near by is in use, it is asked beside a request what it is and serves, when that is older than this.
const FRESH: Duration = Duration::from_secs(30);
/// How long such a question may take.
const BESIDE: Duration = Duration::from_secs(2);

/// How deadlines are made of an endpoint.
type MakeDeadlines = Arc<dyn Fn(&Endpoint) -> Deadlines + Send + Sync>;

/// One model at one endpoint, for one turn.
pub(crate) struct LiveUpstream {
    /// What it was made of.
    candidate: Candidate,
    http: Http,
    model: ModelRef,
    /// What is learned here counts for this turn only; a managed server's has its real address once it runs.
    endpoint: Endpoint,
    params: Params,
    excepted: bool,
    caller: Caller,
    deadlines: MakeDeadlines,
    dialect: Dialect,
    descent: Descent,
    /// The steps that the last look at the ladder found.
    steps: Vec<Step>,
    /// Fields that switch reasoning off, as far as that was tried, and those that were not tried yet.
    reasoning_off: Option<(String, serde_json::Value)>,
    switches: Vec<(String, serde_json::Value)>,
    /// Whether nothing was asked yet that is asked once before a request, and beside it.
    unasked: bool,
    unasked_beside: bool,
    /// The right to wake the model, until it answers.
    waking: Option<Waking>,
    /// The right to find out whether the server is back.
    trial: Option<ProbeTicket>,
    spending: Spending,
    /// What the request will cost at least.
    reservation: Option<Reservation>,
}

impl LiveUpstream {
    pub(crate) fn new(
        http: Http,
        candidate: Candidate,
        caller: Caller,
        deadlines: MakeDeadlines,
        spending: Spending,
    ) -> Self {
        let Candidate {
            model,
            endpoint,
            params,
            excepted,
            ..
        } = candidate.clone();
        let descent = Descent::of(&endpoint, &model);
        let endpoint = descent.trial();
        Self {
            dialect: endpoint.dialect_for(model.model()),
            candidate,
            http,
            model,
            endpoint,
            params,
            excepted,
            caller,
            deadlines,
            descent,
            steps: Vec::new(),
            reasoning_off: None,
            switches: Vec::new(),
            unasked: true,
            unasked_beside: true,
            waking: None,
            trial: None,
            spending,
            reservation: None,
        }
    }

    fn is_near(&self) -> bool {
        self.endpoint.reach != Reach::Hosted
    }

    fn kind(&self) -> Option<ServerKind> {
        self.endpoint.known().and_then(|facts| facts.kind)
    }
}

impl Upstream for LiveUpstream {
    fn model(&self) -> &ModelRef {
        &self.model
    }

    fn address(&self) -> String {
        self.endpoint.base_url.clone()
    }

    fn again(&self) -> Box<dyn Upstream> {
        let (http, candidate, caller) = (self.http.clone(), self.candidate.clone(), self.caller.clone());
        let deadlines = Arc::clone(&self.deadlines);
        Box::new(Self::new(http, candidate, caller, deadlines, self.spending.clone()))
    }

    fn zone(&self) -> Zone {
        self.endpoint.zone_of(self.model.model())
    }

    fn is_excepted(&self) -> bool {
        self.excepted
    }

    fn settle_zone<'a>(&'a self, zones: &'a Zones) -> BoxFuture<'a, Result<Zone, ModelError>> {
        let settled = self.endpoint.settle_zone(&self.http, self.model.model(), zones, BESIDE);
        settled.boxed()
    }

    fn deadlines(&self, request: &ModelRequest) -> Deadlines {
        // Servers of the kinds that Yabby knows answer other questions while they work (`wire-facts.md` §7).
        let answers_beside = self.kind().is_some() || self.endpoint.is_managed() || !self.is_near();
        // What is in the server's cache may be gone.
        let whole = self.endpoint.expected_prefill(self.model.model(), self.tokens(request));
        (self.deadlines)(&self.endpoint).expecting(whole, answers_beside)
    }

    fn is_managed(&self) -> bool {
        self.endpoint.is_managed()
    }

    fn may_ask(&mut self) -> BoxFuture<'_, Result<(), ModelError>> {
        async {
            // What rests is not asked; the last candidate is never asked whether it may.
            if let Some(resting) = self.endpoint.keys_at_rest(self.model.model()) {
                return Err(resting);
            }
            self.trial = self.endpoint.may_ask(&self.http).await?;
            Ok(())
        }
        .boxed()
    }

    fn enter(&self) -> BoxStream<'static, Admission> {
        let mut queue = self.endpoint.enter(self.model.model(), &self.caller);
        let endpoint = self.endpoint.clone();
        let places = stream! {
            loop {
                let place = queue.next().await;
                if let Admission::Granted(_) = place {
                    endpoint.used();
                    yield place;
                    return;
                }
                yield place;
            }
        };
        places.boxed()
    }

    fn fitted(&self, request: &ModelRequest) -> ModelRequest {
        let mut request = fitted::fitted(request, &self.endpoint, &self.model, &self.params);
        if self.caller.priority.is_background() && self.is_near() {
            // It may have to make room, and llama.cpp ends its work for who leaves only on a stream.
            request.delivery = Delivery::Stream;
        }
        request
    }

    fn room(&self, request: &ModelRequest) -> Option<Room> {
        let window = self.endpoint.window(self.model.model())?.value;
        Some(Room {
            window,
            input: room_in(window, request),
        })
    }

    fn tokens(&self, request: &ModelRequest) -> u32 {
        self.endpoint.estimate_tokens(self.model.model(), request).tokens
    }

    fn go_on(&self, request: &mut ModelRequest, said: &str) -> bool {
        let quirks = self.endpoint.goes_on_from_its_words(self.model.model(), request);
        go_on::go_on(request, said, self.dialect, self.kind(), quirks)
    }

    fn prepare<'a>(&'a mut self, request: &'a mut ModelRequest) -> BoxStream<'a, Preparing> {
        self.preparing(request)
    }

    fn beside(&mut self) -> Option<BoxFuture<'static, ()>> {
        (self.is_near() && std::mem::take(&mut self.unasked_beside)).then(|| {
            let (http, endpoint) = (self.http.clone(), self.endpoint.clone());
            async move { drop(endpoint.refresh(&http, FRESH, BESIDE).await) }.boxed()
        })
    }

    fn expected(&self, request: &ModelRequest) -> Option<Duration> {
        let model = self.model.model();
        let unread = self.endpoint.unread_tokens(model, &self.caller.session, request);
        self.endpoint.expected_prefill(model, unread)
    }

    fn reserve<'a>(&'a mut self, request: &'a ModelRequest) -> BoxFuture<'a, Result<(), ModelError>> {
        async move {
            self.reservation = None;
            let price = Price::known(&self.endpoint, self.model.model());
            if self.zone().is_own() && price.as_ref().is_none_or(Price::is_free) {
                return Ok(());
            }
            self.spending.look(&self.caller.session).await;
            let tokens = self.tokens(request);
            let answer = request
                .max_output_tokens
                .map_or(USUAL_ANSWER, |most| most.min(USUAL_ANSWER));
            let session = &self.caller.session;
            let reserved = self.spending.reserve(&self.model, session, price, tokens, answer);
            self.reservation = Some(reserved.map_err(|over| over.error(&self.model, &self.endpoint.base_url))?);
            Ok(())
        }
        .boxed()
    }

    fn begun(&mut self) {
        if let Some(reservation) = &self.reservation {
            reservation.sent();
        }
    }

    fn settle(&mut self, usage: &Usage) -> Option<f64> {
        self.reservation.take()?.settle(usage).usd
    }

    fn ask(&self, request: &ModelRequest) -> BoxFuture<'static, Result<Answering, ModelError>> {
        let (http, endpoint, model) = (self.http.clone(), self.endpoint.clone(), self.model.clone());
        let (dialect, request) = (self.dialect, request.clone());
        // Who leaves before the head comes may have to pay all the same.
        if let Some(reservation) = &self.reservation {
            reservation.sent();
        }
        async move {
            let mut answer = endpoint.ask(&http, dialect, model.model(), &request).await?;
            let events = stream! {
                while let Some(event) = answer.next().await {
                    yield event.map(|event| Heard { event, bytes: answer.bytes() });
                }
            };
            Ok(events.boxed())
        }
        .boxed()
    }

    fn look(&self, limit: Duration) -> BoxFuture<'static, Result<Doing, ModelError>> {
        let (http, endpoint, model) = (self.http.clone(), self.endpoint.clone(), self.model.clone());
        async move { endpoint.look(&http, model.model(), limit).await }.boxed()
    }

    fn usual_load(&self) -> Option<Duration> {
        self.endpoint.usual_load(self.model.model())
    }

    fn heard(&mut self, event: &ModelEvent) -> Vec<Text> {
        if let Some(reservation) = &mut self.reservation {
            reservation.heard(event);
        }
        if !matches!(event, ModelEvent::Progress(_) | ModelEvent::ServedBy(_)) && self.waking.take().is_some() {
            self.endpoint.is_awake(self.model.model());
        }
        self.descent.seen(event)
    }

    fn remedy<'a>(
        &'a mut self,
        request: &'a ModelRequest,
        error: &'a ModelError,
    ) -> BoxFuture<'a, Result<Remedies, ModelError>> {
        async move {
            self.steps = self.ladder(request, error).await?;
            if error.kind == ErrorKind::ModelNotFound && self.steps.is_empty() {
                if self.is_near() {
                    // What was known of its models is no longer true.
                    self.endpoint.refresh(&self.http, Duration::ZERO, BESIDE).await;
                }
                let hint = self.endpoint.models_hint(self.model.model());
                return Err(error.again().with_hint(hint));
            }
            if self.switches.is_empty() && self.reasoning_off.is_none() {
                let model = self.model.model();
                self.switches =
                    yabby_servers::capability::reasoning_switches(&self.endpoint, model, self.dialect, request);
                self.switches.reverse();
            }
            Ok(Remedies {
                step: !self.steps.is_empty(),
                chat: has_no_responses(self.dialect, error),
                reasoning_off: !self.switches.is_empty(),
                other_key: self.endpoint.another_key(self.model.model(), error),
            })
        }
        .boxed()
    }

    fn take(&mut self, remedy: Remedy, error: &ModelError) -> Vec<Text> {
        match remedy {
            Remedy::Step => {
                let steps = std::mem::take(&mut self.steps);
                self.descent.take(&self.endpoint, steps, error);
                Vec::new()
            }
            Remedy::Chat => {
                self.endpoint.learn_dialect(Dialect::Chat);
                vec![text!(
                    "{provider} has no /v1/responses; asked through /v1/chat/completions instead (set api to openai-completions to skip this step)",
                    provider = self.endpoint.provider
                )]
            }
            Remedy::ReasoningOff => {
                let told = self.reasoning_off.is_some();
                self.reasoning_off = self.switches.pop();
                if told {
                    return Vec::new();
                }
                vec![text!(
                    "{model} thought without answering; asked again without thinking",
                    model = self.model
                )]
            }
            Remedy::OtherKey => Vec::new(),
        }
    }

    fn succeeded(&mut self, request: &ModelRequest, usage: &Usage) -> Vec<Text> {
        let model = self.model.model();
        self.endpoint.succeeded();
        self.endpoint.answered(&self.caller);
        self.endpoint.has_read(model, &self.caller.session, request, usage);
        self.trial = None;
        let Some(cut) = self.endpoint.saw_usage(model, request, usage) else {
            return Vec::new();
        };
        self.endpoint.saw_window(model, cut.window);
        vec![cut_short(&self.model, &cut)]
    }

    fn failed(&mut self, error: &ModelError) {
        if let Some(reservation) = self.reservation.take()
            && !may_be_paid(error)
        {
            reservation.free();
        }
        // Who loads says nothing else.
        self.unasked |= error.kind == ErrorKind::Loading;
        self.unasked_beside = self.unasked;
        self.endpoint.failed(self.model.model(), error);
    }

    fn timed(&self, times: &Times) {
        let model = self.model.model();
        let Some(first_token) = times.first_token else { return };
        if times.loaded {
            self.endpoint.saw_load(model, first_token);
        } else if times.streamed {
            let usage = &times.usage;
            let read = usage
                .input_tokens
                .map(|tokens| tokens.saturating_sub(usage.cached_tokens.unwrap_or(0)));
            self.endpoint.saw_timing(
                model,
                Timing {
                    read: read.unwrap_or(0),
                    first_token,
                    written: usage.output_tokens.unwrap_or(0),
                    writing: times.writing,
                },
            );
        }
    }

    fn opaque(&self, data: serde_json::Value) -> Opaque {
        Opaque {
            from: self.endpoint.opaque_source(self.model.model()),
            data,
        }
    }
}

impl LiveUpstream {
    /// The next steps of the ladder. A server that hangs while it is searched for refused tools is noticed.
    async fn ladder(&mut self, request: &ModelRequest, error: &ModelError) -> Result<Vec<Step>, ModelError> {
        let deadlines = (self.deadlines)(&self.endpoint);
        let (endpoint, http) = (self.endpoint.clone(), self.http.clone());
        let payer = Payer {
            session: self.caller.session.clone(),
            ..Payer::default()
        };
        let mut toll = Toll::new(&self.spending, &payer, &endpoint, &self.model);
        let looking = self
            .descent
            .next((&http, &mut toll), &endpoint, self.dialect, request, error);
        let mut found = std::pin::pin!(looking);
        loop {
            let silence = Instant::now() + deadlines.silence;
            tokio::select! {
                biased;
                found = &mut found => return Ok(found),
                () = sleep_until(silence) => {}
            }
            tokio::select! {
                biased;
                found = &mut found => return Ok(found),
                looked = endpoint.look(&http, self.model.model(), deadlines.sign_of_life) => drop(looked?),
            }
        }
    }
}

/// That the server left out a part of the prompt and said nothing.
fn cut_short(model: &ModelRef, cut: &Truncation) -> Text {
    text!(
        "{model} read only {reported} of about {expected} tokens: its server cuts what does not fit into a window of about {window} tokens; give it a larger one, or shorten the input",
        model = model,
        reported = cut.reported,
        expected = cut.expected,
        window = cut.window
    )
}
