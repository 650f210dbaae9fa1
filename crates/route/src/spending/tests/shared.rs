//! What several replicas spend together.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
};

use futures_util::{FutureExt, future::BoxFuture};

use super::*;
use crate::spending::shared::Book;

/// A place that all replicas of a test reach, unless it is away.
#[derive(Clone, Debug, Default)]
struct Together(Arc<Mutex<Entered>>);

#[derive(Debug, Default)]
struct Entered {
    expenses: BTreeMap<String, Entry>,
    ids: u32,
    fails: Fails,
}

/// What becomes of the next operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fails {
    #[default]
    No,
    /// Nothing happens.
    Before,
    /// It happens, and nobody hears of it.
    After,
}

impl Together {
    fn replica(&self, folder: &Path, budget: Budget) -> Spending {
        Spending::of_book(Book::new(Arc::new(self.clone()), folder), budget, clock)
    }

    fn fails(&self, fails: Fails) {
        self.0.lock().unwrap().fails = fails;
    }

    fn tokens(&self) -> u64 {
        let entered = self.0.lock().unwrap();
        entered.expenses.values().map(|entry| entry.spent().tokens).sum()
    }

    fn run<T>(&self, run: impl FnOnce(&mut Entered) -> T) -> Result<T, Away> {
        let mut entered = self.0.lock().unwrap();
        match entered.fails {
            Fails::No => Ok(run(&mut entered)),
            Fails::Before => Err(Away),
            Fails::After => {
                run(&mut entered);
                Err(Away)
            }
        }
    }
}

impl Shared for Together {
    fn new_id(&self) -> String {
        let mut entered = self.0.lock().unwrap();
        entered.ids += 1;
        entered.ids.to_string()
    }

    fn enter(&self, expenses: Vec<Expense>) -> BoxFuture<'_, Result<(), Away>> {
        let done = self.run(|entered| {
            for Expense { id, entry } in expenses {
                entered.expenses.entry(id).or_insert(entry);
            }
        });
        std::future::ready(done).boxed()
    }

    fn spent_on<'a>(
        &'a self,
        days: RangeInclusive<Day>,
        by: By<'a>,
    ) -> BoxFuture<'a, Result<BTreeMap<Day, Spent>, Away>> {
        let done = self.run(|entered| {
            let mut sums: BTreeMap<Day, Spent> = BTreeMap::new();
            for entry in entered.expenses.values() {
                let day = Day::of(entry.at);
                let is_by = match by {
                    By::All => true,
                    By::Session(session) => session == entry.session,
                    By::Key(key) => entry.key.as_deref() == Some(key),
                };
                if days.contains(&day) && is_by {
                    let sum = sums.entry(day).or_default();
                    *sum = *sum + entry.spent();
                }
            }
            sums
        });
        std::future::ready(done).boxed()
    }
}

fn later(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}

/// What a limit says to a request of a model with this price.
fn refused(spending: &Spending, session: &str, price: Price) -> Option<OverBudget> {
    spending.reserve(&model(), session, Some(price), 10, 0).err()
}

fn paid(spending: &Spending, session: &str) -> Option<OverBudget> {
    refused(spending, session, price(1.0, 2.0, 0.1))
}

#[tokio::test]
async fn what_one_has_spent_stops_the_other() {
    let (together, folder) = (Together::default(), tempfile::tempdir().unwrap());
    let limits = Budget {
        per_session: Limit {
            usd: None,
            tokens: Some(500_000),
        },
        ..budget(Some(1.0), None)
    };
    let [one, other] = [(); 2].map(|()| together.replica(folder.path(), limits));
    for spending in [&one, &other] {
        assert_eq!(paid(spending, "s"), Some(OverBudget::Unseen), "nobody has looked");
        spending.look("s").await;
    }
    answer(&one, "s", 600_000, 0);
    one.hand_over(Duration::from_secs(1)).await;
    // As of a second ago.
    other.look("s").await;
    assert_eq!((other.today(), paid(&other, "s")), (Spent::default(), None));
    later(1);
    other.look("s").await;
    let of_session = paid(&other, "s").unwrap();
    assert!(
        matches!(of_session, OverBudget::Tokens { spent: 600_000, .. }),
        "{of_session:?}"
    );
    other.look("t").await;
    answer(&other, "t", 400_000, 0);
    other.hand_over(Duration::from_secs(1)).await;
    later(1);
    one.look("t").await;
    assert!(matches!(paid(&one, "t"), Some(OverBudget::Money { spent, .. }) if close(spent, 1.0)));
    // It is a limit of a day.
    on_day(1);
    one.look("u").await;
    assert_eq!((one.today(), paid(&one, "u")), (Spent::default(), None));
}

#[tokio::test]
async fn a_limit_is_kept_while_nobody_knows_what_others_spend() {
    let (together, folder) = (Together::default(), tempfile::tempdir().unwrap());
    let spending = together.replica(folder.path(), budget(Some(1.0), None));
    let none = together.replica(folder.path(), Budget::default());
    let tokens = together.replica(folder.path(), budget(None, Some(1000)));
    spending.look("s").await;
    together.fails(Fails::Before);
    // What was known a moment ago still counts.
    later(9);
    spending.look("s").await;
    assert_eq!(paid(&spending, "s"), None);
    // It is tried again two seconds after it failed, not with each request.
    together.fails(Fails::No);
    later(1);
    spending.look("s").await;
    let free = || price(0.0, 0.0, 0.0);
    let unseen = Some(OverBudget::Unseen);
    for (spending, of_paid, of_free) in [
        (&spending, &unseen, &None),
        (&none, &None, &None),
        (&tokens, &unseen, &unseen),
    ] {
        assert_eq!(
            (&paid(spending, "s"), &refused(spending, "s", free())),
            (of_paid, of_free)
        );
    }
    later(1);
    spending.look("s").await;
    assert_eq!(paid(&spending, "s"), None);
}

#[tokio::test]
async fn what_was_not_handed_over_is_handed_over_by_the_next_process_and_counts_once() {
    let (together, folder) = (Together::default(), tempfile::tempdir().unwrap());
    for fails in [Fails::Before, Fails::After] {
        let before = together.tokens();
        together.fails(fails);
        let spending = together.replica(folder.path(), Budget::default());
        answer(&spending, "s", 1000, 0);
        spending.hand_over(Duration::from_secs(1)).await;
        drop(spending);
        together.fails(Fails::No);
        let next = together.replica(folder.path(), Budget::default());
        later(1);
        next.look("s").await;
        assert_eq!((together.tokens(), next.today().tokens), (before + 1000, before + 1000));
        let left = std::fs::read_dir(folder.path().join("spending/unsent"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "{fails:?}");
    }
}

#[tokio::test]
async fn what_others_had_spent_before_is_no_news() {
    let (together, folder) = (Together::default(), tempfile::tempdir().unwrap());
    answer(&together.replica(folder.path(), Budget::default()), "s", 4_000_000, 0);
    let later_on = together.replica(folder.path(), Budget::default());
    later_on.look("s").await;
    assert!(close(later_on.today().usd, 4.0));
    assert_eq!(later_on.milestone(), None);
    answer(&later_on, "s", 2_000_000, 0);
    assert!(later_on.milestone().is_some());
}

proptest! {
    /// Whatever fails and whoever crashes, all is counted once, and nobody believes to know less than the truth about itself.
    #[test]
    fn all_is_counted_once(steps in prop::collection::vec((0_usize..3, 0_u8..4, 0_u8..3, 1_u32..5000), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            on_day(0);
            let together = Together::default();
            let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
            let begin = |place: usize| together.replica(folders[place].path(), Budget::default());
            let mut replicas = [0, 1, 2].map(begin);
            let mut sum = 0;
            for (place, what, fails, tokens) in steps {
                together.fails([Fails::No, Fails::Before, Fails::After][usize::from(fails)]);
                later(3);
                match what {
                    0 | 1 => {
                        answer(&replicas[place], "s", tokens, 0);
                        sum += u64::from(tokens);
                    }
                    2 => replicas[place].look("s").await,
                    _ => replicas[place] = begin(place),
                }
                prop_assert!(replicas[place].today().tokens <= sum);
            }
            together.fails(Fails::No);
            for _ in 0..2 {
                for replica in &replicas {
                    later(3);
                    replica.look("s").await;
                }
            }
            prop_assert_eq!(together.tokens(), sum);
            for replica in &replicas {
                prop_assert_eq!(replica.today().tokens, sum);
            }
            on_day(0);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_key_has_a_limit_of_its_own_with_all_replicas_together() {
    let (together, folder) = (Together::default(), tempfile::tempdir().unwrap());
    let [one, other] = ["one", "other"].map(|name| together.replica(&folder.path().join(name), Budget::default()));
    let payer = |key: &str| Payer {
        session: String::new(),
        key: Some(key.to_owned()),
        key_per_day: Some(1.0),
    };
    let reserve = async |spending: &Spending, key: &str| {
        spending.look_for(&payer(key)).await;
        spending.reserve_for(&model(), &payer(key), Some(price(1.0, 2.0, 0.1)), 10, 0)
    };
    let mut reservation = reserve(&one, "a").await.unwrap();
    reservation.heard(&ModelEvent::End(EndReason::Stop));
    reservation.settle(&usage(1_000_000, 0, 0));
    let over = reserve(&one, "a").await.unwrap_err();
    assert_eq!(
        format!("{}; {}", over.text().english(), over.hint(&model()).english()),
        "it is not asked: --budget of yabby keys allows $1.00, and $1.00 are spent; raise --budget of yabby keys, or wait \
         until midnight (UTC)"
    );
    later(2);
    one.hand_over(Duration::from_secs(1)).await;
    // The other one hears of it; other keys are not concerned.
    assert!(reserve(&other, "a").await.is_err());
    reserve(&other, "b").await.unwrap().free();
    // What is not known is not spent.
    together.fails(Fails::Before);
    later(20);
    assert_eq!(reserve(&other, "b").await.unwrap_err(), OverBudget::Unseen);
}
