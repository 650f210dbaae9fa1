//! What the agent needs of models.

use futures_util::{future::BoxFuture, stream::BoxStream};
use yabby_core::{ModelRef, ModelRequest, Priority, Thinking, TokenCount};
use yabby_route::{PlanError, RouteEvent};

/// Whom to ask, and on whose behalf.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// The agent, whose model policy and privacy hold.
    pub agent: String,
    /// The session, for the cache of a server and the budget of the owner.
    pub session: String,
    /// The model that the person named for this session; nothing else is tried then.
    pub model: Option<String>,
    /// Whether it must stay on this machine, beside what the config says.
    pub private: bool,
    /// How urgent it is.
    pub priority: Priority,
    /// Whether the answer may call tools.
    pub tools: bool,
    /// Whether there are pictures to be read.
    pub images: bool,
    /// How hard the model shall think; unset leaves it to the config.
    pub thinking: Option<Thinking>,
}

/// The model that would be asked first now.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// Which.
    pub model: ModelRef,
    /// Its window in tokens, prompt and answer together, as it is served; `None` when nobody knows.
    pub window: Option<u32>,
    /// Tokens of a prompt that it reads in a second, where it was timed.
    pub prefill: Option<f64>,
    /// How many requests it serves at once, where it says so.
    pub slots: Option<u32>,
}

/// Where answers come from. Implemented over `route`; tests have a script.
pub trait Model: Send + Sync {
    /// Who would be asked first. An error says why nobody can be.
    fn served<'a>(&'a self, wish: &'a Wish) -> BoxFuture<'a, Result<Served, PlanError>>;

    /// The tokens of a request as that model would get it, exact where its server counts.
    fn count<'a>(&'a self, wish: &'a Wish, request: &'a ModelRequest) -> BoxFuture<'a, TokenCount>;

    /// The same without asking anybody: for each step of a turn.
    fn estimate(&self, wish: &Wish, request: &ModelRequest) -> u32;

    /// Asks. The last event is `Done` or `Failed`; dropping the stream closes the connection.
    fn answer<'a>(&'a self, wish: &'a Wish, request: ModelRequest) -> BoxStream<'a, RouteEvent>;
}
