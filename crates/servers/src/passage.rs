//! What a request carries that is passed on as it is, and what its failure means.
//!
//! For who sends bodies that are not made here. The rules are those of [`Endpoint::ask`]: where the key goes, which
//! headers the config adds, and what a failure is called.

use std::error::Error;

use yabby_core::{ModelError, Phase, Secret};
use yabby_wire::{Dialect, ResponseHeaders, classify};

use crate::{Endpoint, answer, transport};

/// Where a request goes that is passed on, and what it carries beside its body.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The whole URL. It may hold a secret, where the config puts one into the path.
    pub url: Secret,
    /// Headers by name: the credential, and those of the config. Names may repeat.
    pub headers: Vec<(String, Secret)>,
}

impl Endpoint {
    /// The way of a request for `model` that comes in `dialect` and stays in it; `None` when this endpoint speaks
    /// another one.
    pub fn passage(&self, dialect: Dialect, model: &str) -> Option<Passage> {
        if self.dialect_for(model) != dialect {
            return None;
        }
        let base = if dialect.is_at_root() { self.root() } else { &self.url };
        let listed = self.listed_model(model).into_iter().flat_map(|entry| &entry.headers);
        let mut headers = listed.cloned().collect::<Vec<_>>();
        headers.extend(self.credentials(dialect));
        Some(Passage {
            url: Secret::new(format!("{base}{}", dialect.path())),
            headers,
        })
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

    /// What an answer means that is not one: of a status that is no success, or with an error in its body.
    pub fn refused(&self, phase: Phase, status: u16, headers: &ResponseHeaders, body: &[u8]) -> ModelError {
        answer::from_wire(self, phase, &classify(status, headers, body))
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

    fn headers(endpoint: &Endpoint, dialect: Dialect) -> Vec<(String, String)> {
        let passage = endpoint.passage(dialect, "m").unwrap();
        let shown = |(name, value): (String, Secret)| (name, value.expose().to_owned());
        passage.headers.into_iter().map(shown).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn the_key_goes_where_the_dialect_has_it() {
        let chat = endpoint("openai-completions", "");
        assert_eq!(
            headers(&chat, Dialect::Chat),
            pairs(&[("c", "d"), ("authorization", "Bearer k"), ("a", "b")])
        );
        assert_eq!(
            chat.passage(Dialect::Chat, "m").unwrap().url.expose(),
            "http://h:8/v1/chat/completions"
        );
        let messages = endpoint("anthropic-messages", "");
        assert_eq!(
            headers(&messages, Dialect::Messages),
            pairs(&[("c", "d"), ("x-api-key", "k"), ("a", "b")])
        );
        let bearer = endpoint("anthropic-messages", "authHeader: true,");
        assert_eq!(
            headers(&bearer, Dialect::Messages),
            pairs(&[("c", "d"), ("authorization", "Bearer k"), ("a", "b")])
        );
    }

    #[test]
    fn another_dialect_has_no_passage() {
        let chat = endpoint("openai-completions", "");
        assert!(chat.passage(Dialect::Messages, "m").is_none());
        assert!(endpoint("ollama", "").passage(Dialect::Chat, "m").is_none());
    }
}
