//! The nouns of Yabby: what rooms say to each other.
//!
//! Nothing here does I/O, reads a clock (apart from the time of a [`Fact`]) or knows a server. See `ARCHITECTURE.md` for who uses what.

mod attempt;
pub mod calendar;
mod caller;
mod chunks;
mod details;
mod error;
mod event;
mod facts;
mod final_text;
mod image;
mod message;
mod model_ref;
mod opaque;
mod request;
mod secret;
mod session;
pub mod text;
mod thinking;
mod tokens;
mod zone;

pub use attempt::{Attempt, Outcome};
pub use caller::{Caller, Priority};
pub use chunks::{ChunkLimit, ChunkUnit};
pub use details::{ErrorDetails, Numbers, Refused};
pub use error::{ErrorKind, ModelError, Phase};
pub use event::{EndReason, ModelEvent, Progress, Usage};
pub use facts::{Fact, FactSource, now};
pub use final_text::{FinalText, Unfinished};
pub use image::{Image, ImageType};
pub use message::{MalformedCall, Message, ToolCall};
pub use model_ref::{InvalidModelRef, ModelRef};
pub use opaque::{Opaque, OpaqueSource};
pub use request::{Delivery, ModelRequest, OutputSchema, PromptCache, Tool, ToolChoice, ToolMode};
pub use secret::Secret;
pub use session::{
    Activity, Confidentiality, DmScope, GroupScope, IdentityLinks, Integrity, InvalidSessionKey, KeyRules, Label,
    Origin, Origins, Peer, PeerKind, Reset, ResetMode, ResetPolicy, ResetReason, ResetRules, ResetTriggers, ResetType,
    Scope, SessionKey, SessionKind, Time, session_key,
};
pub use text::{Lang, Text};
pub use thinking::Thinking;
pub use tokens::{Exactness, TokenCount};
pub use zone::{InvalidZone, Zone, ZoneRule, Zones};
