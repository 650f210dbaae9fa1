//! Sessions as nouns: which conversation a message belongs to, when it starts afresh, and how far its content is trusted.
//!
//! All of it is pure: times and the offset of local time are given.

mod build;
mod key;
mod label;
mod normal;
mod origin;
mod reset;
mod rules;
mod scope;
mod shape;
mod time;
mod trigger;

pub use build::{KeyRules, session_key};
pub use key::{InvalidSessionKey, SessionKey};
pub use label::{Confidentiality, Integrity, Label, Origins};
pub use origin::{Origin, Peer, PeerKind};
pub use reset::{Activity, ResetPolicy, ResetReason};
pub use rules::{Reset, ResetMode, ResetRules, ResetType};
pub use scope::{DmScope, GroupScope, IdentityLinks, Scope};
pub use shape::SessionKind;
pub use time::Time;
pub use trigger::ResetTriggers;
