use std::fs;

use proptest::prelude::*;
use yabby_config::{Cost, CostTier, Limit};

use super::{ledger::of_day, *};

const NOON: u64 = 1_795_608_000; // 2026-11-25, 12:00 UTC

fn noon() -> u64 {
    NOON
}

fn model() -> ModelRef {
    "hosted/m".parse().unwrap()
}

fn price(input: f64, output: f64, cache_read: f64) -> Price {
    Price::new(Cost {
        input,
        output,
        cache_read,
        ..Cost::default()
    })
}

fn usage(input: u32, cached: u32, output: u32) -> Usage {
    Usage {
        input_tokens: Some(input),
        cached_tokens: Some(cached),
        output_tokens: Some(output),
        ..Usage::default()
    }
}

fn budget(usd: Option<f64>, tokens: Option<u64>) -> Budget {
    Budget {
        per_day: Limit { usd, tokens },
        ..Budget::default()
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn prices_count_the_cache_and_the_tier() {
    let flat = price(3.0, 15.0, 0.3);
    for (usage, usd) in [
        (usage(1_000_000, 0, 0), 3.0),
        (usage(1_000_000, 1_000_000, 0), 0.3),
        (usage(1000, 400, 200), 0.0018 + 0.00012 + 0.003),
        // More cached than there is is a server's mistake.
        (usage(1000, 4000, 0), 0.0003),
        (Usage::default(), 0.0),
    ] {
        assert!(close(flat.of(&usage), usd), "{usage:?} {}", flat.of(&usage));
    }
    let tier = |input: f64, start, end| CostTier {
        input,
        output: input * 5.0,
        start,
        end,
        ..CostTier::default()
    };
    let tiers = Price::new(Cost {
        input: 99.0,
        tiers: vec![tier(1.0, 0, Some(200_000)), tier(2.0, 200_000, None)],
        ..Cost::default()
    });
    for (tokens, usd) in [(199_999, 0.199_999), (200_000, 0.4), (1_000_000, 2.0)] {
        assert!(close(tiers.of_prompt(tokens), usd), "{tokens}");
    }
    assert!(!tiers.is_free() && price(0.0, 0.0, 0.0).is_free());
}

#[test]
fn one_case_a_rule() {
    let spent = |usd, tokens| Spent { usd, tokens };
    let nothing = Spent::default();
    let money = budget(Some(5.0), None);
    let tokens = budget(None, Some(1000));
    let session = Budget {
        per_session: Limit {
            usd: Some(1.0),
            tokens: None,
        },
        ..Budget::default()
    };
    let in_doubt = Budget {
        in_doubt: true,
        ..Budget::default()
    };
    let refused = |budget: &Budget, today, session, estimate, known| {
        check(budget, today, session, estimate, known)
            .err()
            .map(|over| over.text().english())
    };
    let none = Budget::default();
    let cases = [
        (refused(&none, spent(900.0, 9), nothing, spent(9.0, 9), false), None),
        (refused(&money, spent(4.0, 9), nothing, spent(1.0, 9), true), None),
        (
            refused(&money, spent(4.0, 9), nothing, spent(1.1, 9), true),
            Some("it is not asked: route.budget.perDay.usd allows $5.00, and $4.00 are spent"),
        ),
        (
            refused(&money, spent(5.0, 9), nothing, nothing, true),
            Some("it is not asked: route.budget.perDay.usd allows $5.00, and $5.00 are spent"),
        ),
        (
            refused(&money, nothing, nothing, nothing, false),
            Some("it is not asked: route.budget.perDay.usd is a limit, and its price is not known"),
        ),
        (refused(&tokens, spent(0.0, 900), nothing, spent(0.0, 100), false), None),
        (
            refused(&tokens, spent(0.0, 900), nothing, spent(0.0, 101), false),
            Some("it is not asked: route.budget.perDay.tokens allows 1000 tokens, and 900 are used"),
        ),
        (
            refused(&session, spent(9.0, 9), spent(1.0, 9), nothing, true),
            Some("it is not asked: route.budget.perSession.usd allows $1.00, and $1.00 are spent"),
        ),
        (
            refused(&in_doubt, nothing, nothing, nothing, true),
            Some("it is not asked: route.budget has a mistake, so that no limit is known"),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found.as_deref(), expected);
    }
}

#[test]
fn what_was_spent_outlives_the_process_and_is_seen_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Spending::with(Ledger::open(&folder.path().join("spending")), Budget::default(), noon);
    let (one, other) = (open(), open());
    let price = || Some(price(1.0, 2.0, 0.1));
    let entry = one
        .reserve(&model(), "s", price(), 10)
        .unwrap()
        .settle(&usage(1_000_000, 0, 500_000));
    assert_eq!((entry.usd, entry.exact), (Some(2.0), true));
    assert_eq!(
        other.today(),
        Spent {
            usd: 2.0,
            tokens: 1_500_000
        }
    );
    // A line that was torn counts as none, and what comes after it counts.
    let file = folder.path().join("spending/2026-11-25.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{{\"at\": 17\n")).unwrap();
    let entry = other.reserve(&model(), "s", price(), 10).unwrap().settle(&Usage {
        cost: Some(0.5),
        ..Usage::default()
    });
    // What the server says it cost goes before prices; tokens that it does not report are estimated.
    assert_eq!((entry.usd, entry.input, entry.exact), (Some(0.5), 10, false));
    assert_eq!(
        one.today(),
        Spent {
            usd: 2.5,
            tokens: 1_500_010
        }
    );
    assert_eq!(open().today(), one.today());
    assert_eq!(of_day(folder.path(), Day::of(NOON)).len(), 2);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_day_begins_anew_and_a_session_does_not() {
    let mut ledger = Ledger::default();
    let entry = |at| Entry {
        at,
        model: model(),
        session: "s".to_owned(),
        input: 100,
        cached: 0,
        output: 0,
        usd: Some(1.0),
        exact: true,
    };
    ledger.refresh(day_of(NOON));
    ledger.enter(&entry(NOON));
    assert_eq!(ledger.today().tokens, 100);
    ledger.enter(&entry(NOON + 86_400));
    assert_eq!((ledger.today().tokens, ledger.of_session("s").tokens), (100, 200));
    let names: Vec<String> = [0, 59, 11_016, 11_017, 20_782].map(|day| Day(day).name()).to_vec();
    assert_eq!(
        names,
        ["1970-01-01", "1970-03-01", "2000-02-29", "2000-03-01", "2026-11-25"]
    );
}

#[test]
fn what_broke_off_is_paid_and_what_was_never_answered_is_not() {
    let spending = Spending::with(Ledger::default(), Budget::default(), noon);
    let reserve = || {
        spending
            .reserve(&model(), "s", Some(price(1.0, 0.0, 0.0)), 1000)
            .unwrap()
    };
    drop(reserve());
    assert_eq!(spending.today(), Spent::default());
    let mut begun = reserve();
    begun.begun();
    drop(begun);
    assert_eq!(spending.today().tokens, 1000);
}

#[test]
fn round_sums_are_told_where_nothing_stops_them() {
    let told = |budget: &Budget, before, after| milestone(budget, before, after).map(|notice| notice.english());
    let none = Budget::default();
    assert_eq!(told(&none, 0.4, 0.9), None);
    let words = "hosted models have cost more than $5.00 today; route.budget.perDay.usd in the config sets a limit";
    assert_eq!(told(&none, 0.9, 6.0).as_deref(), Some(words));
    assert_eq!(told(&budget(Some(9.0), None), 0.9, 6.0), None);
    assert_eq!(
        [dollars(0.0), dollars(0.00312), dollars(12.3)],
        ["$0.00", "$0.0031", "$12.30"]
    );
}

proptest! {
    /// However many are under way, they do not pass a limit together, and in the end each counts once.
    #[test]
    fn reservations_keep_the_limit(steps in prop::collection::vec((0_u8..3, 1_u32..400), 1..60)) {
        let limit = 1000;
        let spending = Spending::with(Ledger::default(), budget(None, Some(limit)), noon);
        let mut open = Vec::new();
        let mut settled = 0;
        for (what, tokens) in steps {
            match what {
                0 => open.extend(spending.reserve(&model(), "s", None, tokens)),
                1 => drop(open.pop()),
                _ => if let Some(reservation) = open.pop() {
                    settled += u64::from(reservation.settle(&Usage::default()).input);
                },
            }
            let held: u64 = open.iter().map(|reservation| reservation.estimate.tokens).sum();
            prop_assert_eq!(spending.today().tokens, settled + held);
            prop_assert!(spending.today().tokens <= limit);
        }
    }
}
