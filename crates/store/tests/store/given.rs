//! What the cases begin with.

use std::time::Duration;

use yabby_core::{
    Confidentiality, EndReason, FinalText, Integrity, Label, ModelEvent, Origin, Peer, PeerKind, SessionKey, Time,
    Unfinished, text,
};
use yabby_store::{Accepted, Claimed, NewDelivery, NewInbound, Said, Store, Target, TurnEnd, TurnOutcome};

pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A place.
pub(crate) fn target(peer: &str) -> Target {
    Target {
        channel: "test".to_owned(),
        account: "a".to_owned(),
        peer: peer.to_owned(),
        thread: None,
    }
}

pub(crate) fn session(name: &str) -> SessionKey {
    SessionKey::within("main", name).expect("a key")
}

/// A message of a person, in a conversation of its own.
pub(crate) fn inbound(conversation: &str, message: &str) -> NewInbound {
    NewInbound {
        message: message.to_owned(),
        origin: Origin {
            channel: "test".to_owned(),
            account: Some("a".to_owned()),
            peer: Peer {
                kind: PeerKind::Direct,
                id: conversation.to_owned(),
            },
            thread: None,
            sender: None,
        },
        conversation: session(conversation),
        received_at: Time(1_700_000_000_000),
        body: serde_json::json!({"text": message}),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
    }
}

pub(crate) fn answer(text: &str) -> FinalText {
    let mut answer = Unfinished::default();
    answer.push(&ModelEvent::Text(text.to_owned()));
    answer.push(&ModelEvent::End(EndReason::Stop)).expect("an end").0
}

pub(crate) fn delivery(key: &str, peer: &str) -> NewDelivery {
    NewDelivery {
        key: key.to_owned(),
        to: target(peer),
        content: Said::Answer(answer(key)),
        expires_at: None,
    }
}

/// The end of a turn that was answered with one message.
pub(crate) fn done(claimed: &Claimed, turn: &str) -> TurnEnd {
    TurnEnd {
        message: claimed.id,
        turn: turn.to_owned(),
        how: TurnOutcome::Done,
        items: None,
        deliveries: vec![delivery(&format!("{turn}/0"), &claimed.message.origin.peer.id)],
        keep_lease: false,
    }
}

pub(crate) async fn accept(store: &Store, conversation: &str, message: &str) -> i64 {
    match store.accept(inbound(conversation, message)).await.expect("accepted") {
        Accepted::New { id } => id,
        known @ Accepted::Known { .. } => panic!("{known:?}"),
    }
}

pub(crate) async fn claim(store: &Store) -> Claimed {
    store.claim_message(LONG).await.expect("a store").expect("a message")
}

/// Answers the next message.
pub(crate) async fn answer_next(store: &Store, turn: &str) -> Claimed {
    let claimed = claim(store).await;
    store.begin_turn(&claimed.lease, claimed.id, turn).await.expect("begun");
    store
        .end_turn(&claimed.lease, done(&claimed, turn))
        .await
        .expect("ended");
    claimed
}

pub(crate) fn problem() -> yabby_core::Text {
    text!("the store is closed")
}
