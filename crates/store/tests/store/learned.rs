//! What was learned last is known.

use std::time::Duration;

use yabby_core::Time;
use yabby_store::{Learned, Store};

use crate::both::{on_both, open};

fn fact(name: &str, value: &str, at: i64) -> Learned {
    Learned {
        subject: "http://127.0.0.1:8080 qwen3".to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
        source: "a refusal".to_owned(),
        at: Time(at),
    }
}

async fn known(store: &Store) -> Vec<Learned> {
    store.learned("http://127.0.0.1:8080 qwen3").await.unwrap()
}

#[tokio::test]
async fn what_was_learned_last_is_known() {
    on_both(async |place| {
        let store = open(place).await;
        let other = Learned {
            subject: "袋鼠".to_owned(),
            ..fact("window", "1", 1)
        };
        store
            .learn(vec![fact("window", "8192", 5), fact("stream", "no", 5), other.clone()])
            .await
            .unwrap();
        // What comes late from another process does not count, also within one call.
        store.learn(vec![fact("window", "4096", 4)]).await.unwrap();
        store
            .learn(vec![fact("stream", "yes", 7), fact("stream", "hardly", 6)])
            .await
            .unwrap();
        assert_eq!(
            known(&store).await,
            [fact("stream", "yes", 7), fact("window", "8192", 5)]
        );
        store
            .forget("http://127.0.0.1:8080 qwen3", Some("window"))
            .await
            .unwrap();
        assert_eq!(known(&store).await, [fact("stream", "yes", 7)]);
        store.forget("http://127.0.0.1:8080 qwen3", None).await.unwrap();
        assert_eq!(known(&store).await, []);
        assert_eq!(store.learned("袋鼠").await.unwrap(), [other]);
    })
    .await;
}

/// R8.
#[tokio::test]
async fn what_was_learned_while_the_clock_was_ahead_does_not_stay() {
    on_both(async |place| {
        let store = open(place).await;
        let now = Time::from(std::time::SystemTime::now());
        let tomorrow = now + Duration::from_hours(24);
        store.learn(vec![fact("window", "4096", tomorrow.0)]).await.unwrap();
        store.learn(vec![fact("window", "8192", now.0)]).await.unwrap();
        assert_eq!(known(&store).await, [fact("window", "8192", now.0)]);
    })
    .await;
}
