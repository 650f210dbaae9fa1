//! Responses that are asked for again.

use std::time::Duration;

use serde_json::json;
use yabby_store::{
    Accepted, Asked, KeepFor, KeptResponse, Lease, NewInbound, NewResponse, Said, Store, StoreErrorKind, new_id,
};

use crate::{
    both::{on_both, open},
    given::{LONG, accept, answer, done, inbound, session},
    transcript::{NOW, begun},
};

fn response(id: &str, conversation: &str) -> NewResponse {
    NewResponse {
        id: id.to_owned(),
        key: "laptop".to_owned(),
        conversation: session(conversation),
        input: json!([{"type": "message", "role": "user", "content": "袋鼠"}]),
        body: json!({"id": id, "status": "in_progress"}),
    }
}

fn asked(response: NewResponse) -> Asked {
    Asked {
        message: NewInbound {
            conversation: response.conversation.clone(),
            ..inbound("c", &response.id)
        },
        state: json!({"response": response.id}),
        response: Some(response),
    }
}

/// Takes its conversation, which gets a session where it has none.
async fn lease(store: &Store, response: &NewResponse) -> Lease {
    let key = &response.conversation;
    let lease = store.lease_conversation(key.as_str(), LONG).await.unwrap().unwrap();
    if store.conversation(key).await.unwrap().is_none() {
        store
            .begin_session(&lease, None, "new", (&new_id(), NOW))
            .await
            .unwrap();
    }
    lease
}

/// Keeps a response; the number of its message.
async fn keep(store: &Store, response: NewResponse) -> i64 {
    let lease = lease(store, &response).await;
    match store.accept_asked(&lease, asked(response)).await.unwrap() {
        Accepted::New { id } => id,
        known @ Accepted::Known { .. } => panic!("{known:?}"),
    }
}

#[tokio::test]
async fn the_first_end_of_a_response_counts() {
    on_both(async |place| {
        let store = open(place).await;
        let (one, two) = (response("resp_c_1", "c"), response("resp_c_2", "c"));
        let lease = lease(&store, &one).await;
        let (first, again) = (
            store.accept_asked(&lease, asked(one.clone())).await.unwrap(),
            store.accept_asked(&lease, asked(one.clone())).await.unwrap(),
        );
        let (Accepted::New { id: first }, Accepted::Known { id, .. }) = (first, again) else {
            panic!("{first:?} {again:?}");
        };
        assert_eq!(first, id);
        keep(&store, two.clone()).await;
        let kept = store.response("resp_c_1").await.unwrap().unwrap();
        let KeptResponse {
            new,
            message,
            created_at,
            ..
        } = kept;
        assert_eq!((new, message, created_at.0 > 0), (one.clone(), first, true));
        let end = |status: &str| json!({"id": "resp_c_1", "status": status});
        let ended = |body| store.end_response("resp_c_1", body);
        assert_eq!(ended(end("cancelled")).await.unwrap(), Some(end("cancelled")));
        assert_eq!(ended(end("completed")).await.unwrap(), Some(end("cancelled")));
        let kept = store.response("resp_c_1").await.unwrap().unwrap();
        let body = end("cancelled");
        assert_eq!((kept.new, kept.ended_at.is_some()), (NewResponse { body, ..one }, true));
        assert_eq!(store.response("resp_c_2").await.unwrap().unwrap().ended_at, None);
        assert!(store.delete_response("resp_c_1").await.unwrap());
        assert!(!store.delete_response("resp_c_1").await.unwrap());
        assert_eq!(ended(end("completed")).await.unwrap(), None);
        assert_eq!(store.response("resp_c_1").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn responses_go_with_their_session_and_when_they_are_old() {
    on_both(async |place| {
        let store = open(place).await;
        keep(&store, response("early", "c")).await;
        let (lease, id) = begun(&store, "c").await;
        store.release(&lease).await.unwrap();
        keep(&store, response("late", "c")).await;
        keep(&store, response("other", "d")).await;
        // Only with its end it is known where its answer stands.
        store.end_response("early", json!({})).await.unwrap();
        assert!(store.remove_session(&id).await.unwrap());
        for (id, is_there) in [("early", false), ("late", false), ("other", true)] {
            assert_eq!(store.response(id).await.unwrap().is_some(), is_there, "{id}");
        }
        let keep = KeepFor {
            sessions: None,
            max_sessions: None,
            inbox: Duration::from_hours(1),
        };
        let at = store.response("other").await.unwrap().unwrap().created_at;
        assert_eq!(store.prune(keep, at + Duration::from_mins(59)).await.unwrap().ended, 0);
        assert_eq!(store.prune(keep, at + Duration::from_mins(61)).await.unwrap().ended, 1);
        assert_eq!(store.response("other").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_read_again_is_not_kept_and_nothing_is_begun() {
    on_both(async |place| {
        let store = open(place).await;
        let mut deep = json!(1);
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let deep = NewResponse {
            input: deep,
            ..response("deep", "c")
        };
        keep(&store, response("first", "c")).await;
        let lease = lease(&store, &deep).await;
        let error = store.accept_asked(&lease, asked(deep)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::TooLarge);
        assert_eq!(store.response("deep").await.unwrap(), None);
        let known = store.conversation(&session("c")).await.unwrap().unwrap();
        assert_eq!(known.state, json!({"response": "first"}));
        let again = store.accept(inbound("c", "deep")).await.unwrap();
        assert!(matches!(again, Accepted::New { .. }), "{again:?}");
        // Who has lost the conversation begins nothing there.
        store.release(&lease).await.unwrap();
        let late = asked(response("late", "c"));
        let error = store.accept_asked(&lease, late).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Fenced);
        assert_eq!(store.response("late").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_was_said_to_a_message_is_found() {
    on_both(async |place| {
        let store = open(place).await;
        let (first, other) = (accept(&store, "c", "m1").await, accept(&store, "d", "m2").await);
        assert_eq!(store.said_to(first).await.unwrap(), []);
        let claimed = store.claim_message(LONG).await.unwrap().unwrap();
        store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap();
        assert_eq!(store.said_to(first).await.unwrap(), []);
        store.end_turn(&claimed.lease, done(&claimed, "t")).await.unwrap();
        assert_eq!(store.said_to(first).await.unwrap(), [Said::Answer(answer("t/0"))]);
        assert_eq!(store.said_to(other).await.unwrap(), []);
    })
    .await;
}
