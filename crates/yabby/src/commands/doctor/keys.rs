//! The keys of an endpoint that has several: how many, which of them the server refuses, and which rest.

use std::time::Duration;

use yabby_core::{ErrorKind, text};
use yabby_servers::{Endpoint, KeyRest, ServerFacts};

use super::Finding;
use crate::app::App;

/// How long one key may take.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn of(app: &App, endpoint: &Endpoint, facts: &ServerFacts) -> Vec<Finding> {
    let count = endpoint.key_count();
    let error = facts.error.as_ref();
    let reached =
        error.is_none_or(|error| matches!(error.kind, ErrorKind::Auth | ErrorKind::Billing | ErrorKind::RateLimit));
    if count < 2 || !reached {
        return Vec::new();
    }
    let keys = endpoint.check_keys(&app.http, LIMIT).await;
    let usable = keys.iter().filter(|key| key.rests.is_empty()).count();
    let message = text!(
        "{provider}: {usable} of {count} keys are accepted",
        provider = endpoint.provider,
        usable = usable,
        count = count
    );
    let mut findings = vec![if usable > 0 {
        Finding::good(message)
    } else {
        Finding::bad(message, None)
    }];
    // What the probe has told of its own key is not told twice.
    let told = error.and_then(|error| error.details.credential);
    for (index, key) in keys.iter().enumerate() {
        if told != Some(index) {
            findings.extend(key.rests.iter().map(|rest| finding(endpoint, &key.place, rest)));
        }
    }
    findings
}

fn finding(endpoint: &Endpoint, place: &str, rest: &KeyRest) -> Finding {
    let (provider, seconds) = (&endpoint.provider, rest.left.as_secs());
    match rest.why {
        ErrorKind::Auth => Finding::bad(
            text!(
                "{provider}: the server refused the key in {place}",
                provider = provider,
                place = place
            ),
            Some(text!("replace it, or take it out: the other keys are used meanwhile")),
        ),
        ErrorKind::Billing => Finding::bad(
            text!(
                "{provider}: the key in {place} has no credit left",
                provider = provider,
                place = place
            ),
            Some(text!(
                "add credit to its account, or take it out: the other keys are used meanwhile"
            )),
        ),
        _ => Finding::note(
            text!(
                "{provider}: the key in {place} has reached its limit, for {seconds} s more",
                provider = provider,
                place = place,
                seconds = seconds
            ),
            text!("the other keys are used meanwhile"),
        ),
    }
}
