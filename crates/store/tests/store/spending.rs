//! What was spent is summed up as `yabby_route`'s ledger does it.

use std::collections::BTreeMap;

use yabby_core::Time;
use yabby_store::{Expense, Spent, SpentBy, day_of};

use crate::both::{on_both, open};

const DAY: i64 = 86_400_000;

fn expense(id: &str, at: i64, usd: Option<f64>) -> Expense {
    Expense {
        id: id.to_owned(),
        at: Time(at),
        model: "far/m/x".parse().unwrap(),
        conversation: "agent:main:main".to_owned(),
        input: 100,
        cached: 60,
        written: 10,
        output: 7,
        usd,
        exact: false,
        key: None,
    }
}

fn spent<K: Ord + Clone>(of: &[(K, f64, u64)]) -> BTreeMap<K, Spent> {
    let spent = |(key, usd, tokens): &(K, f64, u64)| {
        (
            key.clone(),
            Spent {
                usd: *usd,
                tokens: *tokens,
            },
        )
    };
    of.iter().map(spent).collect()
}

#[tokio::test]
async fn expenses_are_counted_once_by_day_and_conversation() {
    on_both(async |place| {
        let store = open(place).await;
        let others = |id: &str, at| Expense {
            conversation: "run:1".to_owned(),
            input: u32::MAX,
            output: u32::MAX,
            exact: true,
            key: Some("k1".to_owned()),
            ..expense(id, at, Some(0.25))
        };
        let all = [
            expense("a", 5 * DAY, Some(0.5)),
            // What has no price, and what no price can be, counts no money.
            expense("b", 6 * DAY - 1, None),
            expense("c", 5 * DAY + 1, Some(-3.0)),
            others("d", 5 * DAY),
            expense("e", 6 * DAY, Some(1.0)),
            expense("f", 7 * DAY, Some(f64::NAN)),
        ];
        for expense in &all {
            store.spend(expense.clone()).await.unwrap();
            store.spend(expense.clone()).await.unwrap();
        }
        let tokens = 2 * u64::from(u32::MAX);
        assert_eq!(
            store.spent_on(5..=6, SpentBy::All).await.unwrap(),
            spent(&[(5, 0.75, 3 * 107 + tokens), (6, 1.0, 107)])
        );
        assert_eq!(
            store
                .spent_on(5..=5, SpentBy::Conversation("agent:main:main".to_owned()))
                .await
                .unwrap(),
            spent(&[(5, 0.5, 3 * 107)])
        );
        assert_eq!(
            store.spent_by(5..=6).await.unwrap(),
            spent(&[
                ("agent:main:main".to_owned(), 1.5, 4 * 107),
                ("run:1".to_owned(), 0.25, tokens)
            ])
        );
        assert_eq!(
            store.spent_on(5..=6, SpentBy::Key("k1".to_owned())).await.unwrap(),
            spent(&[(5, 0.25, tokens)])
        );
        assert_eq!(
            store.spent_on(7..=9, SpentBy::All).await.unwrap(),
            spent(&[(7, 0.0, 107)])
        );
        assert_eq!(store.spent_on(8..=9, SpentBy::All).await.unwrap(), spent::<i64>(&[]));
        let of_day = [all[0].clone(), all[3].clone(), all[2].clone(), all[1].clone()];
        assert_eq!(store.expenses(5).await.unwrap(), of_day);
        assert_eq!(store.expenses(7).await.unwrap(), [expense("f", 7 * DAY, None)]);
    })
    .await;
}

#[test]
fn days_begin_at_midnight() {
    let days = [-1, 0, DAY - 1, DAY].map(|at| day_of(Time(at)));
    assert_eq!(days, [-1, 0, 0, 1]);
}
