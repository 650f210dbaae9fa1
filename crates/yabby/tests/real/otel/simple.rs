//! What a collector got, as a person reads it: without times and ids.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{SPAN, TRACE};

/// Every span, with the name of the one above it.
pub(super) fn spans(sent: &[Value]) -> String {
    let found: Vec<(&Value, &Value, &Value)> = below(sent, "/v1/traces", "resourceSpans", "scopeSpans")
        .flat_map(|(resource, scope)| list(&scope["spans"]).map(move |span| (resource, &scope["scope"], span)))
        .collect();
    let named = |id: &Value| {
        let mut all = found.iter();
        let above = all.find(|(_, _, span)| span["spanId"] == *id);
        match above {
            Some((_, _, span)) => span["name"].clone(),
            None if id == SPAN => "the client's".into(),
            None => id.clone(),
        }
    };
    let mut shown: Vec<Value> = found
        .iter()
        .map(|(resource, scope, span)| {
            let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
            let (start, end) = (time("startTimeUnixNano"), time("endTimeUnixNano"));
            assert!(start <= end, "{span}");
            let above = found
                .iter()
                .find(|(_, _, above)| above["spanId"] == span["parentSpanId"]);
            if let Some((_, _, above)) = above {
                assert_eq!(above["traceId"], span["traceId"]);
                let whole = |key: &str| above[key].as_str().unwrap().parse::<u64>().unwrap();
                assert!(
                    whole("startTimeUnixNano") <= start + 1_000_000 && end <= whole("endTimeUnixNano"),
                    "{span} {above}"
                );
            }
            let mut out = (*span).clone();
            for key in ["spanId", "startTimeUnixNano", "endTimeUnixNano", "flags"] {
                out.as_object_mut().unwrap().remove(key);
            }
            out["traceId"] = if span["traceId"] == TRACE {
                "the client's"
            } else {
                "its own"
            }
            .into();
            out["parentSpanId"] = span.get("parentSpanId").map_or(Value::Null, named);
            out["attributes"] = attributes(&span["attributes"]);
            out["scope"] = (*scope).clone();
            out["resource"] = resource_of(resource);
            out
        })
        .collect();
    shown.sort_by_key(Value::to_string);
    serde_json::to_string_pretty(&shown).unwrap()
}

/// Every metric as it was sent last, by the attributes of its points.
pub(super) fn metrics(sent: &[Value]) -> String {
    let mut shown: BTreeMap<String, Value> = BTreeMap::new();
    for (resource, scope) in below(sent, "/v1/metrics", "resourceMetrics", "scopeMetrics") {
        for metric in list(&scope["metrics"]) {
            let mut metric = metric.clone();
            for kind in ["sum", "gauge", "histogram"] {
                if let Some(points) = metric.get_mut(kind).and_then(|kind| kind.get_mut("dataPoints")) {
                    let mut simple: Vec<Value> = list(points).map(point).collect();
                    simple.sort_by_key(Value::to_string);
                    *points = simple.into();
                }
            }
            metric["resource"] = resource_of(resource);
            shown.insert(metric["name"].as_str().unwrap().to_owned(), metric);
        }
    }
    serde_json::to_string_pretty(&shown).unwrap()
}

fn below<'a>(
    sent: &'a [Value],
    path: &'a str,
    outer: &'a str,
    inner: &'a str,
) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let requests = sent.iter().filter(move |request| request["path"] == path);
    let resources = requests.flat_map(move |request| list(&request["body"][outer]));
    resources.flat_map(move |one| list(&one[inner]).map(move |scope| (&one["resource"], scope)))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter()
}

/// A point without times; of what takes time, only how often it was measured.
fn point(point: &Value) -> Value {
    let mut out = Map::new();
    out.insert("attributes".to_owned(), attributes(&point["attributes"]));
    for key in ["asInt", "count"] {
        if let Some(value) = point.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    // Tokens are the same each time.
    if point["sum"]
        .as_f64()
        .is_some_and(|sum| sum >= 1.0 && sum.fract() == 0.0)
    {
        out.insert("sum".to_owned(), point["sum"].clone());
    }
    out.into()
}

fn resource_of(resource: &Value) -> Value {
    let mut shown = attributes(&resource["attributes"]);
    let id = shown["service.instance.id"].as_str().unwrap();
    assert_eq!(id.len(), 32, "{resource}");
    shown["service.instance.id"] = "an id".into();
    shown["telemetry.sdk.version"] = "a version".into();
    shown
}

/// Attributes as a map, with what differs from run to run left out.
fn attributes(written: &Value) -> Value {
    let pairs = list(written).map(|pair| {
        let key = pair["key"].as_str().unwrap();
        let value = match key {
            "server.port" => json!("a port"),
            "yabby.queue_time" | "gen_ai.response.time_to_first_chunk" => {
                let time = pair["value"]["doubleValue"].as_f64().unwrap();
                assert!((0.0..60.0).contains(&time), "{pair}");
                json!("a time")
            }
            _ => pair["value"].as_object().unwrap().values().next().unwrap().clone(),
        };
        (key.to_owned(), value)
    });
    pairs
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}
