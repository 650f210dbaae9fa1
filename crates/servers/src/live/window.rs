//! The window that counts: what the running server says goes before what was learned, and both before the config.

use yabby_core::{Fact, FactSource};

use crate::{Endpoint, EndpointOrigin};

impl Endpoint {
    /// The window that a request to `model` may fill, in tokens, with where that is known from; nothing is asked.
    ///
    /// A probe of the running server goes before a value learned from an overflow error, and that before the config. What
    /// the config says is a cap: a smaller number there is kept, a larger one is not believed.
    pub fn window(&self, model: &str) -> Option<Fact<u32>> {
        let entry = self.listed_model(model);
        let cap = entry.and_then(|entry| entry.context_tokens.or(entry.context_window));
        let managed = match &self.origin {
            EndpointOrigin::Managed(lease) => Some(Fact::new(lease.window(), FactSource::Default)),
            _ => None,
        };
        let served = self.served_window(model).or(managed);
        match (served, cap) {
            (Some(served), Some(cap)) if cap < served.value => Some(Fact::new(cap, FactSource::Config)),
            (Some(served), _) => Some(served),
            (None, cap) => cap.map(|tokens| Fact::new(tokens, FactSource::Config)),
        }
    }

    /// The window that the server serves, as it says or as it has shown.
    pub fn served_window(&self, model: &str) -> Option<Fact<u32>> {
        let probed = {
            let now = self.live.lock();
            now.answered.as_ref().and_then(|facts| {
                let served = facts.model(model).or(facts.only_model())?;
                served.window_for(model).cloned()
            })
        };
        let learned = self.observed(model).window();
        match (probed, learned) {
            // A refusal that came after the probe knows better: the server was started again meanwhile. Within the same
            // second too, because a request is refused at once and its server is asked beside it.
            // What a proxy has from its price list is no answer of the server that refused.
            (Some(probed), Some(learned))
                if learned.value < probed.value
                    && (learned.at >= probed.at || probed.source == FactSource::Catalogue) =>
            {
                Some(learned)
            }
            (Some(probed), _) => Some(probed),
            (None, learned) => learned,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use yabby_config::{Environment, load_text};
    use yabby_core::now;

    use super::*;
    use crate::{Instance, ModelFacts, ModelState, ServerFacts};

    fn endpoint(model: &str) -> Endpoint {
        let text = format!("{{models: {{providers: {{p: {{baseUrl: 'http://127.0.0.1:1/v1', models: [{model}]}}}}}}}}");
        let loaded = load_text(&text, &Environment::default());
        Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
    }

    fn says(endpoint: &Endpoint, window: Option<u32>, at: u64) {
        let facts = ServerFacts {
            models: vec![ModelFacts {
                window: window.map(|tokens| Fact::at(tokens, FactSource::Probe, at)),
                ..ModelFacts::new("m", ModelState::Ready)
            }],
            at,
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(facts));
    }

    /// What the config says, what a probe has said and when, what was learned, and what counts.
    type Case = (&'static str, Option<(u32, u64)>, Option<u32>, Option<(u32, FactSource)>);

    /// One case a precedence.
    #[test]
    fn which_window_counts() {
        let long_ago = 1_000;
        let cases: [Case; 8] = [
            ("{id: 'm'}", None, None, None),
            (
                "{id: 'm', contextWindow: 8192}",
                None,
                None,
                Some((8192, FactSource::Config)),
            ),
            ("{id: 'm'}", None, Some(2048), Some((2048, FactSource::Learned))),
            (
                "{id: 'm', contextWindow: 8192}",
                None,
                Some(2048),
                Some((2048, FactSource::Learned)),
            ),
            (
                "{id: 'm', contextWindow: 8192}",
                Some((4096, long_ago)),
                None,
                Some((4096, FactSource::Probe)),
            ),
            // The config is a cap.
            (
                "{id: 'm', contextWindow: 1024}",
                Some((4096, long_ago)),
                None,
                Some((1024, FactSource::Config)),
            ),
            // A newer probe goes before what was learned, and a newer refusal before an old probe.
            (
                "{id: 'm'}",
                Some((4096, now() + 100)),
                Some(2048),
                Some((4096, FactSource::Probe)),
            ),
            (
                "{id: 'm'}",
                Some((4096, long_ago)),
                Some(2048),
                Some((2048, FactSource::Learned)),
            ),
        ];
        for (entry, probed, learned, expected) in cases {
            let endpoint = endpoint(entry);
            if let Some((window, at)) = probed {
                says(&endpoint, Some(window), at);
            }
            if let Some(window) = learned {
                endpoint.saw_window("m", window);
            }
            let found = endpoint.window("m").map(|window| (window.value, window.source));
            assert_eq!(found, expected, "{entry} {probed:?} {learned:?}");
        }
    }

    #[test]
    fn a_price_list_does_not_go_before_a_refusal() {
        let endpoint = endpoint("{id: 'm'}");
        endpoint.saw_window("m", 2048);
        let facts = ServerFacts {
            models: vec![ModelFacts {
                window: Some(Fact::at(128_000, FactSource::Catalogue, now() + 100)),
                ..ModelFacts::new("m", ModelState::Ready)
            }],
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(facts));
        assert_eq!(endpoint.window("m").unwrap().value, 2048);
    }

    #[test]
    fn the_instance_that_is_asked_decides() {
        let endpoint = endpoint("{id: 'm'}");
        let instance = |id: &str, window| Instance {
            id: id.to_owned(),
            window: Some(Fact::new(window, FactSource::Probe)),
            slots: None,
        };
        let facts = ServerFacts {
            models: vec![ModelFacts {
                window: Some(Fact::new(4096, FactSource::Probe)),
                instances: vec![instance("m", 32768), instance("m:2", 4096)],
                ..ModelFacts::new("m", ModelState::Ready)
            }],
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(facts));
        let window = |id: &str| endpoint.window(id).map(|window| window.value);
        assert_eq!(
            (window("m"), window("m:2"), window("other")),
            (Some(32768), Some(4096), None)
        );
    }

    #[test]
    fn a_server_that_does_not_answer_now_keeps_its_window() {
        let endpoint = endpoint("{id: 'm'}");
        says(&endpoint, Some(4096), 1_000);
        let facts = ServerFacts {
            error: Some(Arc::new(endpoint.hung(std::time::Duration::from_secs(1)))),
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(facts));
        assert_eq!(endpoint.window("m").unwrap().value, 4096);
        assert_eq!(endpoint.state_of("m"), ModelState::Unreachable);
    }
}
