//! From the written OpenTelemetry section to the typed one.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::Url;
use yabby_core::{Secret, text};

use crate::{
    environment::vars,
    path::{Seg, at, below},
    raw,
    resolve::Resolver,
};

/// What is sent to an OpenTelemetry collector, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct OtelSettings {
    /// The whole address for traces; `None` sends none.
    pub traces: Option<String>,
    /// The whole address for metrics; `None` sends none.
    pub metrics: Option<String>,
    /// Headers of each request. Each is a valid one.
    pub headers: Vec<(String, Secret)>,
    /// The name that Yabby has there.
    pub service_name: String,
    /// The share of traces that is sent, from 0 to 1.
    pub sample_rate: f64,
    /// The time between two sendings of metrics.
    pub interval: Duration,
}

/// The ends of addresses, by what is sent there.
const TRACES: &str = "/v1/traces";
const METRICS: &str = "/v1/metrics";
const LOGS: &str = "/v1/logs";

const NAME: &str = "yabby";
/// As in the specification of OpenTelemetry.
const INTERVAL: Duration = Duration::from_mins(1);

// === impl OtelSettings ===

impl OtelSettings {
    /// The section as it is shown, without secrets.
    pub(crate) fn shown(this: Option<&Self>) -> Value {
        let Some(this) = this else {
            return json!({ "otel": { "enabled": false } });
        };
        let headers = this.headers.iter();
        let headers: Map<String, Value> = headers
            .map(|(name, secret)| (name.clone(), secret.to_string().into()))
            .collect();
        let interval = u64::try_from(this.interval.as_millis()).unwrap_or(u64::MAX);
        let mut shown = json!({
            "enabled": true,
            "protocol": "http/protobuf",
            "headers": headers,
            "serviceName": this.service_name,
            "traces": this.traces.is_some(),
            "metrics": this.metrics.is_some(),
            "sampleRate": this.sample_rate,
            "flushIntervalMs": interval,
        });
        for (key, url) in [("tracesEndpoint", &this.traces), ("metricsEndpoint", &this.metrics)] {
            if let Some(url) = url {
                shown[key] = url.as_str().into();
            }
        }
        json!({ "otel": shown })
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// `None` where nothing is sent. What is wrong here sends less and not more.
    pub(crate) fn otel(&mut self, raw: raw::Diagnostics) -> Option<OtelSettings> {
        let (section, path) = (at!["diagnostics"], at!["diagnostics", "otel"]);
        let on = self.switch(raw.enabled, true, &below(&section, "enabled"))
            && self.switch(raw.otel.enabled, false, &below(&path, "enabled"));
        if !on {
            return None;
        }
        let otel = raw.otel;
        if otel.protocol == Some(raw::OtelProtocol::Grpc) {
            let message = text!("Yabby does not speak grpc with collectors, so nothing is sent to this one");
            let help = text!(
                "write protocol: \"http/protobuf\" and the collector's address for HTTP, which most often has the port 4318"
            );
            return self.off(message, help, &below(&path, "protocol"));
        }
        let traces = self.switch(otel.traces, true, &below(&path, "traces"));
        let metrics = self.switch(otel.metrics, true, &below(&path, "metrics"));
        let rate_at = below(&path, "sampleRate");
        // A share that cannot be read is none.
        let unread = otel.sample_rate.is_none() && self.written.find(&rate_at).is_some();
        if !metrics && (!traces || unread) {
            return None;
        }
        let base = self.otel_base(otel.endpoint.as_deref(), &path)?;
        let traces_at = (traces && !unread).then_some((otel.traces_endpoint, "tracesEndpoint", TRACES));
        let metrics_at = metrics.then_some((otel.metrics_endpoint, "metricsEndpoint", METRICS));
        let mut urls = [None, None];
        for (url, wanted) in urls.iter_mut().zip([traces_at, metrics_at]) {
            let Some((written, key, end)) = wanted else { continue };
            *url = match (written, &base) {
                (Some(whole), _) => Some(self.otel_url(&whole, &below(&path, key))?.to_string()),
                (None, Some(base)) => Some(ending(base, end)),
                (None, None) => {
                    let message = text!("OpenTelemetry is on, and no collector is named, so nothing is sent");
                    let help = text!(
                        "write endpoint with the collector's address, such as http://127.0.0.1:4318, or set {name}",
                        name = vars::OTEL_ENDPOINT
                    );
                    return self.off(message, help, &path);
                }
            };
        }
        let [traces, metrics] = urls;
        let named = otel.service_name.as_deref().map(str::trim);
        let named = named.or_else(|| self.variables.get(vars::OTEL_SERVICE_NAME));
        let service_name = named.filter(|name| !name.is_empty()).unwrap_or(NAME).to_owned();
        let headers = self.otel_headers(otel.headers, &path)?;
        Some(OtelSettings {
            traces,
            metrics,
            headers,
            service_name,
            sample_rate: otel.sample_rate.unwrap_or(1.0).clamp(0.0, 1.0),
            interval: otel.flush_interval_ms.map_or(INTERVAL, Duration::from_millis),
        })
    }

    /// A switch. One that is written and cannot be read is off.
    fn switch(&self, read: Option<bool>, usual: bool, path: &[Seg]) -> bool {
        read.unwrap_or_else(|| usual && self.written.find(path).is_none())
    }

    /// The address that all is sent below. `None` when there is a mistake in it, `Some(None)` when there is none.
    #[expect(clippy::option_option, reason = "a mistake is not the same as nothing")]
    fn otel_base(&mut self, written: Option<&str>, path: &[Seg]) -> Option<Option<Url>> {
        let at = below(path, "endpoint");
        if self.written.find(&at).is_some() && written.is_none() {
            // It was told where it stands, and another one is not meant.
            return None;
        }
        let url = match written.or_else(|| self.variables.get(vars::OTEL_ENDPOINT)) {
            Some(text) => text.to_owned(),
            None => return Some(None),
        };
        self.otel_url(&url, &at).map(Some)
    }

    fn otel_url(&mut self, text: &str, path: &[Seg]) -> Option<Url> {
        if !self.is_complete(path) {
            // The missing variable was told where it stands.
            return None;
        }
        let url = Url::parse(text.trim()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            let message = text!("this is no http or https address, so nothing is sent to the collector");
            let help = text!("write the whole address, such as http://127.0.0.1:4318");
            return self.off(message, help, path);
        };
        // An address is shown and logged, a header is not.
        let has_more = url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            let message =
                text!("the address of the collector has a user name, a password or a query, so nothing is sent there");
            return self.off(message, text!("write what the collector asks for as headers"), path);
        }
        Some(url)
    }

    /// What the config says, and what the variable has beside it. Without one of them the collector would refuse all.
    fn otel_headers(&mut self, raw: raw::OrderedMap<raw::Scalar>, path: &[Seg]) -> Option<Vec<(String, Secret)>> {
        let path = below(path, "headers");
        let mut headers = self.scalars(raw, &path)?;
        let variable = self.variables.get(vars::OTEL_HEADERS).unwrap_or_default();
        for (name, value) in of_variable(variable) {
            if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                headers.push((name, Secret::new(value)));
            }
        }
        if let Some((name, _)) = headers.iter().find(|(name, value)| !is_header(name, value.expose())) {
            let message = text!(
                "{name} is no header that can be sent, so nothing is sent to the collector",
                name = self.redactor.redact(name)
            );
            let help = text!("write a name such as x-api-key, and a value of one line of ASCII");
            return self.off(message, help, &path);
        }
        Some(headers)
    }
}

/// An address below another one. One that has the end for something else already gets this one instead, as in OpenClaw.
fn ending(base: &Url, end: &str) -> String {
    let mut url = base.clone();
    let path = base.path().trim_end_matches('/');
    let root = [TRACES, METRICS, LOGS]
        .iter()
        .find_map(|known| path.strip_suffix(known));
    url.set_path(&format!("{}{end}", root.unwrap_or(path)));
    url.to_string()
}

/// `name=value` pairs with commas between them, percent-encoded ("OpenTelemetry Protocol Exporter", "Specifying headers via
/// environment variables").
fn of_variable(text: &str) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    text.split(',')
        .filter_map(move |pair| {
            pair.split_once('=')
                .map(|(name, value)| (decoded(name), decoded(value)))
        })
        .filter(|(name, _)| !name.is_empty())
}

/// Whether both are what a header may be (RFC 9110, 5.1 and 5.5).
fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(token)
        && value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_their_ends() {
        for (base, expected) in [
            ("http://box:4318", "http://box:4318/v1/traces"),
            ("http://box:4318/", "http://box:4318/v1/traces"),
            ("https://otlp.example/otlp/", "https://otlp.example/otlp/v1/traces"),
            (
                "https://otlp.example/otlp/v1/traces",
                "https://otlp.example/otlp/v1/traces",
            ),
            ("https://otlp.example/v1/metrics", "https://otlp.example/v1/traces"),
        ] {
            assert_eq!(ending(&Url::parse(base).unwrap(), TRACES), expected, "{base}");
        }
    }

    #[test]
    fn headers_of_the_variable_are_decoded() {
        let found: Vec<_> = of_variable("api-key=a%20b%3D, x = 1=2 ,, nothing, =v").collect();
        let expected = [("api-key", "a b="), ("x", "1=2")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(is_header("x-key", "Bearer a/b="));
        for (name, value) in [("", "a"), ("a b", "c"), ("a", "b\r\nc: d"), ("a:", "b"), ("a", "é")] {
            assert!(!is_header(name, value), "{name} {value}");
        }
    }
}
