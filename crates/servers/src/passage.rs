//! What a request carries that is passed on as it is, and what its failure means.
//!
//! For who sends bodies that are not made here. The rules are those of [`Endpoint::ask`]: which key is used and where it
//! goes, which headers the config adds, which addresses may be contacted, and what a failure is called.

use std::{error::Error, net::SocketAddr};

use tokio::time::Instant;
use yabby_core::{ModelError, Phase, Secret};
use yabby_wire::{Dialect, ResponseHeaders, classify};

use crate::{Endpoint, Http, answer, credentials::Lease, near, transport};

/// Where a request goes that is passed on, and what it carries beside its body.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The whole URL. It may hold a secret, where the config puts one into the path.
    pub url: Secret,
    /// Headers by name, for each key of the endpoint ([`KeyUse::place`]): the credential, and those of the config. Of a
    /// name that repeats, the last counts. Without a key there is one list.
    pub headers: Vec<Vec<(String, Secret)>>,
}

/// The key that one request is sent with: what its error or its answer is about.
#[derive(Clone, Copy, Debug)]
pub struct KeyUse(Lease);

impl KeyUse {
    /// Its place among the keys of the endpoint; zero when it has none.
    pub fn place(self) -> usize {
        self.0.key
    }
}

impl Endpoint {
    /// The way of a request for `model` that comes in `dialect` and stays in it; `None` when this endpoint speaks
    /// another one.
    pub fn passage(&self, dialect: Dialect, model: &str) -> Option<Passage> {
        if self.dialect_for(model) != dialect {
            return None;
        }
        let base = if dialect.is_at_root() { self.root() } else { &self.url };
        let with_key = |key| {
            let listed = self.listed_model(model).into_iter().flat_map(|entry| &entry.headers);
            let mut headers: Vec<(String, Secret)> = listed.cloned().collect();
            headers.extend(self.credential_headers(dialect, key));
            headers
        };
        Some(Passage {
            url: Secret::new(format!("{base}{}", dialect.path())),
            headers: (0..self.key_count().max(1)).map(with_key).collect(),
        })
    }

    /// A model is asked now, which the caller knows: a clock costs more than most of what happens to a request. The key for it.
    pub fn begins(&self, model: &str, now: Instant) -> KeyUse {
        self.used_at(now);
        KeyUse(self.lease_at(model, now))
    }

    /// Notes that a model has answered to a key, now.
    pub fn has_answered(&self, key: KeyUse, model: &str, now: Instant) {
        self.succeeded_at(now);
        self.key_succeeded_at(key.0, model, now);
    }

    /// The addresses at which a request may contact its host. A host that counts as near has near ones only; when it has
    /// none, the error says so to [`Endpoint::broke_off`].
    pub async fn addresses(&self, http: &Http, host: &str) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        near::addresses(http.lookup(), self.guard(), host).await
    }

    /// The error when the address that its URL has in place of a name must not be contacted.
    pub fn outside(&self) -> Option<ModelError> {
        let outside = near::literal(&self.url, self.guard())?;
        Some(near::error(self, Some(&outside)))
    }

    /// What went wrong below HTTP: before the connection stood (`connecting`), or on it.
    pub fn broke_off(
        &self,
        phase: Phase,
        connecting: bool,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> ModelError {
        transport::broke_off(self, phase, connecting, error.into())
    }

    /// What an answer means that is not one: of a status that is no success, or with an error in its body. It is noted
    /// for the key.
    pub fn refused(
        &self,
        key: KeyUse,
        model: &str,
        phase: Phase,
        (status, headers, body): (u16, &ResponseHeaders, &[u8]),
    ) -> ModelError {
        let mut error = classify(status, headers, body);
        self.key_failed(key.0, model, &mut error);
        answer::from_wire(self, phase, &error)
    }

    /// `text` without any secret of this endpoint, for servers that repeat what they were sent.
    pub fn without_secrets(&self, text: &str) -> String {
        self.redacted(text)
    }
}

#[cfg(test)]
mod tests {
    use yabby_config::{Environment, load_text};

    use super::*;

    fn endpoint(api: &str, more: &str) -> Endpoint {
        let text = format!(
            "{{models: {{providers: {{p: {{baseUrl: 'http://h:8/v1', api: '{api}', apiKey: 'k', headers: {{a: 'b'}}, {more}
             models: [{{id: 'm', headers: {{c: 'd'}}}}]}}}}}}}}"
        );
        let loaded = load_text(&text, &Environment::default());
        Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
    }

    fn headers(endpoint: &Endpoint, dialect: Dialect) -> Vec<Vec<(String, String)>> {
        let passage = endpoint.passage(dialect, "m").unwrap();
        let shown = |(name, value): (String, Secret)| (name, value.expose().to_owned());
        let of_key = |headers: Vec<_>| headers.into_iter().map(shown).collect();
        passage.headers.into_iter().map(of_key).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        of.iter().map(owned).collect()
    }

    #[test]
    fn the_key_goes_where_the_dialect_has_it() {
        let chat = endpoint("openai-completions", "");
        assert_eq!(
            headers(&chat, Dialect::Chat),
            [pairs(&[("c", "d"), ("authorization", "Bearer k"), ("a", "b")])]
        );
        assert_eq!(
            chat.passage(Dialect::Chat, "m").unwrap().url.expose(),
            "http://h:8/v1/chat/completions"
        );
        let messages = endpoint("anthropic-messages", "");
        assert_eq!(
            headers(&messages, Dialect::Messages),
            [pairs(&[("c", "d"), ("x-api-key", "k"), ("a", "b")])]
        );
        let bearer = endpoint("anthropic-messages", "authHeader: true, apiKeys: ['l'],");
        assert_eq!(
            headers(&bearer, Dialect::Messages),
            [
                pairs(&[("c", "d"), ("authorization", "Bearer k"), ("a", "b")]),
                pairs(&[("c", "d"), ("authorization", "Bearer l"), ("a", "b")]),
            ]
        );
    }

    #[test]
    fn another_dialect_has_no_passage() {
        let chat = endpoint("openai-completions", "");
        assert!(chat.passage(Dialect::Messages, "m").is_none());
        assert!(endpoint("ollama", "").passage(Dialect::Chat, "m").is_none());
    }
}
