//! Asking a server what texts mean.

use serde_json::{Map, Value};
use yabby_core::{ErrorKind, ModelError, Phase, text};
use yabby_wire::{Dialect, WireError, classify, encode_embeddings, read_embedding_tokens, read_embeddings};

use crate::{Endpoint, Http, ModelFacts, answer, transport};

/// The most that is read of an answer, in bytes: a thousand embeddings of 2,000 numbers as text.
const LONGEST: usize = 32 * 1024 * 1024;

/// What texts mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// The embeddings, in the order of the texts.
    pub numbers: Vec<Vec<f32>>,
    /// How many tokens all texts had, where the server says so.
    pub tokens: Option<u32>,
}

impl Endpoint {
    /// The embeddings of some texts, in their order.
    ///
    /// As with [`Endpoint::ask`], deadlines, the queue and the breaker are the caller's, and dropping the future closes the
    /// connection. A text that is too long for the model is [`ErrorKind::ContextOverflow`].
    pub async fn embed(&self, http: &Http, model: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let embedded = self.embed_with(http, model, texts, &Map::new()).await?;
        Ok(embedded.numbers)
    }

    /// The same, with fields of the request that this knows nothing of, and with the count of tokens.
    pub async fn embed_with(
        &self,
        http: &Http,
        model: &str,
        texts: &[String],
        extra: &Map<String, Value>,
    ) -> Result<Embedded, ModelError> {
        let asked = encode_embeddings(model, texts, extra);
        let mut post = http
            .client(self)?
            .post(format!("{}{}", self.url, asked.path))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        for (name, value) in self.listed_model(model).into_iter().flat_map(|entry| &entry.headers) {
            post = post.header(name, value.expose());
        }
        let lease = self.lease(model);
        let mut response = self
            .authorise(post, Dialect::Chat, lease)
            .body(asked.body)
            .send()
            .await
            .map_err(|error| transport::error(self, Phase::Connect, error))?;
        let (status, headers) = (response.status(), answer::response_headers(&response));
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let Some(chunk) = chunk.map_err(|error| transport::error(self, Phase::FirstToken, error))? else {
                break;
            };
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                let message = text!("the embeddings of {url} do not end", url = self.base_url);
                return Err(ModelError::new(
                    ErrorKind::Malformed,
                    Phase::FirstToken,
                    &self.base_url,
                    message,
                ));
            }
        }
        let read = if status.is_success() {
            read_embeddings(&body, texts.len()).map_err(|wrong| {
                // LM Studio says with 200 that it has no such path (`wire-facts.md` §7.3).
                let said = is_error(&body).then(|| classify(status.as_u16(), &headers, &body));
                said.unwrap_or(wrong)
            })
        } else {
            Err(classify(status.as_u16(), &headers, &body))
        };
        match read {
            Ok(numbers) => {
                self.key_succeeded(lease, model);
                let tokens = read_embedding_tokens(&body);
                Ok(Embedded { numbers, tokens })
            }
            Err(mut error) => Err(self.not_embedded(lease, model, &mut error)),
        }
    }

    fn not_embedded(&self, lease: crate::credentials::Lease, model: &str, error: &mut WireError) -> ModelError {
        self.key_failed(lease, model, error);
        answer::from_wire(self, Phase::Head, error)
    }
}

impl ModelFacts {
    /// Whether it makes embeddings, by what its server says of it, else by its name.
    pub fn embeds(&self) -> bool {
        !self.chat && !self.id.to_ascii_lowercase().contains("rerank")
    }
}

fn is_error(body: &[u8]) -> bool {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    body.is_some_and(|body| body.get("error").is_some_and(|error| !error.is_null()))
}

#[cfg(test)]
mod tests {
    use yabby_testkit::{ModelServer, dead_port};

    use super::*;
    use crate::{EndpointOrigin, ModelState};

    fn endpoint(server: &ModelServer) -> Endpoint {
        Endpoint::loopback("p", server.addr().port(), EndpointOrigin::Config)
    }

    async fn asks(server: &ModelServer, texts: &[&str]) -> Result<Vec<Vec<f32>>, ErrorKind> {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let asked = endpoint(server).embed(&Http::default(), "m", &texts).await;
        asked.map_err(|error| error.kind)
    }

    #[tokio::test]
    async fn texts_have_embeddings() {
        let server = ModelServer::start().await;
        server.means(&[&["dog", "corgi"], &["rent"]]);
        assert_eq!(
            asks(&server, &["a Corgi", "the rent of a dog"]).await,
            Ok(vec![vec![1.0, 0.0, 0.125], vec![1.0, 1.0, 0.125]])
        );
        assert_eq!(
            server.requests().last().unwrap().body,
            serde_json::json!({"model": "m", "input": ["a Corgi", "the rent of a dog"]})
        );
    }

    #[tokio::test]
    async fn a_text_that_is_too_long_is_told_apart() {
        let server = ModelServer::start().await;
        server.embeds_at_most(10);
        assert_eq!(
            asks(&server, &["a", "much too long a text"]).await,
            Err(ErrorKind::ContextOverflow)
        );
        assert!(asks(&server, &["a"]).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        let server = ModelServer::start().await;
        for (status, body, expected) in [
            (
                200,
                r#"{"error":"Unexpected endpoint or method. (POST /v1/embeddings)"}"#,
                ErrorKind::NotAnApi,
            ),
            (200, r#"{"data":[]}"#, ErrorKind::Malformed),
            (
                501,
                r#"{"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`","type":"not_supported_error"}}"#,
                ErrorKind::UnsupportedFeature,
            ),
            (
                400,
                r#"{"error":{"message":"the input length exceeds the context length","type":"invalid_request_error"}}"#,
                ErrorKind::ContextOverflow,
            ),
        ] {
            server.route("/v1/embeddings", status, "application/json", body);
            assert_eq!(asks(&server, &["a"]).await, Err(expected), "{body}");
        }
        let gone = Endpoint::loopback("p", dead_port().port(), EndpointOrigin::Config);
        let error = gone.embed(&Http::default(), "m", &["a".to_owned()]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
    }

    #[test]
    fn which_models_make_embeddings() {
        let embeds = |id: &str, chat| {
            ModelFacts {
                chat,
                ..ModelFacts::new(id, ModelState::Ready)
            }
            .embeds()
        };
        assert_eq!(
            [
                embeds("nomic-embed-text", false),
                embeds("qwen3", true),
                embeds("bge-Reranker", false)
            ],
            [true, false, false]
        );
    }
}
