//! Keys: where they go in a request, and that they go nowhere else.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use yabby_core::{Secret, Text, text};
use yabby_wire::Dialect;

use crate::Endpoint;

impl Endpoint {
    /// Adds the credential in the form that the dialect's own service expects, and the configured headers.
    pub(crate) fn authorise(&self, request: reqwest::RequestBuilder, dialect: Dialect) -> reqwest::RequestBuilder {
        let mut request = request;
        for (name, value) in self.credentials(dialect) {
            request = match HeaderValue::from_str(value.expose()) {
                Ok(mut value) => {
                    // So that HTTP/2 keeps it in no table of headers.
                    value.set_sensitive(true);
                    request.header(name, value)
                }
                // The request fails with what is wrong with it.
                Err(_) => request.header(name, value.expose()),
            };
        }
        request
    }

    /// The credential in the form that the dialect's own service expects, and the configured headers.
    pub(crate) fn credentials(&self, dialect: Dialect) -> Vec<(String, Secret)> {
        let mut headers = Vec::new();
        let mut add = |name: &str, value: Secret| headers.push((name.to_owned(), value));
        if let Some((user, password)) = &self.basic {
            add("authorization", Secret::new(format!("Basic {}", basic(user, password))));
        }
        if let Some(key) = &self.key {
            match dialect {
                // https://docs.claude.com/en/api/overview: `x-api-key`. llama.cpp takes both forms (measured).
                Dialect::Messages if !self.bearer => add("x-api-key", key.clone()),
                _ if self.basic.is_some() && !self.bearer => {}
                _ => add("authorization", Secret::new(format!("Bearer {}", key.expose()))),
            }
        }
        headers.extend(self.headers.iter().cloned());
        headers
    }

    /// `text` without any secret of this endpoint, for servers that repeat what they were sent.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets() {
            text = secret.redact(&text);
            // `Bearer sk-…`: the server repeats the second half.
            if let Some((_, token)) = secret.expose().rsplit_once(' ') {
                text = Secret::new(token).redact(&text);
            }
        }
        text
    }

    /// Every secret that a request may carry.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let listed = self.listed.iter().flat_map(|entry| &entry.headers);
        let headers = self.headers.iter().chain(listed).map(|(_, value)| value);
        let password = self.basic.iter().map(|(_, password)| password);
        let mut secrets: Vec<Secret> = self.key.iter().chain(password).cloned().collect();
        let encoded = self
            .basic
            .iter()
            .map(|(user, password)| Secret::new(basic(user, password)));
        secrets.extend(encoded);
        secrets.extend(headers.cloned());
        secrets
    }

    /// The key's place, for a hint about a refused credential.
    pub(crate) fn key_hint(&self) -> Text {
        match (&self.key, &self.key_from, self.key_env.first()) {
            (Some(_), Some(name), _) => text!("check the key in {name}: the server refused it", name = name),
            (None, _, Some(name)) => text!(
                "set {name}, or models.providers.{provider}.apiKey in the config",
                name = name,
                provider = self.provider
            ),
            _ => text!(
                "check models.providers.{provider}.apiKey in the config: the server refused it",
                provider = self.provider
            ),
        }
    }
}

/// What basic authentication makes of them on the wire (RFC 7617).
fn basic(user: &str, password: &Secret) -> String {
    STANDARD.encode(format!("{user}:{}", password.expose()))
}
