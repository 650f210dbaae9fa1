//! What is kept over processes and days.

use std::{fs, io::Write, thread};

use super::*;
use crate::spending::ledger::of_day;

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

proptest! {
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

#[test]
fn limits_that_are_set_while_it_runs_count_what_was_spent_before() {
    let folder = tempfile::tempdir().unwrap();
    on_day(0);
    answer(&open(folder.path(), Budget::default()), "s", 1000, 0);
    on_day(3);
    // Without a limit for sessions, earlier days are not read.
    let spending = Spending::with(
        Ledger::open(&folder.path().join("spending"), 0),
        Budget::default(),
        clock,
    );
    let reserve = |session: &str| spending.reserve(&model(), session, Some(price(1.0, 2.0, 0.1)), 10, 0);
    answer(&spending, "t", 500, 0);
    spending.set_budget(Budget {
        per_session: Limit {
            usd: None,
            tokens: Some(1000),
        },
        ..Budget::default()
    });
    assert!(reserve("s").is_err());
    assert!(reserve("t").is_ok());
    spending.set_budget(budget(None, Some(500)));
    assert!(reserve("t").is_err(), "today 500 tokens are spent");
    spending.set_budget(Budget::default());
    assert!(reserve("s").is_ok());
    on_day(0);
}
