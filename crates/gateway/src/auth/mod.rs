//! Who may come in.
//!
//! A request has passed three questions before anything of it is looked at: whether it is meant for this gateway and comes
//! from a page that may use it (`hosts`), whether its address was locked out after wrong keys (`lockout`), and whose key it
//! brings (`ring`). All is answered from memory: one hash and one look-up for the first request of a connection, and none for
//! those that bring the same key (`last`). [`Gate::keep`] keeps what is known of keys up to
//! date with the store.

mod caller;
mod gate;
mod hosts;
mod last;
mod lockout;
mod manage;
mod peer;
mod presented;
mod ring;
mod rules;
mod sign_in;

pub use caller::Caller;
pub use gate::Access;

pub(crate) use gate::{Gate, Signal, Visitor};
pub(crate) use last::Last;
pub(crate) use manage::{Shown as KeyShown, Wanted as KeyWanted};
pub(crate) use peer::{Crowd, Peer, Place};
pub(crate) use sign_in::{Asked as KeyAsked, SignedIn};
