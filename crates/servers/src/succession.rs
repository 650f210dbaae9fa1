//! A new config while Yabby runs: endpoints that are still there keep what is known of them.
//!
//! What a server has taught, its breaker, its queue and its tokens belong to its address and not to the config, so that they
//! go on also where the config says something else of it now. Requests that are under way share them with the new ones: a
//! slot that is taken stays taken.

use crate::{Endpoint, EndpointOrigin, Fleet};

impl Endpoint {
    /// Whether requests to another one would be the same: address, credentials, and all that the config says of it and its
    /// models. What is known of the two does not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_service = match (&self.service, &other.service) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        self.is_same_place(other)
            && same_service
            && self.base_url == other.base_url
            && self.dialect == other.dialect
            && self.basic == other.basic
            && self.credentials == other.credentials
            && self.headers == other.headers
            && self.reach == other.reach
            && self.zone == other.zone
            && self.timeout == other.timeout
            && self.bearer == other.bearer
            && self.keep_warm == other.keep_warm
            && self.listed == other.listed
            && self.key_env == other.key_env
    }

    /// Whether another one is the same server under the same name. A managed one has another port each time.
    fn is_same_place(&self, other: &Self) -> bool {
        self.provider == other.provider
            && match (&self.origin, &other.origin) {
                (EndpointOrigin::Managed(one), EndpointOrigin::Managed(other)) => one.model() == other.model(),
                (EndpointOrigin::Managed(_), _) | (_, EndpointOrigin::Managed(_)) => false,
                _ => self.url == other.url,
            }
    }

    /// Goes on from what is known of it among those before.
    pub(crate) fn succeeds<'a>(&mut self, mut before: impl Iterator<Item = &'a Self>) {
        let Some(old) = before.find(|old| self.is_same_place(old)) else {
            return;
        };
        let (found, is_same) = (self.known(), self.is_same(old));
        *self = self.clone().remembering(old);
        if self.dialect == old.dialect && !self.speaks_otherwise() {
            self.speaks_as(old);
        }
        if self.credentials == old.credentials {
            self.credentials = old.credentials.clone();
        }
        self.at_home_as(old);
        if let Some(facts) = found {
            self.take_in(&facts);
        }
        if !is_same {
            // What was wrong may have been what the config said of it.
            self.succeeded();
            self.live.expire();
        }
    }
}

impl Fleet {
    /// The same fleet, whose endpoints go on from what the one before knows of them.
    #[must_use]
    pub fn succeeding(self, before: &Self) -> Self {
        let mut all = Self {
            beside: std::sync::Arc::clone(&before.beside),
            ..Self::default()
        };
        let mut endpoints = self.into_endpoints().into_iter();
        while let Some(mut endpoint) = endpoints.next() {
            let mut replicas = endpoint.replicas().to_vec();
            // They stand behind it.
            for _ in &replicas {
                endpoints.next();
            }
            endpoint.succeeds(before.endpoints());
            for replica in &mut replicas {
                replica.succeeds(before.endpoints());
            }
            all.add(endpoint.with_replicas(replicas));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;
    use yabby_config::{Environment, load_text};
    use yabby_core::{Caller, ErrorKind, ModelError, Phase, text};
    use yabby_wire::Step;

    use super::*;
    use crate::BreakerState;

    fn fleet(providers: &str) -> Fleet {
        let loaded = load_text(
            &format!("{{models: {{mode: 'replace', providers: {{{providers}}}}}}}"),
            &Environment::default(),
        );
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        Fleet::new(Endpoint::from_config(&loaded.config))
    }

    /// Of each endpoint: whether it rests, what was learned, how many requests run, whether a key rests.
    fn known(fleet: &Fleet) -> Vec<(String, bool, bool, usize, bool)> {
        let of = |endpoint: &Endpoint| {
            (
                endpoint.base_url.clone(),
                endpoint.breaker().state != BreakerState::Closed,
                !endpoint.learned("m").is_empty(),
                endpoint.queue_of("m").running.values().sum(),
                endpoint.keys_at_rest("m").is_some(),
            )
        };
        fleet.endpoints().map(of).collect()
    }

    #[tokio::test]
    async fn what_is_known_of_a_server_outlives_its_config() {
        let url = |port: u16| format!("http://127.0.0.1:{port}/v1");
        let before = fleet(
            "a: {baseUrls: ['http://127.0.0.1:1/v1', 'http://127.0.0.1:2/v1'], apiKey: 'k', models: [{id: 'm'}]},
             b: {baseUrl: 'http://127.0.0.1:3/v1', models: [{id: 'm'}]},
             c: {baseUrl: 'http://127.0.0.1:4/v1', models: [{id: 'm'}]}",
        );
        let mut running = Vec::new();
        for endpoint in before.endpoints() {
            let refused = ModelError::new(ErrorKind::Refused, Phase::Connect, &endpoint.base_url, text!("refused"));
            endpoint.failed("m", &refused);
            endpoint.learn("m", Step::FoldSystem);
            running.push(endpoint.enter("m", &Caller::default()));
        }
        let limited = (
            429,
            &yabby_wire::ResponseHeaders::default(),
            &br#"{"error":{"message":"slow down"}}"#[..],
        );
        let first = before.endpoint("a").unwrap();
        first.refused(
            first.begins("m", tokio::time::Instant::now()),
            "m",
            Phase::Head,
            limited,
        );

        // `b` has one more model, `c` stands at another port, and `d` is new.
        let after = fleet(
            "d: {baseUrl: 'http://127.0.0.1:6/v1', models: [{id: 'm'}]},
             b: {baseUrl: 'http://127.0.0.1:3/v1', models: [{id: 'm'}, {id: 'n'}]},
             a: {baseUrls: ['http://127.0.0.1:1/v1', 'http://127.0.0.1:2/v1'], apiKey: 'k', models: [{id: 'm'}]},
             c: {baseUrl: 'http://127.0.0.1:5/v1', models: [{id: 'm'}]}",
        )
        .succeeding(&before);
        assert_eq!(
            known(&after),
            [
                (url(6), false, false, 0, false),
                (url(3), false, true, 1, false),
                (url(1), true, true, 1, true),
                (url(2), true, true, 1, true),
                (url(5), false, false, 0, false),
            ]
        );
        // Replicas are asked through their endpoint.
        let replica = &after.endpoint("a").unwrap().replicas()[0];
        assert_eq!(replica.queue_of("m").running.values().sum::<usize>(), 1);
        drop(running);
        assert_eq!(replica.queue_of("m").running.values().sum::<usize>(), 0);

        // Another key has nothing to do with what was said of the one before.
        let other_key = fleet("a: {baseUrls: ['http://127.0.0.1:1/v1'], apiKey: 'other', models: [{id: 'm'}]}");
        let other_key = other_key.succeeding(&before);
        assert_eq!(known(&other_key), [(url(1), false, true, 0, false)]);
    }

    #[test]
    fn every_setting_makes_a_difference() {
        let base = "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}]";
        let one = |text: &str| fleet(&format!("a: {{{text}}}")).endpoint("a").unwrap().clone();
        assert!(one(base).is_same(&one(base)));
        for other in [
            "baseUrl: 'http://127.0.0.1:2/v1', apiKey: 'k', models: [{id: 'm'}]",
            "baseUrl: 'http://u:p@127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}]",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k2', models: [{id: 'm'}]",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'n'}]",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm', contextWindow: 9000}]",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}], api: 'openai-responses'",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}], headers: {a: 'b'}",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}], zone: 'lan'",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}], authHeader: true",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}], keepWarm: true",
            "baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k', models: [{id: 'm'}], timeoutSeconds: 9",
        ] {
            assert!(!one(base).is_same(&one(other)), "{other}");
        }
    }

    #[test]
    fn a_server_beside_the_providers_is_one_for_all() {
        let at = |text: &str| fleet(&format!("m: {{{text}}}")).endpoint("m").unwrap().clone();
        let plain = "baseUrl: 'http://127.0.0.1:1/v1'";
        let first = Fleet::default();
        let running = first.beside(at(plain)).enter("e", &Caller::default());
        let busy = |endpoint: &Endpoint| endpoint.queue_of("e").running.values().sum::<usize>();
        // Of a clone, and of the fleet of the next config.
        let next = fleet("").succeeding(&first.clone());
        let other_key = next.beside(at("baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k'"));
        assert_eq!(
            [
                busy(&next.beside(at(plain))),
                busy(&other_key),
                busy(&next.beside(at("baseUrl: 'http://127.0.0.1:2/v1'"))),
                busy(&Fleet::default().beside(at(plain))),
                next.endpoints().count(),
            ],
            [1, 1, 0, 0, 0]
        );
        drop(running);
        assert_eq!(busy(&other_key), 0);
    }

    #[tokio::test]
    async fn a_server_that_was_found_again_keeps_the_newest_facts() {
        let before = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let old = std::sync::Arc::new(crate::ServerFacts::default());
        before.take_in(&old);
        let after = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let facts = crate::ServerFacts {
            took: Duration::from_millis(7),
            ..crate::ServerFacts::default()
        };
        after.take_in(&std::sync::Arc::new(facts));
        let after = Fleet::new(vec![after]).succeeding(&Fleet::new(vec![before.clone()]));
        assert_eq!(
            after.endpoint("p").unwrap().known().unwrap().took,
            Duration::from_millis(7)
        );
        assert_eq!(before.known().unwrap().took, Duration::from_millis(7));
    }
}
