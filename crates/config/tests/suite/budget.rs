//! What hosted models may cost: a mistake must never mean that there is no limit.

use yabby_config::{Budget, Cost, CostTier, Limit, Severity};

use super::support::{summary, text};

#[test]
fn limits_and_tiers_are_read() {
    let loaded = text(
        "{route: {budget: {perDay: {usd: 5, tokens: 1000000}, perSession: {usd: 0.5}}},
          models: {providers: {a: {baseUrl: 'http://h/v1', models: [{id: 'm', cost: {input: 9, tieredPricing: [
            {input: 2, output: 4, range: [200000]}, {input: 1, output: 3, cacheRead: 0.1, range: [0, 200000]}]}},
            {id: 'n'}]}}}}",
    );
    assert_eq!(summary(&loaded), Vec::<String>::new());
    let limit = |usd, tokens| Limit { usd, tokens };
    let budget = Budget {
        per_day: limit(Some(5.0), Some(1_000_000)),
        per_session: limit(Some(0.5), None),
        in_doubt: false,
    };
    assert_eq!(loaded.config.route.budget, budget);
    let models = &loaded.config.provider("a").unwrap().models;
    let tiers = &models[0].cost.as_ref().unwrap().tiers;
    let first = CostTier {
        input: 1.0,
        output: 3.0,
        cache_read: 0.1,
        cache_write: 1.0,
        start: 0,
        end: Some(200_000),
    };
    // What is not said of a cache makes nothing cheaper.
    let second = CostTier {
        input: 2.0,
        output: 4.0,
        cache_read: 2.0,
        cache_write: 2.0,
        start: 200_000,
        end: None,
    };
    assert_eq!(tiers, &[first, second]);
    assert_eq!(models[1].cost, None, "nothing is said");
}

#[test]
fn a_mistake_leaves_nothing_to_spend() {
    for (config, in_doubt) in [
        ("{}", false),
        ("{route: {hedgeAfter: 5}}", false),
        ("{route: {zebra: 5}}", false),
        ("{route: {budget: {perDay: {usd: 'five'}}}}", true),
        ("{route: {budget: {perDay: {euro: 5}}}}", true),
        ("{route: {budget: {perday: {usd: 5}}}}", true),
        ("{route: {budget: 5}}", true),
        ("{route: {budgets: {perDay: {usd: 5}}}}", true),
        ("{route: {budget: null}}", true),
        ("{route: {budget: {perDay: {usd: -1}}}}", true),
        ("{route: {budget: {perDay: {usd: NaN}}}}", true),
        ("{route: {budget: {perDay: {usd: Infinity}}}}", true),
        ("{route: {budget: {perDay: {usd: '${NOT_SET}'}}}}", true),
        ("{route: {budget: {perDay: {tokens: 1.5}}}}", true),
        ("{route: {budget: {perDay: {tokens: -1}}}}", true),
        ("{route: {budget: {perDay: {tokens: 1e30}}}}", true),
        ("{route: {budget: {perDay: {tokens: 18446744073709551616}}}}", true),
        ("{route: {budget: {perDay: {tokens: 2e6}}}}", false),
        ("{route: {budget: {perDay: {usd: 5}, perDay: {usd: 500}}}}", true),
        // A limit that is out of place, and one that a later key hides.
        ("{routes: {budget: {perDay: {usd: 5}}}}", true),
        ("{Route: {budget: {perDay: {usd: 5}}}}", true),
        ("{budget: {perDay: {usd: 5}}}", true),
        ("{route: {perDay: {usd: 5}}}", true),
        ("{agents: {defaults: {budget: {perDay: {usd: 5}}}}}", true),
        ("{route: {budget: {perDay: {usd: 5}}}, route: {preferFast: true}}", true),
        ("{route: {preferFast: true}, route: {preferFast: false}}", false),
        ("{route: {$include: './not-there.json5'}}", true),
        ("{route: 5}", true),
        ("{route: {budget: {perDay: {usd: 5}}", true),
    ] {
        let loaded = text(config);
        assert_eq!(
            loaded.config.route.budget.in_doubt,
            in_doubt,
            "{config}: {:?}",
            summary(&loaded)
        );
        let told = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
        assert_eq!(told, in_doubt, "{config}");
    }
}

/// A slip in a `cost` must not make a model that costs money pass for a free one.
#[test]
fn prices_that_are_not_whole_are_none() {
    let cost = |cost: &str| {
        let loaded = text(&format!(
            "{{models: {{providers: {{a: {{baseUrl: 'http://h/v1', models: [{{id: 'm', cost: {cost}}}]}}}}}}}}"
        ));
        let models = loaded.config.provider("a").map(|provider| provider.models.clone());
        let cost = models.unwrap_or_default().first().and_then(|model| model.cost.clone());
        (cost, summary(&loaded))
    };
    let (free, told) = cost("{input: 0, output: 0}");
    assert_eq!((free, told), (Some(Cost::default()), Vec::new()));
    let (flat, told) = cost("{input: 3, output: 15}");
    let expected = Cost {
        input: 3.0,
        output: 15.0,
        cache_read: 3.0,
        cache_write: 3.0,
        tiers: Vec::new(),
    };
    assert_eq!((flat, told), (Some(expected), Vec::new()));
    for wrong in [
        "{}",
        "{input: 3}",
        "{output: 15}",
        "{inputs: 3, outputs: 15}",
        "{input: '3', output: '15'}",
        "{input: -3, output: 15}",
        "{input: NaN, output: 15}",
        "{tieredPricing: [{input: 1, output: 2}]}",
        "{tieredPricing: [{input: 1, range: [0]}]}",
        "{tieredPricing: [{input: 1, output: 2, range: []}]}",
        "{tieredPricing: [{input: 1, output: 2, range: [5, 5]}]}",
        "{tieredPricing: [{input: 1, output: 2, range: [9, 5]}]}",
        "{tieredPricing: [{input: 1, output: 2, range: [0, 5, 9]}]}",
        "{tieredPricing: [{input: 1, output: 2, range: ['a']}]}",
        "{input: 3, output: 15, tieredPricing: [{inputs: 1, output: 2, range: [0]}]}",
    ] {
        let (found, told) = cost(wrong);
        assert_eq!(found, None, "{wrong}");
        assert!(!told.is_empty(), "{wrong}");
    }
    // OpenClaw's programs write the greatest number they have where they mean no end.
    let (tiers, told) = cost("{tieredPricing: [{input: 1, output: 2, range: [0, 9007199254740991]}]}");
    assert_eq!((tiers.unwrap().tiers[0].end, told), (None, Vec::new()));
}
