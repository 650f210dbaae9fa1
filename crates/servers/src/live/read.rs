//! What a server has read already, with the last request of a session.
//!
//! Servers near by keep what they have read as long as they have room for it, so that the next request of a session costs only
//! what is new in it. Whether that was so, the answer says, where the server counts it.

use std::hash::{DefaultHasher, Hash, Hasher};

use yabby_core::{ModelRequest, Usage};

use crate::Endpoint;

/// So many sessions a server has in its cache, where nobody knows how many requests it serves at once.
const SESSIONS: usize = 4;

/// The last request of a session that a server has read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    session: String,
    /// How many messages it had, and all that it had up to there.
    messages: usize,
    mark: u64,
    /// The one before was read anew from its beginning, though it should have been in the cache.
    lost: bool,
}

/// A number for all of a request up to a message.
fn mark(request: &ModelRequest, messages: usize) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let messages = request.messages.get(..messages)?;
    format!("{:?}", (&request.system, &request.tools, messages)).hash(&mut hasher);
    Some(hasher.finish())
}

impl Endpoint {
    /// Notes that a request of a session was answered, with these tokens as reported.
    pub fn has_read(&self, model: &str, session: &str, request: &ModelRequest, usage: &Usage) {
        let messages = request.messages.len();
        let Some(mark) = mark(request, messages).filter(|_| !session.is_empty()) else {
            return;
        };
        let before = self.read_before(model, session, request);
        let slots = self.known().and_then(|facts| {
            let slots = facts.model(model).or(facts.only_model())?.slots.as_ref()?;
            usize::try_from(slots.value).ok()
        });
        let mut now = self.live.lock();
        let read = now.read.entry(model.to_owned()).or_default();
        let was_lost = read.iter().any(|read| read.session == session && read.lost);
        let lost = match usage.cached_tokens {
            Some(0) => was_lost || before.is_some(),
            Some(_) => false,
            None => was_lost,
        };
        read.retain(|read| read.session != session);
        read.insert(
            0,
            Read {
                session: session.to_owned(),
                messages,
                mark,
                lost,
            },
        );
        read.truncate(slots.unwrap_or(SESSIONS).max(1));
    }

    /// The beginning of a request that its server has read with the one before of its session, as far as is known.
    fn read_before(&self, model: &str, session: &str, request: &ModelRequest) -> Option<ModelRequest> {
        let now = self.live.lock();
        let read = now.read.get(model)?.iter().find(|read| read.session == session)?;
        let same = !read.lost && mark(request, read.messages) == Some(read.mark);
        same.then(|| ModelRequest {
            messages: request.messages.iter().take(read.messages).cloned().collect(),
            ..request.clone()
        })
    }

    /// About so many tokens of a request its server has not read yet.
    pub fn unread_tokens(&self, model: &str, session: &str, request: &ModelRequest) -> u32 {
        let all = self.estimate_tokens(model, request).tokens;
        let read = self.read_before(model, session, request);
        let read = read.map_or(0, |read| self.estimate_tokens(model, &read).tokens);
        all.saturating_sub(read)
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::Message;

    use super::*;
    use crate::EndpointOrigin;

    fn request(messages: &[&str]) -> ModelRequest {
        ModelRequest {
            system: Some("You are a test. ".repeat(200)),
            messages: messages.iter().map(|text| Message::user(*text)).collect(),
            ..ModelRequest::default()
        }
    }

    fn cached(cached_tokens: Option<u32>) -> Usage {
        Usage {
            cached_tokens,
            ..Usage::default()
        }
    }

    #[test]
    fn only_what_is_new_is_read() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let unread = |session: &str, messages: &[&str]| endpoint.unread_tokens("m", session, &request(messages));
        let all = unread("s", &["one", "two"]);
        assert!(all > 500, "{all}");
        endpoint.has_read("m", "s", &request(&["one"]), &cached(Some(0)));
        assert!(unread("s", &["one", "two"]) < 50);
        // Another beginning, another session, another model.
        assert_eq!(unread("s", &["won", "two"]), all);
        assert_eq!(unread("t", &["one", "two"]), all);
        assert_eq!(endpoint.unread_tokens("n", "s", &request(&["one", "two"])), all);
        // The server says that it had nothing in its cache, and then that it had.
        endpoint.has_read("m", "s", &request(&["one", "two"]), &cached(Some(0)));
        assert!(unread("s", &["one", "two", "three"]) >= all);
        endpoint.has_read("m", "s", &request(&["one", "two", "three"]), &cached(Some(700)));
        assert!(unread("s", &["one", "two", "three", "four"]) < 50);
        // It has room for some sessions only.
        for session in ["a", "b", "c", "d"] {
            endpoint.has_read("m", session, &request(&["one"]), &cached(None));
        }
        assert_eq!(unread("s", &["one", "two"]), all);
        assert!(unread("a", &["one", "two"]) < 50);
        // Who has no session is not known again.
        endpoint.has_read("m", "", &request(&["one"]), &cached(None));
        assert_eq!(unread("", &["one", "two"]), all);
    }
}
