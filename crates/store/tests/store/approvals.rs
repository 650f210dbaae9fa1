//! Questions are answered once.

use std::time::Duration;

use tokio::task::JoinSet;
use yabby_core::{Time, text};
use yabby_store::{
    Answer, AnswerOutcome, Approval, ApprovalState, DeliveryOutcome, NewApproval, OutboxState, Store, StoreErrorKind,
    Topic, new_id,
};

use crate::{
    both::{on_both, open},
    given::{LONG, delivery, problem, session},
};

fn question(id: &str, expires_at: Option<Time>) -> NewApproval {
    NewApproval {
        id: id.to_owned(),
        conversation: session("c"),
        turn: Some("t".to_owned()),
        effect: Some("t/1".to_owned()),
        question: text!("the store in {folder} is used by another process", folder = "早安"),
        expires_at,
    }
}

fn yes(by: &str) -> Answer {
    Answer {
        granted: true,
        by: by.to_owned(),
        words: Some("好".to_owned()),
    }
}

fn no(by: &str) -> Answer {
    Answer {
        granted: false,
        by: by.to_owned(),
        words: None,
    }
}

async fn get(store: &Store, id: &str) -> Approval {
    store.approval(id).await.unwrap().expect("a question")
}

#[tokio::test]
async fn a_question_is_asked_and_answered() {
    on_both(async |place| {
        let store = open(place).await;
        let mut wakes = store.wakes(Topic::Approvals);
        wakes.mark_unchanged();
        let asked = store.ask_approval(question("q", None)).await.unwrap();
        wakes.changed().await.unwrap();
        let expected = Approval {
            asked: question("q", None),
            asked_at: asked.asked_at,
            state: ApprovalState::Open,
            ended_at: None,
            answered_by: None,
            words: None,
        };
        assert_eq!(asked, expected);
        assert_eq!(store.open_approvals(9).await.unwrap(), std::slice::from_ref(&expected));
        let AnswerOutcome::Taken(answered) = store.answer_approval("q", yes("me")).await.unwrap() else {
            panic!("it was open")
        };
        wakes.changed().await.unwrap();
        let expected = Approval {
            state: ApprovalState::Granted,
            ended_at: answered.ended_at,
            answered_by: Some("me".to_owned()),
            words: Some("好".to_owned()),
            ..expected
        };
        assert_eq!(answered, expected);
        assert!(answered.ended_at >= Some(answered.asked_at));
        assert_eq!(store.open_approvals(9).await.unwrap(), []);
        // It stays as it was answered, whoever says or asks what afterwards.
        let late = store.answer_approval("q", no("me")).await.unwrap();
        assert_eq!(late, AnswerOutcome::Late(expected.clone()));
        assert_eq!(store.ask_approval(question("q", None)).await.unwrap(), expected);
        assert_eq!(get(&store, "q").await, expected);
    })
    .await;
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    on_both(async |place| {
        let store = open(place).await;
        let id = new_id();
        store.ask_approval(question(&id, None)).await.unwrap();
        let mut tasks = JoinSet::new();
        for at in 0..40 {
            let (store, id) = (store.clone(), id.clone());
            // The same person, too.
            let answer = if at % 2 == 0 { yes("a") } else { no("b") };
            tasks.spawn(async move { store.answer_approval(&id, answer).await.expect("an outcome") });
        }
        let (mut taken, mut late) = (Vec::new(), Vec::new());
        for outcome in tasks.join_all().await {
            match outcome {
                AnswerOutcome::Taken(approval) => taken.push(approval),
                AnswerOutcome::Late(approval) => late.push(approval),
            }
        }
        assert_eq!(taken, [get(&store, &id).await]);
        assert_eq!(late, vec![taken[0].clone(); 39]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none() {
    on_both(async |place| {
        let store = open(place).await;
        let soon = |millis| Some(Time::from(std::time::SystemTime::now()) + Duration::from_millis(millis));
        store.ask_approval(question("always", None)).await.unwrap();
        store.ask_approval(question("past", soon(0))).await.unwrap();
        let later = soon(3_600_000);
        store.ask_approval(question("later", later)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let names = |open: Vec<Approval>| open.into_iter().map(|open| open.asked.id).collect::<Vec<_>>();
        // Also before anybody has ended it.
        assert_eq!(names(store.open_approvals(9).await.unwrap()), ["always", "later"]);
        let AnswerOutcome::Late(late) = store.answer_approval("past", yes("me")).await.unwrap() else {
            panic!("it is over")
        };
        assert_eq!((late.state, late.answered_by), (ApprovalState::Expired, None));
        assert!(late.ended_at.is_some());
        store.ask_approval(question("past too", soon(0))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(store.expire_approvals().await.unwrap(), later);
        assert_eq!(get(&store, "past too").await.state, ApprovalState::Expired);
        assert_eq!(get(&store, "later").await.state, ApprovalState::Open);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_question_is_not_answered() {
    on_both(async |place| {
        let store = open(place).await;
        let missing = store.answer_approval("q", yes("me")).await.unwrap_err();
        assert_eq!(missing.kind, StoreErrorKind::Missing);
        assert_eq!(store.approval("q").await.unwrap(), None);
        store.ask_approval(question("q", None)).await.unwrap();
        let mut other = question("q", None);
        other.effect = None;
        let refused = store.ask_approval(other).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Invalid);
    })
    .await;
}

#[tokio::test]
async fn an_answer_about_a_delivery_sends_it_or_gives_it_up() {
    on_both(async |place| {
        let store = open(place).await;
        for (answer, expected) in [(yes("me"), OutboxState::Pending), (no("me"), OutboxState::Dropped)] {
            let key = new_id();
            store.deliver(&session("c"), vec![delivery(&key, &key)]).await.unwrap();
            let claimed = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
            let outcome = DeliveryOutcome::Unknown { problem: problem() };
            store.end_delivery(&claimed.lease, claimed.id, outcome).await.unwrap();
            let asked = store.open_approvals(9).await.unwrap();
            let [asked] = asked.as_slice() else { panic!("{asked:?}") };
            let outcome = store.answer_approval(&asked.asked.id, answer.clone()).await.unwrap();
            let AnswerOutcome::Taken(taken) = outcome else {
                panic!("it was open")
            };
            assert_eq!(taken.answered_by.as_deref(), Some("me"));
            assert_eq!(store.delivery_state(claimed.id).await.unwrap(), Some(expected));
            // Late, nothing of it changes.
            let other = if answer.granted { no("you") } else { yes("you") };
            let late = store.answer_approval(&asked.asked.id, other).await.unwrap();
            assert_eq!(late, AnswerOutcome::Late(taken));
            assert_eq!(store.delivery_state(claimed.id).await.unwrap(), Some(expected));
            if answer.granted {
                let again = store.claim_delivery(LONG).await.unwrap().expect("the delivery");
                assert_eq!(again.id, claimed.id);
            } else {
                assert_eq!(store.claim_delivery(LONG).await.unwrap(), None);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_has_died_over_an_answer_finds_it_again() {
    on_both(async |place| {
        let store = open(place).await;
        for id in ["one", "two", "three"] {
            store.ask_approval(question(id, None)).await.unwrap();
        }
        for id in ["one", "two"] {
            let taken = store.answer_approval_in("turn", id, yes("me")).await.unwrap();
            // As often as it is given, and as it was given first.
            assert_eq!(store.answer_approval_in("turn", id, no("me")).await.unwrap(), taken);
            assert!(matches!(taken, AnswerOutcome::Taken(_)), "{taken:?}");
        }
        let late = store.answer_approval_in("another", "one", yes("me")).await.unwrap();
        assert!(matches!(late, AnswerOutcome::Late(_)), "{late:?}");
        let found = store.approvals_answered_in("turn").await.unwrap();
        assert_eq!(found, [get(&store, "one").await, get(&store, "two").await]);
        assert_eq!(store.approvals_answered_in("another").await.unwrap(), []);
    })
    .await;
}
