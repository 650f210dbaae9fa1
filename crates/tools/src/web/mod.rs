//! Reading the web: `web_fetch`.
//!
//! A model asks for an address that anyone may have put into its head, so nothing of this machine or its network may be
//! reached that way. `address` says of an address where it is; `places` of a URL whether it may be asked for; `http` has
//! clients whose only way to an address is a resolver that vets it, so that no name can point elsewhere between a check and
//! a connection. `body` reads no more than the limits; `charset`, `html`, `elements` and
//! `lines` make text of it.

mod address;
mod body;
mod cache;
mod charset;
mod elements;
mod fetch;
mod html;
mod http;
mod lines;
mod page;
mod places;
mod settings;

#[cfg(test)]
mod tests;

pub use fetch::WebFetch;
pub use http::Lookup;
pub use places::{InvalidHost, OpenHost};
pub use settings::FetchSettings;
