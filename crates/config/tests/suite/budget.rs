//! What hosted models may cost: a mistake must never mean that there is no limit.

use yabby_config::{Budget, CostTier, Limit, Severity};

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
        end: Some(200_000),
        ..CostTier::default()
    };
    let second = CostTier {
        input: 2.0,
        output: 4.0,
        start: 200_000,
        ..CostTier::default()
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
