use std::{cell::Cell, fs, io::Write, path::Path, thread};

use proptest::prelude::*;
use yabby_config::{Cost, CostTier, Limit};
use yabby_core::EndReason;

use super::{ledger::of_day, *};

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
        (written(1000, 400, 500), 0.0003 + 0.00012 + 0.001875),
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

#[test]
fn what_was_spent_outlives_the_process_and_is_seen_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        open(folder.path(), Budget::default()),
        open(folder.path(), Budget::default()),
    );
    let entry = answer(&one, "s", 1_000_000, 500_000);
    assert_eq!((entry.usd, entry.exact), (Some(2.0), true));
    let spent = |usd, tokens| Spent { usd, tokens };
    assert_eq!(other.today(), spent(2.0, 1_500_000));
    // What the server says it cost goes before prices; tokens that it does not report are estimated.
    let reservation = other.reserve(&model(), "s", Some(price(1.0, 2.0, 0.1)), 10, 0).unwrap();
    let entry = reservation.settle(&Usage {
        cost: Some(0.5),
        ..Usage::default()
    });
    assert_eq!((entry.usd, entry.input, entry.exact), (Some(0.5), 10, false));
    assert_eq!(one.today(), spent(2.5, 1_500_010));
    assert_eq!(open(folder.path(), Budget::default()).today(), one.today());
    assert_eq!(of_day(folder.path(), Day::of(NOON)).len(), 2);
    #[cfg(unix)]
    {
        let file = folder.path().join("spending/2026-11-25.jsonl");
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// A crash leaves a line without an end, which may stop within a letter; whoever comes next must not be lost with it.
#[test]
fn a_torn_line_hides_nothing_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let spending = open(folder.path(), Budget::default());
    answer(&spending, "對話", 1000, 0);
    let file = folder.path().join("spending/2026-11-25.jsonl");
    let line = fs::read(&file).unwrap();
    let in_letter = line.iter().position(|byte| *byte > 127).unwrap() + 1;
    for torn in [&line[..20], &line[..in_letter], b"\xff\xff\xff{\n", b"{}\n", b"\n"] {
        let before = spending.today().tokens;
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap()
            .write_all(torn)
            .unwrap();
        assert_eq!(spending.today().tokens, before);
        answer(&spending, "對話", 1000, 0);
        assert_eq!(spending.today().tokens, before + 1000, "behind {torn:?}");
        assert_eq!(
            open(folder.path(), Budget::default()).today(),
            spending.today(),
            "{torn:?}"
        );
    }
}

#[test]
fn what_cannot_be_written_counts_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spending"), "a file where a folder should be").unwrap();
    let spending = open(folder.path(), Budget::default());
    answer(&spending, "s", 1000, 0);
    assert_eq!(spending.today().tokens, 1000);
    // A file that was taken away while it was in use: what was spent is spent.
    let folder = tempfile::tempdir().unwrap();
    let spending = open(folder.path(), Budget::default());
    for _ in 0..3 {
        answer(&spending, "s", 1000, 0);
    }
    fs::remove_file(folder.path().join("spending/2026-11-25.jsonl")).unwrap();
    for _ in 0..2 {
        answer(&spending, "s", 1000, 0);
    }
    assert_eq!(spending.today().tokens, 5000);
}

#[test]
fn many_processes_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                let spending = open(folder, Budget::default());
                for _ in 0..50 {
                    answer(&spending, &format!("s{writer}"), 100, 1);
                    spending.today();
                }
            });
        }
    });
    assert_eq!(of_day(folder.path(), Day::of(NOON)).len(), 200);
    assert_eq!(open(folder.path(), Budget::default()).today().tokens, 200 * 101);
}

#[test]
fn a_day_begins_anew_and_a_session_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Budget {
        per_day: Limit {
            usd: None,
            tokens: Some(1000),
        },
        per_session: Limit {
            usd: None,
            tokens: Some(1500),
        },
        in_doubt: false,
    };
    let spending = open(folder.path(), limits);
    let refused = |spending: &Spending, session: &str| {
        let reserved = spending.reserve(&model(), session, Some(price(1.0, 2.0, 0.1)), 10, 0);
        reserved.err().map(|over| {
            let (text, hint) = (over.text().english(), over.hint(&model()).english());
            format!("{text}; {hint}")
        })
    };
    answer(&spending, "s", 1000, 0);
    let of_day = "it is not asked: route.budget.perDay.tokens allows 1000 tokens, and 1000 are used; raise route.budget.perDay.tokens, or wait until midnight (UTC)";
    assert_eq!(refused(&spending, "s").as_deref(), Some(of_day));
    on_day(1);
    assert_eq!(spending.today(), Spent::default());
    answer(&spending, "s", 600, 0);
    let of_session = "it is not asked: route.budget.perSession.tokens allows 1500 tokens, and 1600 are used; raise route.budget.perSession.tokens, or begin a new session";
    // Also a week later, and after a new start.
    for day in [1, 8] {
        on_day(day);
        for spending in [&spending, &open(folder.path(), limits)] {
            assert_eq!(refused(spending, "s").as_deref(), Some(of_session), "day {day}");
            assert_eq!(refused(spending, "other"), None, "day {day}");
        }
    }
    // Entries of two days in any order, as at midnight or when a clock is set back.
    for day in [1, 8, 1, 8] {
        on_day(day);
        answer(&spending, "t", 10, 0);
    }
    let state = spending.lock();
    let found = [1, 8].map(|day| state.ledger.spent_on(Day::of(NOON + day * 86_400)).tokens);
    assert_eq!((found, state.ledger.spent_by("t").tokens), ([620, 20], 40));
    drop(state);
    let names: Vec<String> = [0, 59, 11_016, 11_017, 20_782].map(|day| Day(day).name()).to_vec();
    assert_eq!(
        names,
        ["1970-01-01", "1970-03-01", "2000-02-29", "2000-03-01", "2026-11-25"]
    );
}

#[test]
fn who_names_no_session_has_one_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Budget {
        per_session: Limit {
            usd: None,
            tokens: Some(1000),
        },
        ..Budget::default()
    };
    let first = open(folder.path(), limits);
    answer(&first, "", 1000, 0);
    assert!(first.reserve(&model(), "", None, 10, 0).is_err());
    assert!(open(folder.path(), limits).reserve(&model(), "", None, 10, 0).is_ok());
}

#[test]
fn old_days_are_removed_also_by_a_process_that_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let spending = open(folder.path(), Budget::default());
    let days = || {
        let files = fs::read_dir(folder.path().join("spending")).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    answer(&spending, "s", 1, 0);
    fs::write(folder.path().join("spending/notes.txt"), "mine").unwrap();
    on_day(400);
    answer(&spending, "s", 1, 0);
    assert_eq!(days(), ["2026-11-25.jsonl", "2027-12-30.jsonl", "notes.txt"]);
    on_day(401);
    answer(&spending, "s", 1, 0);
    assert_eq!(days(), ["2027-12-30.jsonl", "2027-12-31.jsonl", "notes.txt"]);
}

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

    /// Entries count once each, in whatever order they come, on whatever days, through whichever process.
    #[test]
    fn totals_are_the_sums(
        entries in prop::collection::vec((0_u64..4, 0_usize..2, 0_u8..3, 1_u32..5000, prop::bool::ANY), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        on_day(0);
        let processes = [0, 1].map(|_| open(folder.path(), Budget::default()));
        for (day, process, session, tokens, torn) in &entries {
            on_day(*day);
            answer(&processes[*process], &session.to_string(), *tokens, 0);
            if *torn {
                let file = folder.path().join("spending").join(format!("{}.jsonl", Day::of(clock()).name()));
                fs::OpenOptions::new().append(true).open(file).unwrap().write_all(b"{\"at").unwrap();
            }
        }
        on_day(4);
        let fresh = open(folder.path(), Budget::default());
        for spending in processes.iter().chain([&fresh]) {
            spending.today();
            let state = spending.lock();
            for session in 0..3 {
                let of = entries.iter().filter(|entry| entry.2 == session);
                let sum: u64 = of.map(|entry| u64::from(entry.3)).sum();
                prop_assert_eq!(state.ledger.spent_by(&session.to_string()).tokens, sum);
            }
            for day in 0..4 {
                let of = entries.iter().filter(|entry| entry.0 == day);
                let sum: u64 = of.map(|entry| u64::from(entry.3)).sum();
                let found = state.ledger.spent_on(Day::of(NOON + day * 86_400));
                prop_assert_eq!(found.tokens, sum);
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let usd = sum as f64 / 1_000_000.0;
                prop_assert!(close(found.usd, usd));
            }
        }
        on_day(0);
    }
}
