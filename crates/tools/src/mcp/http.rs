//! Servers that are addresses.

use std::time::Duration;

use reqwest::{
    Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use rmcp::transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig};
use yabby_core::Secret;

use super::{McpLimits, McpTrouble};

/// How an address is spoken to.
pub(super) type Posts = StreamableHttpClientTransport<Client>;

/// A server may send from one of its paths to another so many times.
const REDIRECTS: usize = 3;

/// A connection that nobody uses is closed after so long.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// The address was left.
#[derive(Debug, thiserror::Error)]
#[error("it sends to another address")]
struct Elsewhere;

/// Gets ready to speak to `url`. The headers go to that scheme, host and port and to nobody else.
pub(super) fn posts(url: &str, headers: &[(String, Secret)], limits: &McpLimits) -> Result<Posts, McpTrouble> {
    let address = Url::parse(url).map_err(|_| McpTrouble::Malformed)?;
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| McpTrouble::Malformed)?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| McpTrouble::Malformed)?;
        value.set_sensitive(true);
        all.append(name, value);
    }
    let builder = Client::builder()
        .user_agent(concat!("yabby/", env!("CARGO_PKG_VERSION")))
        .default_headers(all)
        // A proxy from the environment would carry what is said to servers near by out of the machine.
        .no_proxy()
        .pool_idle_timeout(POOL_IDLE)
        .redirect(Policy::custom(|attempt| {
            let from = attempt.previous().first().map(Url::origin);
            if from != Some(attempt.url().origin()) || attempt.previous().len() > REDIRECTS {
                return attempt.error(Elsewhere);
            }
            attempt.follow()
        }));
    let builder = if address.scheme() == "https" {
        builder
    } else {
        // Reading the certificates takes longer than a request.
        builder.tls_certs_only([])
    };
    let client = builder.build().map_err(|_| McpTrouble::Malformed)?;
    let config = StreamableHttpClientTransportConfig::with_uri(url)
        .max_sse_event_size(limits.message_bytes)
        .max_json_response_size(limits.message_bytes)
        .max_error_response_size(1024)
        // A session that is gone is begun anew by whoever also asks for the tools anew.
        .reinit_on_expired_session(false);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}
