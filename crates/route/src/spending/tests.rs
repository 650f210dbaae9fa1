mod kept;
mod shared;

use std::{cell::Cell, path::Path, time::Duration};

use proptest::prelude::*;
use yabby_config::{Cost, CostTier, Limit};
use yabby_core::EndReason;

use super::*;

const NOON: u64 = 1_795_608_000; // 2026-11-25, 12:00 UTC

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(NOON) };
}

/// The clock of this test.
fn clock() -> u64 {
    NOW.get()
}

fn on_day(day: u64) {
    NOW.set(NOON + day * 86_400);
}

fn open(folder: &Path, budget: Budget) -> Spending {
    Spending::with(Ledger::open(&folder.join("spending"), SESSION_DAYS), budget, clock)
}

fn memory(budget: Budget) -> Spending {
    Spending::with(Ledger::default(), budget, clock)
}

/// What an answer of so many tokens costs at a dollar a million tokens of input and two of output.
fn answer(spending: &Spending, session: &str, input: u32, output: u32) -> Entry {
    let mut reservation = spending
        .reserve(&model(), session, Some(price(1.0, 2.0, 0.1)), 10, 0)
        .unwrap();
    reservation.heard(&ModelEvent::End(EndReason::Stop));
    reservation.settle(&usage(input, 0, output))
}

fn model() -> ModelRef {
    "hosted/m".parse().unwrap()
}

fn price(input: f64, output: f64, cache_read: f64) -> Price {
    Price::new(Cost {
        input,
        output,
        cache_read,
        cache_write: input * 1.25,
        tiers: Vec::new(),
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
    let written = |input, cached, written| Usage {
        cache_write_tokens: Some(written),
        ..usage(input, cached, 0)
    };
    for (usage, usd) in [
        (usage(1_000_000, 0, 0), 3.0),
        (usage(1_000_000, 1_000_000, 0), 0.3),
        (usage(1000, 400, 200), 0.0018 + 0.00012 + 0.003),
        (written(1000, 400, 500), 0.0003 + 0.00012 + 0.001_875),
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
        assert!(close(tiers.estimate(tokens, 0), usd), "{tokens}");
    }
    assert!(!tiers.is_free() && price(0.0, 0.0, 0.0).is_free());
}

#[test]
fn one_case_a_rule() {
    use Known::{Free, Paid, Unknown};
    let spent = |usd, tokens| Spent { usd, tokens };
    let taken = |usd, tokens| Taken {
        spent: spent(usd, tokens),
        reserved: Spent::default(),
    };
    let reserved = |usd, tokens| Taken {
        spent: Spent::default(),
        reserved: spent(usd, tokens),
    };
    let nothing = Taken::default();
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
    let zero = budget(Some(0.0), None);
    let refused = |budget: &Budget, today, session, prompt, known| {
        check(budget, today, session, prompt, known)
            .err()
            .map(|over| over.text().english())
    };
    let none = Budget::default();
    let used_up = Some("it is not asked: route.budget.perDay.usd allows $5.00, and $5.00 are spent");
    let cases = [
        (refused(&none, taken(900.0, 9), nothing, spent(9.0, 9), Unknown), None),
        (refused(&money, taken(4.0, 9), nothing, spent(1.0, 9), Paid), None),
        (
            refused(&money, taken(4.0, 9), nothing, spent(1.1, 9), Paid),
            Some(
                "it is not asked: route.budget.perDay.usd allows $5.00; $4.00 are spent or reserved, and its prompt alone costs about $1.10",
            ),
        ),
        (refused(&money, reserved(4.0, 9), nothing, spent(1.0, 9), Paid), None),
        (
            refused(&money, reserved(5.0, 9), nothing, spent(0.0, 0), Paid),
            Some(
                "it is not asked: route.budget.perDay.usd allows $5.00; $5.00 are spent or reserved, and its prompt alone costs about $0.00",
            ),
        ),
        (refused(&money, taken(5.0, 9), nothing, spent(0.0, 0), Paid), used_up),
        (refused(&money, taken(5.0, 9), nothing, spent(0.0, 0), Free), None),
        (
            refused(&money, nothing, nothing, spent(0.0, 0), Unknown),
            Some("it is not asked: route.budget.perDay.usd is a limit, and its price is not known"),
        ),
        (
            refused(&zero, nothing, nothing, spent(0.0, 0), Paid),
            Some("it is not asked: route.budget.perDay.usd allows $0.00, and $0.00 are spent"),
        ),
        (
            refused(&tokens, taken(0.0, 900), nothing, spent(0.0, 100), Unknown),
            None,
        ),
        (
            refused(&tokens, taken(0.0, 900), nothing, spent(0.0, 101), Free),
            Some(
                "it is not asked: route.budget.perDay.tokens allows 1000 tokens; 900 are used or reserved, and its prompt alone has about 101",
            ),
        ),
        (
            refused(&tokens, taken(0.0, 1000), nothing, spent(0.0, 1), Paid),
            Some("it is not asked: route.budget.perDay.tokens allows 1000 tokens, and 1000 are used"),
        ),
        (
            refused(&session, taken(9.0, 9), taken(1.0, 9), spent(0.0, 0), Paid),
            Some("it is not asked: route.budget.perSession.usd allows $1.00, and $1.00 are spent"),
        ),
        (
            refused(&in_doubt, nothing, nothing, spent(0.0, 0), Paid),
            Some("it is not asked: route.budget has a mistake, so that no limit is known"),
        ),
        (
            refused(&in_doubt, nothing, nothing, spent(0.0, 0), Unknown),
            Some("it is not asked: route.budget has a mistake, so that no limit is known"),
        ),
        (refused(&in_doubt, nothing, nothing, spent(0.0, 0), Free), None),
    ];
    for (number, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(found.as_deref(), expected, "case {number}");
    }
}

/// A crash leaves a line without an end, which may stop within a letter; whoever comes next must not be lost with it.
#[test]
fn what_broke_off_is_paid_and_what_was_never_answered_is_not() {
    let reserve = |spending: &Spending| {
        let price = Some(price(1.0, 10.0, 0.0));
        spending.reserve(&model(), "s", price, 1000, 500).unwrap()
    };
    let text = |text: &str| ModelEvent::Text(text.to_owned());
    let spending = memory(Budget::default());
    drop(reserve(&spending));
    let refused = reserve(&spending);
    refused.sent();
    refused.free();
    assert_eq!(spending.today(), Spent::default());
    // Sent, and nothing more: the prompt.
    let sent = reserve(&spending);
    sent.sent();
    drop(sent);
    assert_eq!(spending.today().tokens, 1000);
    // Stopped in the middle, without a word of the server: what was heard counts too.
    let spending = memory(Budget::default());
    let mut begun = reserve(&spending);
    begun.sent();
    begun.heard(&ModelEvent::Reasoning("four".repeat(10)));
    begun.heard(&text("你好"));
    drop(begun);
    assert_eq!(spending.today().tokens, 1012);
    // Anthropic reports one token of output when it begins, and the rest at the end.
    let mut begun = reserve(&spending);
    begun.heard(&text(&"four".repeat(10)));
    let entry = begun.settle(&usage(900, 0, 1));
    assert_eq!((entry.input, entry.output, entry.exact), (900, 10, false));
    assert!(close(entry.usd.unwrap(), 0.001), "{entry:?}");
    // A server that never reports is estimated, and one that is done is believed.
    let mut silent = reserve(&spending);
    silent.heard(&text(&"four".repeat(20)));
    silent.heard(&ModelEvent::End(EndReason::Stop));
    let entry = silent.settle(&Usage::default());
    assert_eq!((entry.input, entry.output, entry.exact), (1000, 20, false));
    let mut done = reserve(&spending);
    done.heard(&text(&"four".repeat(20)));
    done.heard(&ModelEvent::End(EndReason::Stop));
    let entry = done.settle(&usage(900, 0, 7));
    assert_eq!((entry.input, entry.output, entry.exact), (900, 7, true));
    let state = spending.lock();
    assert_eq!((state.ledger.held(), state.ledger.held_by("s")), Default::default());
}

#[test]
fn a_server_cannot_give_money_back() {
    let spending = memory(Budget::default());
    for cost in [-5.0, f64::INFINITY, f64::NAN] {
        let reservation = spending
            .reserve(&model(), "s", Some(price(1.0, 0.0, 0.0)), 10, 0)
            .unwrap();
        let entry = reservation.settle(&Usage {
            cost: Some(cost),
            ..usage(1_000_000, 0, 0)
        });
        assert_eq!(entry.usd, Some(1.0), "{cost}");
    }
}

/// Fifty at once, whose prompts alone would all fit: the limit is passed by one answer at the most.
#[test]
fn many_at_once_pass_no_limit_together() {
    let spending = memory(budget(Some(1.0), None));
    let price = || Some(price(1.0, 100.0, 0.0));
    let open: Vec<Reservation> = (0..50)
        .filter_map(|_| spending.reserve(&model(), "s", price(), 1000, 1000).ok())
        .collect();
    assert_eq!(open.len(), 10);
    for mut reservation in open {
        reservation.heard(&ModelEvent::End(EndReason::Stop));
        reservation.settle(&usage(1000, 0, 1000));
    }
    assert!(close(spending.today().usd, 1.01), "{:?}", spending.today());
    assert!(spending.reserve(&model(), "s", price(), 1000, 1000).is_err());
}

#[test]
fn round_sums_are_told_where_nothing_stops_them() {
    let told = |budget: &Budget, before, after| milestone(budget, before, after).map(|notice| notice.english());
    let none = Budget::default();
    assert_eq!(told(&none, 0.4, 0.9), None);
    let words = |sum| {
        format!("hosted models have cost more than {sum} today; route.budget.perDay.usd in the config sets a limit")
    };
    for (before, after, sum) in [
        (0.9, 6.0, "$5.00"),
        (0.9, 1.0, "$1.00"),
        (1999.0, 2001.0, "$2000.00"),
        (0.0, 60_000.0, "$50000.00"),
    ] {
        assert_eq!(told(&none, before, after), Some(words(sum)));
    }
    assert_eq!(told(&none, 1.0, 1.9), None);
    assert_eq!(told(&budget(Some(9.0), None), 0.9, 6.0), None);
    assert_eq!(
        [dollars(0.0), dollars(0.00312), dollars(0.000_01), dollars(12.3)],
        ["$0.00", "$0.0031", "<$0.0001", "$12.30"]
    );
}

#[test]
fn each_round_sum_is_told_once() {
    let spending = memory(Budget::default());
    let mut told = Vec::new();
    for _ in 0..6 {
        answer(&spending, "s", 400_000, 0);
        told.push(spending.milestone().is_some());
    }
    assert_eq!(told, [false, false, true, false, true, false]);
    on_day(1);
    answer(&spending, "s", 1_100_000, 0);
    assert!(spending.milestone().is_some(), "on a new day");
    // What others spent before this process began is no news.
    let folder = tempfile::tempdir().unwrap();
    answer(&open(folder.path(), Budget::default()), "s", 4_000_000, 0);
    let later = open(folder.path(), Budget::default());
    answer(&later, "s", 1, 0);
    assert_eq!(later.milestone(), None);
}

proptest! {
    /// However many are under way, they do not pass a limit together, and in the end each counts once.
    #[test]
    fn reservations_keep_the_limit(
        steps in prop::collection::vec((0_u8..4, 1_u32..400, 0_u32..400), 1..60),
    ) {
        let limit = 1000;
        let spending = memory(budget(None, Some(limit)));
        let mut open: Vec<Reservation> = Vec::new();
        let mut settled = 0;
        for (what, prompt, answer) in steps {
            let held = |open: &[Reservation]| open.iter().map(|one| one.held.tokens).sum::<u64>();
            match what {
                0 | 1 => {
                    let before = settled + held(&open);
                    let reserved = spending.reserve(&model(), "s", None, prompt, answer);
                    prop_assert_eq!(reserved.is_ok(), before < limit && before + u64::from(prompt) <= limit);
                    open.extend(reserved);
                }
                2 => drop(open.pop()),
                _ => if let Some(reservation) = open.pop() {
                    let entry = reservation.settle(&usage(prompt, 0, answer));
                    settled += u64::from(entry.input) + u64::from(entry.output);
                },
            }
            prop_assert_eq!(spending.today().tokens, settled);
            prop_assert_eq!(spending.lock().ledger.held().tokens, held(&open));
        }
        drop(open);
        prop_assert_eq!(spending.lock().ledger.held(), Spent::default());
    }
}

#[test]
fn a_key_has_a_limit_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let spending = open(folder.path(), Budget::default());
    let payer = |key: &str| Payer {
        session: "s".to_owned(),
        key: Some(key.to_owned()),
        key_per_day: Some(1.0),
    };
    let reserve =
        |spending: &Spending, key: &str, price| spending.reserve_for(&model(), &payer(key), price, 400_000, 0);
    let paid = || Some(price(1.0, 2.0, 0.1));
    // What is under way counts.
    let held = [(); 2].map(|()| reserve(&spending, "a", paid()).unwrap());
    assert!(matches!(reserve(&spending, "a", paid()), Err(OverBudget::Money { .. })));
    let [first, second] = held;
    first.sent();
    drop(first);
    second.free();
    let state = spending.lock();
    assert_eq!(state.ledger.held_with("a"), Spent::default());
    assert!(close(state.ledger.spent_with(Day::of(NOON), "a").usd, 0.4));
    drop(state);
    reserve(&spending, "a", paid()).unwrap().settle(&usage(400_000, 0, 0));
    // It outlives the process, holds for a day, and concerns no other key and nothing that is free.
    let spending = open(folder.path(), Budget::default());
    assert!(reserve(&spending, "a", paid()).is_err());
    assert!(matches!(
        reserve(&spending, "a", None),
        Err(OverBudget::UnknownPrice { .. })
    ));
    reserve(&spending, "a", Some(price(0.0, 0.0, 0.0))).unwrap().free();
    reserve(&spending, "b", paid()).unwrap().free();
    on_day(1);
    reserve(&spending, "a", paid()).unwrap().free();
    on_day(0);
}
