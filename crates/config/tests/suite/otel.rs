//! What is sent to an OpenTelemetry collector, as the config says.

use std::{fmt::Write as _, time::Duration};

use yabby_config::OtelSettings;
use yabby_core::Secret;

use super::support::{summary, with_env};

fn otel(body: &str, vars: &[(&str, &str)]) -> (Option<OtelSettings>, Vec<String>) {
    let loaded = with_env(&format!("{{diagnostics: {body}}}"), vars);
    let told = summary(&loaded);
    (loaded.config.otel, told)
}

fn local() -> OtelSettings {
    OtelSettings {
        traces: Some("http://127.0.0.1:4318/v1/traces".to_owned()),
        metrics: Some("http://127.0.0.1:4318/v1/metrics".to_owned()),
        headers: Vec::new(),
        service_name: "yabby".to_owned(),
        sample_rate: 1.0,
        interval: Duration::from_mins(1),
    }
}

#[test]
fn nothing_is_sent_that_was_not_asked_for() {
    let there = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")];
    for body in [
        "{}",
        "{otel: {endpoint: 'http://127.0.0.1:4318'}}",
        "{otel: {enabled: false}}",
        "{enabled: false, otel: {enabled: true}}",
        "{otel: {enabled: true, traces: false, metrics: false}}",
    ] {
        assert_eq!(otel(body, &there), (None, Vec::new()), "{body}");
    }
}

#[test]
fn a_section_as_openclaw_writes_it() {
    let body =
        "{enabled: true, otel: {enabled: true, endpoint: 'http://otel-collector:4318', protocol: 'http/protobuf',
        headers: {'x-collector-token': '${TOKEN}'}, serviceName: 'openclaw-gateway', traces: true, metrics: true,
        sampleRate: 0.2, flushIntervalMs: 30000}}";
    let expected = OtelSettings {
        traces: Some("http://otel-collector:4318/v1/traces".to_owned()),
        metrics: Some("http://otel-collector:4318/v1/metrics".to_owned()),
        headers: vec![("x-collector-token".to_owned(), Secret::new("canary"))],
        service_name: "openclaw-gateway".to_owned(),
        sample_rate: 0.2,
        interval: Duration::from_secs(30),
    };
    assert_eq!(otel(body, &[("TOKEN", "canary")]), (Some(expected), Vec::new()));
    // What it has beside that has no effect, and is no mistake.
    let loaded = with_env(
        "{diagnostics: {flags: ['telegram.http'], otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', logs: true,
          captureContent: true}}}",
        &[],
    );
    let unused: Vec<&str> = loaded.unused.iter().map(|unused| unused.key.as_str()).collect();
    assert_eq!(
        unused,
        [
            "diagnostics.flags",
            "diagnostics.otel.logs",
            "diagnostics.otel.captureContent"
        ]
    );
    assert_eq!((summary(&loaded), loaded.config.otel), (Vec::new(), Some(local())));
}

#[test]
fn the_variables_of_the_standard_fill_what_is_not_written() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=from%20variable,Y-Key=2"),
        ("OTEL_SERVICE_NAME", "named"),
    ];
    let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let expected = OtelSettings {
        headers: vec![header("x-key", "from variable"), header("Y-Key", "2")],
        service_name: "named".to_owned(),
        ..local()
    };
    assert_eq!(otel("{otel: {enabled: true}}", &vars), (Some(expected), Vec::new()));
    let written = "{otel: {enabled: true, endpoint: 'https://x.example/otlp', metricsEndpoint: 'http://m:1/in',
        headers: {'y-key': 'written'}, serviceName: 'own', traces: true}}";
    let expected = OtelSettings {
        traces: Some("https://x.example/otlp/v1/traces".to_owned()),
        metrics: Some("http://m:1/in".to_owned()),
        headers: vec![header("y-key", "written"), header("x-key", "from variable")],
        service_name: "own".to_owned(),
        ..local()
    };
    assert_eq!(otel(written, &vars), (Some(expected), Vec::new()));
}

#[test]
fn a_mistake_sends_less() {
    let mut told = String::new();
    for body in [
        "{otel: {enabled: true}}",
        "{otel: {enabled: 'yes', endpoint: 'http://127.0.0.1:4318'}}",
        "{enabled: 'no', otel: {enabled: true, endpoint: 'http://127.0.0.1:4318'}}",
        "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4317', protocol: 'grpc'}}",
        "{otel: {enabled: true, endpoint: '127.0.0.1:4318'}}",
        "{otel: {enabled: true, endpoint: 'http://me:canary@127.0.0.1:4318'}}",
        "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4318/?key=canary'}}",
        "{otel: {enabled: true, endpoint: '${UNSET}'}}",
        "{otel: {enabled: true, endpoint: 4318}}",
        "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', headers: {key: '${UNSET}'}}}",
        "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', headers: {'a b': 'canary'}}}",
    ] {
        let (settings, found) = otel(body, &[("OTEL_SERVICE_NAME", "x")]);
        assert_eq!(settings, None, "{body}");
        assert!(
            !found.is_empty() && found.iter().all(|line| !line.contains("canary")),
            "{body} {found:?}"
        );
        let _ = write!(told, "{body}\n  {}\n", found.join("\n  "));
    }
    for (body, traces, metrics) in [
        (
            "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', traces: 'no'}}",
            false,
            true,
        ),
        (
            "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', metrics: 0}}",
            true,
            false,
        ),
        (
            "{otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', sampleRate: 2}}",
            false,
            true,
        ),
    ] {
        let (settings, found) = otel(body, &[]);
        let settings = settings.unwrap();
        assert_eq!(
            (settings.traces.is_some(), settings.metrics.is_some()),
            (traces, metrics),
            "{body}"
        );
        let _ = write!(told, "{body}\n  {}\n", found.join("\n  "));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn headers_are_shown_by_their_names_alone() {
    let loaded = with_env(
        "{diagnostics: {otel: {enabled: true, endpoint: 'http://127.0.0.1:4318', headers: {authorization: 'Bearer canary'}}}}",
        &[("OTEL_EXPORTER_OTLP_HEADERS", "x-key=canary")],
    );
    let shown = loaded.show();
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown["diagnostics"]).unwrap());
    let all = format!("{shown} {loaded:?} {:?}", loaded.config);
    assert!(!all.contains("canary"), "{all}");
}
