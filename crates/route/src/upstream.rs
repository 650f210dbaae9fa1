//! What the engine needs of a place where a model is served. The real one is [`crate::live`]; the engine's own tests have a
//! scripted one without sockets.

use std::time::Duration;

use futures_util::{future::BoxFuture, stream::BoxStream};
use yabby_core::{ModelError, ModelEvent, ModelRef, ModelRequest, Opaque, Progress, Text, Usage, Zone, Zones};
use yabby_servers::{Admission, Doing};

use crate::Deadlines;

/// One model at one place, for one turn. What it learns within the turn it keeps to itself until the model answers.
pub(crate) trait Upstream: Send + Sync {
    /// The model.
    fn model(&self) -> &ModelRef;

    /// The address, without credentials.
    fn address(&self) -> String;

    /// The same place once more, of which nothing was asked yet in this turn.
    fn again(&self) -> Box<dyn Upstream>;

    /// Where the data of a request goes, as far as it is known now.
    fn zone(&self) -> Zone;

    /// Whether the person has made an exception for it from the rules that let one be asked.
    fn is_excepted(&self) -> bool;

    /// Finds out where the data would go, where that is not known yet. No part of the request is sent for it, and nothing
    /// is contacted that the rules forbid.
    fn settle_zone<'a>(&'a self, zones: &'a Zones) -> BoxFuture<'a, Result<Zone, ModelError>>;

    /// How long it may be silent, and take in all.
    fn deadlines(&self, request: &ModelRequest) -> Deadlines;

    /// Whether Yabby runs the server itself.
    fn is_managed(&self) -> bool;

    /// Whether it is not asked now because it failed lately. A right to be the one that finds out is kept in here.
    fn may_ask(&mut self) -> BoxFuture<'_, Result<(), ModelError>>;

    /// Gets in line for a slot.
    fn enter(&self) -> BoxStream<'static, Admission>;

    /// The request as the config and the place want it.
    fn fitted(&self, request: &ModelRequest) -> ModelRequest;

    /// How much fits, where the window is known.
    fn room(&self, request: &ModelRequest) -> Option<Room>;

    /// About how many tokens a request has.
    fn tokens(&self, request: &ModelRequest) -> u32;

    /// Puts what was said so far behind the request, so that the model goes on from there. Whether it does so from the very
    /// last letter; otherwise it is asked to go on and begins a text of its own.
    fn go_on(&self, request: &mut ModelRequest, said: &str) -> bool;

    /// What is done before the request is sent: starting the server, waking the model, asking what it can do. The stream
    /// ends when it is ready, or after an error.
    fn prepare<'a>(&'a mut self, request: &'a mut ModelRequest) -> BoxStream<'a, Preparing>;

    /// Something to do in the shadow of the next request; what is not done when that is over is given up.
    fn beside(&mut self) -> Option<BoxFuture<'static, ()>>;

    /// How long until the first token, where that is known.
    fn expected(&self, request: &ModelRequest) -> Option<Duration>;

    /// Reserves what the request will cost at least, if it costs something; the error names the limit that is against it.
    fn reserve<'a>(&'a mut self, request: &'a ModelRequest) -> BoxFuture<'a, Result<(), ModelError>>;

    /// The server has begun to answer, so that the request costs something whatever comes of it.
    fn begun(&mut self);

    /// The request is over, with these tokens as reported; gives what it cost.
    fn settle(&mut self, usage: &Usage) -> Option<f64>;

    /// Sends the request. Dropping the future or the stream closes the connection.
    fn ask(&self, request: &ModelRequest) -> BoxFuture<'static, Result<Answering, ModelError>>;

    /// Asks beside a silent answer what the server does.
    fn look(&self, limit: Duration) -> BoxFuture<'static, Result<Doing, ModelError>>;

    /// How long its model took to load before, where that is known.
    fn usual_load(&self) -> Option<Duration>;

    /// An event of the answer has come. What was changed for this answer is learned with its first word: the notices say so.
    fn heard(&mut self, event: &ModelEvent) -> Vec<Text>;

    /// What could be changed in the request after `error`; it may ask the server to find out.
    fn remedy<'a>(
        &'a mut self,
        request: &'a ModelRequest,
        error: &'a ModelError,
    ) -> BoxFuture<'a, Result<Remedies, ModelError>>;

    /// Changes what [`Upstream::remedy`] found last.
    fn take(&mut self, remedy: Remedy, error: &ModelError) -> Vec<Text>;

    /// The answer is complete.
    fn succeeded(&mut self, request: &ModelRequest, usage: &Usage) -> Vec<Text>;

    /// It failed; not told of work that had to make room.
    fn failed(&mut self, error: &ModelError);

    /// How fast it was.
    fn timed(&self, times: &Times);

    /// What only this place can read, for later requests.
    fn opaque(&self, data: serde_json::Value) -> Opaque;
}

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// The window, in tokens.
    pub(crate) window: u32,
    /// What of it is for the input.
    pub(crate) input: u32,
}

/// A step before the request is sent.
#[derive(Debug)]
pub(crate) enum Preparing {
    /// Something takes its time.
    Progress(Progress),
    /// Another request has loaded the model, so that the times of this one say nothing.
    Untimed,
    /// It cannot be asked.
    Failed(ModelError),
}

/// An answer as it comes.
pub(crate) type Answering = BoxStream<'static, Result<Heard, ModelError>>;

/// An event and how many bytes of the body had come by then.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) event: ModelEvent,
    pub(crate) bytes: u64,
}

/// What can be changed after an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an offer of its own")]
pub(crate) struct Remedies {
    /// The ladder has a step for what was refused.
    pub(crate) step: bool,
    /// The request may be made in the Chat Completions dialect instead.
    pub(crate) chat: bool,
    /// Reasoning can be switched off.
    pub(crate) reasoning_off: bool,
    /// There is another key that does not rest.
    pub(crate) other_key: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    Step,
    Chat,
    ReasoningOff,
    OtherKey,
}

/// The times of an answer, for what is known of the server's speed.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// From the start of the attempt until the first token.
    pub(crate) first_token: Option<Duration>,
    /// From the first token until the end.
    pub(crate) writing: Duration,
    /// Whether the model was loaded meanwhile.
    pub(crate) loaded: bool,
    /// Whether the answer came as a stream.
    pub(crate) streamed: bool,
    pub(crate) usage: Usage,
}
