//! Where the data of a request goes.
//!
//! What the config says counts. Else the address tells, and what runs there: a server near by that sends prompts on is as
//! far away as what it sends them to. `docs/privacy.md` has the rules in words, `wire-facts.md` §8 their sources.

use std::time::Duration;

use tokio::time::timeout;
use yabby_core::{ErrorKind, ModelError, Zone, Zones};

use crate::{Endpoint, EndpointOrigin, Http, Reach, ServerFacts, ServerKind, near::Guard};

/// Hosts whose owners document that a request to them is decrypted and answered in a region.
const IN_REGION: [(&str, &str); 6] = [
    ("eu.openrouter.ai", "eu"),
    ("us.openrouter.ai", "us"),
    ("eu.api.openai.com", "eu"),
    ("us.api.openai.com", "us"),
    ("api.eu.mistral.ai", "eu"),
    ("api.us.mistral.ai", "us"),
];

/// How long it is believed that a server is what it was.
const FRESH: Duration = Duration::from_mins(1);

impl Endpoint {
    /// Where a request for `model` would carry its data, as far as it is known now; nothing is asked.
    pub fn zone_of(&self, model: &str) -> Zone {
        if let Some(zone) = &self.zone {
            return zone.clone();
        }
        let zone = self.zone_of_address();
        if zone.is_own() && self.sends_on(model) {
            return Zone::Hosted;
        }
        zone
    }

    /// Whether [`Endpoint::zone_of`] can be relied on. Until then a server near by may be one that sends prompts on, and a
    /// name may have private addresses.
    pub fn zone_is_known(&self, model: &str) -> bool {
        let is_plain = matches!(self.origin, EndpointOrigin::Managed(_) | EndpointOrigin::BuiltIn);
        if self.zone.is_some() || is_plain {
            return true;
        }
        match self.zone_of_address() {
            Zone::Region(_) => true,
            Zone::Hosted => self.vendor.is_some() || self.name().is_none(),
            // What it is to be found out can only make it farther.
            Zone::Machine | Zone::Lan => {
                self.sends_on(model) || self.live.within(FRESH).is_some_and(|facts| is_identified(&facts))
            }
        }
    }

    /// Where a request for `model` would carry its data, found out as far as the rules make that necessary: names are
    /// looked up, and a server that is near is asked what it is. No prompt is sent, and what is outside is not contacted.
    ///
    /// Of a server that Yabby starts it is asked when it runs. Fails when a server near by cannot be asked, or has a public
    /// address.
    pub async fn settle_zone(
        &self,
        http: &Http,
        model: &str,
        zones: &Zones,
        limit: Duration,
    ) -> Result<Zone, ModelError> {
        if self.zone_is_known(model) {
            return Ok(self.zone_of(model));
        }
        if zones.forbids(&Zone::Hosted).is_some() {
            self.look_up(http, limit).await;
        }
        let zone = self.zone_of(model);
        if !zone.is_own() || zones.forbids(&zone).is_some() {
            return Ok(zone);
        }
        let facts = self.refresh(http, FRESH, limit).await;
        match &facts.error {
            Some(error) if !is_identified(&facts) => {
                // One that is known has too much to do to tell it again.
                let is_busy = error.kind == ErrorKind::Hung && self.live.answered().is_some();
                if is_busy {
                    Ok(self.zone_of(model))
                } else {
                    Err(error.again())
                }
            }
            _ => Ok(self.zone_of(model)),
        }
    }

    /// Looks its name up where that may show that it is in this network; it is not contacted.
    pub(crate) async fn look_up(&self, http: &Http, limit: Duration) {
        let may_be_private = self.zone_of_address() == Zone::Hosted && !self.zone_is_known("");
        if may_be_private && self.is_private(http, limit).await {
            self.live.found_private();
        }
    }

    fn zone_of_address(&self) -> Zone {
        match self.reach {
            Reach::Loopback => Zone::Machine,
            Reach::Lan => Zone::Lan,
            Reach::Hosted if self.guard() == Guard::Lan => Zone::Lan,
            Reach::Hosted => self.region().map_or(Zone::Hosted, |code| Zone::Region(code.to_owned())),
        }
    }

    /// The region of a documented host. Without TLS anybody on the way can read a request.
    fn region(&self) -> Option<&'static str> {
        let host = self.host()?;
        let mut known = IN_REGION.iter().filter(|_| self.url.starts_with("https://"));
        known.find_map(|(name, code)| host.eq_ignore_ascii_case(name).then_some(*code))
    }

    /// Whether what runs there sends the prompts for a model to somebody else, as far as it is known and whatever the config
    /// says of its zone.
    pub fn sends_on(&self, model: &str) -> bool {
        if matches!(self.origin, EndpointOrigin::Managed(_)) {
            return false;
        }
        let answered = self.live.answered();
        let kind = self.known().and_then(|facts| facts.kind);
        match kind.or_else(|| answered.as_ref()?.kind) {
            Some(ServerKind::LiteLlm | ServerKind::OpenRouter) => true,
            Some(ServerKind::Ollama) => {
                let remote = answered.and_then(|facts| Some(facts.model(model)?.remote));
                remote == Some(true) || is_cloud(model)
            }
            None => is_cloud(model),
            Some(ServerKind::LlamaCpp | ServerKind::Vllm | ServerKind::LmStudio | ServerKind::SgLang) => false,
        }
    }

    /// Whether its name has private addresses and no others.
    async fn is_private(&self, http: &Http, limit: Duration) -> bool {
        let Some(name) = self.name() else { return false };
        let found = timeout(limit, http.lookup().addresses(&name)).await;
        let Ok(Ok(addresses)) = found else { return false };
        let mut near = addresses.iter().map(|address| Guard::Lan.lets_through(address.ip()));
        !addresses.is_empty() && near.all(|near| near)
    }

    fn host(&self) -> Option<String> {
        let url = reqwest::Url::parse(&self.url).ok()?;
        url.host_str().map(str::to_owned)
    }

    /// The name of its host; `None` for an address.
    fn name(&self) -> Option<String> {
        let host = self.host()?;
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<std::net::IpAddr>().is_err().then_some(host)
    }
}

/// Ollama's names for models that run at Ollama's (docs.ollama.com, "Cloud models").
fn is_cloud(model: &str) -> bool {
    let lower = model.to_ascii_lowercase();
    lower.ends_with("-cloud") || lower.ends_with(":cloud")
}

/// Whether a probe has told what a server is, as far as it can be told. One that loads says nothing else.
fn is_identified(facts: &ServerFacts) -> bool {
    let is_loading = facts
        .error
        .as_ref()
        .is_some_and(|error| error.kind == ErrorKind::Loading);
    facts.kind.is_some() || (facts.is_reachable() && !is_loading)
}

#[cfg(test)]
mod tests;
