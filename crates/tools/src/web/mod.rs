//! Reading the web: `web_fetch` and `web_search`.
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
mod providers;
mod search;
mod settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use fetch::WebFetch;
pub use http::Lookup;
pub use places::{BlockedHost, InvalidHost, OpenHost};
pub use search::WebSearch;
pub use settings::{Brave, FetchSettings, Provider, SearchSettings, Searxng};

use crate::Tool;

/// The tools that the settings turn on: without a provider there is no `web_search`.
pub fn tools(fetch: FetchSettings, search: SearchSettings) -> Vec<Arc<dyn Tool>> {
    let lookup = Lookup::default();
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    if fetch.enabled {
        tools.push(Arc::new(WebFetch::new(fetch, lookup.clone())));
    }
    if let Some(search) = WebSearch::new(search, lookup) {
        tools.push(Arc::new(search));
    }
    tools
}
