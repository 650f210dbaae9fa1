//! What was said is kept as it was said, and found.

use std::{collections::BTreeMap, time::Duration};

use yabby_core::{
    Attempt, Confidentiality, Image, Integrity, Label, Message, ModelRef, Opaque, OpaqueSource, Outcome, Phase,
    ResetPolicy, ResetReason, Time, Usage, Zone,
};
use yabby_store::{Content, FileRef, Item, Lease, Limits, NewItem, SessionFilter, Store, StoreErrorKind, new_id};

use crate::{
    both::{on_both, open},
    given::{LONG, inbound, session},
};

pub(crate) const NOW: Time = Time(1_700_000_000_000);

fn label(origin: &str) -> Label {
    Label::new(Integrity::Owner, Confidentiality::Private, origin)
}

pub(crate) fn item(content: Content) -> NewItem {
    NewItem {
        id: new_id(),
        turn: Some("t".to_owned()),
        at: NOW,
        content,
        label: label("test"),
        attempts: Vec::new(),
        files: Vec::new(),
    }
}

pub(crate) fn said(text: &str) -> NewItem {
    item(Content::Message {
        message: Message::user(text),
    })
}

fn summary(text: &str, from: u64, to: u64) -> NewItem {
    item(Content::Summary {
        text: text.to_owned(),
        from,
        to,
    })
}

/// A leased conversation with a session.
pub(crate) async fn begun(store: &Store, name: &str) -> (Lease, String) {
    let lease = store
        .lease_conversation(session(name).as_str(), LONG)
        .await
        .unwrap()
        .expect("a lease");
    let id = new_id();
    store.begin_session(&lease, None, "new", (&id, NOW)).await.unwrap();
    (lease, id)
}

fn in_order(items: Vec<NewItem>) -> Vec<Item> {
    (0..).zip(items).map(|(seq, item)| Item { seq, item }).collect()
}

pub(crate) fn png() -> Image {
    Image::new(b"\x89PNG\r\n\x1a\n and more").expect("a picture")
}

#[tokio::test]
async fn items_come_back_as_they_were() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, id) = begun(&store, "c").await;
        let hash = store.attach(b"a file".to_vec(), "text/plain").await.unwrap();
        let asked = NewItem {
            files: vec![FileRef {
                hash: hash.clone(),
                name: Some("名.txt".to_owned()),
            }],
            ..item(Content::Message {
                message: Message::User {
                    text: "look".to_owned(),
                    images: vec![png(), png()],
                },
            })
        };
        let answered = NewItem {
            attempts: vec![attempt()],
            ..item(Content::Message {
                message: Message::Assistant {
                    text: "A picture.".to_owned(),
                    tool_calls: Vec::new(),
                    opaque: vec![Opaque {
                        from: OpaqueSource {
                            endpoint: "http://h/v1".to_owned(),
                            model: "m".to_owned(),
                        },
                        data: serde_json::json!({"signature": "x"}),
                    }],
                },
            })
        };
        let note = item(Content::Note {
            name: "model".to_owned(),
            value: serde_json::json!({"now": "p/m"}),
        });
        let all = vec![asked.clone(), answered, note];
        assert_eq!(store.append(&lease, &id, all.clone()).await.unwrap(), [0, 1, 2]);
        assert_eq!(store.items(&id, 0, 10).await.unwrap(), in_order(all.clone()));
        // What is there is not added again.
        let more = said("more");
        let places = store.append(&lease, &id, vec![asked, more.clone()]).await.unwrap();
        assert_eq!(places, [0, 3]);
        assert_eq!(store.last_items(&id, 1).await.unwrap(), [Item { seq: 3, item: more }]);
        assert_eq!(store.items(&id, 1, 1).await.unwrap(), in_order(all)[1..2]);
        assert_eq!(store.file(&hash).await.unwrap(), b"a file");
        let kept = &store.sessions(SessionFilter::default(), None, 9).await.unwrap()[0];
        assert_eq!((kept.items, kept.title.as_deref()), (4, Some("look")));
        assert!(store.check().await.unwrap().is_good(), "{:?}", store.check().await);
    })
    .await;
}

pub(crate) fn attempt() -> Attempt {
    Attempt {
        model: "p/m".parse::<ModelRef>().expect("a model"),
        endpoint: "http://h/v1".to_owned(),
        zone: Zone::Machine,
        outcome: Outcome::Answered,
        decision: None,
        phase: Phase::Done,
        queued_ms: 1,
        sent_ms: Some(2),
        head_ms: Some(3),
        first_token_ms: Some(4),
        total_ms: 5,
        bytes: 6,
        usage: Usage::default(),
        cost: Some(0.5),
    }
}

#[tokio::test]
async fn a_session_belongs_to_its_conversation_and_the_label_only_falls() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, id) = begun(&store, "c").await;
        let (other, _) = begun(&store, "d").await;
        let error = store.append(&other, &id, vec![said("x")]).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Missing);
        let stranger = NewItem {
            label: Label::new(Integrity::Untrusted, Confidentiality::Public, "web"),
            ..said("from the web")
        };
        store.append(&lease, &id, vec![said("mine"), stranger]).await.unwrap();
        store.append(&lease, &id, vec![said("mine again")]).await.unwrap();
        let found = store.sessions_named(&id[..30], 2).await.unwrap();
        let label = &found[0].label;
        assert_eq!(
            (&label.integrity, label.confidentiality),
            (&Integrity::Untrusted, Confidentiality::Private)
        );
        store.release(&lease).await.unwrap();
        let late = store.append(&lease, &id, vec![said("late")]).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
    })
    .await;
}

#[tokio::test]
async fn a_model_is_shown_the_last_summary_and_what_follows() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, id) = begun(&store, "c").await;
        let shown = async || -> Vec<u64> {
            let items = store.context(&id).await.unwrap();
            items.into_iter().map(|item| item.seq).collect()
        };
        let texts = (0..6).map(|number| said(&number.to_string())).collect();
        store.append(&lease, &id, texts).await.unwrap();
        assert_eq!(shown().await, [0, 1, 2, 3, 4, 5]);
        store.append(&lease, &id, vec![summary("short", 0, 3)]).await.unwrap();
        assert_eq!(shown().await, [6, 4, 5]);
        store
            .append(&lease, &id, vec![said("7"), summary("shorter", 0, 5), said("9")])
            .await
            .unwrap();
        assert_eq!(shown().await, [8, 7, 9]);
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    on_both(async |place| {
        let store = open(place).await.with_limits(Limits {
            attachment: 10,
            item: 100,
        });
        let (lease, id) = begun(&store, "c").await;
        let error = store.attach(vec![0; 11], "x/y").await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::TooLarge);
        let error = store
            .append(&lease, &id, vec![said(&"x".repeat(101))])
            .await
            .unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::TooLarge);
        assert_eq!(store.items(&id, 0, 9).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_starts_afresh_when_its_policy_says_so() {
    on_both(async |place| {
        let store = open(place).await;
        let lease = store
            .lease_conversation(session("c").as_str(), LONG)
            .await
            .unwrap()
            .expect("a lease");
        let policy = ResetPolicy {
            daily_at: None,
            idle_minutes: Some(10),
        };
        let at = async |minutes: u64, new: &str| {
            let now = NOW + Duration::from_mins(minutes);
            let (found, why) = store
                .session_for(&lease, None, (policy, now), |_| 0, new)
                .await
                .unwrap();
            let heard = NewItem { at: now, ..said("hi") };
            store.append(&lease, &found.id, vec![heard]).await.unwrap();
            (found.id, why)
        };
        assert_eq!(at(0, "a").await, ("a".to_owned(), None));
        assert_eq!(at(9, "b").await, ("a".to_owned(), None));
        // A clock that was set back ends nothing.
        assert_eq!(at(0, "b").await, ("a".to_owned(), None));
        assert_eq!(at(30, "b").await, ("b".to_owned(), Some(ResetReason::Idle)));
        // The answer to the first time was lost.
        assert_eq!(at(30, "b").await, ("b".to_owned(), None));
        store.begin_session(&lease, None, "new", ("c", NOW)).await.unwrap();
        store.begin_session(&lease, None, "new", ("c", NOW)).await.unwrap();
        let all = store.sessions(SessionFilter::default(), None, 9).await.unwrap();
        let ends: BTreeMap<&str, Option<&str>> = all
            .iter()
            .map(|session| (session.id.as_str(), session.ended.as_ref().map(|(_, why)| why.as_str())))
            .collect();
        assert_eq!(
            ends,
            BTreeMap::from([("a", Some("idle")), ("b", Some("new")), ("c", None)])
        );
        let state = serde_json::json!({"model": "p/m"});
        store.set_state(&lease, state.clone()).await.unwrap();
        let kept = store
            .conversation(&session("c"))
            .await
            .unwrap()
            .expect("a conversation");
        assert_eq!(
            (kept.session.as_deref(), kept.state, kept.origin),
            (Some("c"), state, None)
        );
        // The newest place counts, and outlives a new session.
        for account in ["one", "two"] {
            let mut origin = inbound("c", "m").origin;
            origin.account = Some(account.to_owned());
            store.set_origin(&lease, &origin).await.unwrap();
        }
        store.begin_session(&lease, None, "new", ("d", NOW)).await.unwrap();
        let kept = store.conversation(&session("c")).await.unwrap();
        let origin = kept.and_then(|kept| kept.origin).expect("a place");
        assert_eq!(origin.account.as_deref(), Some("two"));
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_by_page() {
    on_both(async |place| {
        let store = open(place).await;
        for number in 0..7_u64 {
            let (lease, id) = begun(&store, &format!("c{number}")).await;
            // Several at the same moment.
            let at = NOW + Duration::from_mins(number / 3);
            store
                .append(
                    &lease,
                    &id,
                    vec![NewItem {
                        at,
                        ..said(&number.to_string())
                    }],
                )
                .await
                .unwrap();
        }
        let all = store.sessions(SessionFilter::default(), None, 99).await.unwrap();
        let mut paged = Vec::new();
        let mut from = None;
        loop {
            let page = store.sessions(SessionFilter::default(), from, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            from = Some(last.page());
            paged.extend(page);
        }
        assert_eq!(paged, all);
        assert_eq!(all.len(), 7);
        assert!(all.is_sorted_by(|one, next| one.active_at >= next.active_at));
        let since = SessionFilter {
            since: Some(NOW + Duration::from_mins(1)),
            agent: Some("main".to_owned()),
            ..SessionFilter::default()
        };
        assert_eq!(store.sessions(since, None, 99).await.unwrap().len(), 4);
        let of_one = SessionFilter {
            conversation: Some(session("c5")),
            ..SessionFilter::default()
        };
        let found = store.sessions(of_one, None, 99).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].title.as_deref(), Some("5"));
    })
    .await;
}

#[tokio::test]
async fn words_are_found_in_both_languages() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, id) = begun(&store, "c").await;
        let texts = [
            "We deployed the DATABASE on Friday",
            "我想把資料庫搬到新的機器",
            "資料不見了，庫存也不對",
            "it's \"quoted\" & <odd> :* \\ 'text'",
            "混合text中文",
        ];
        store.append(&lease, &id, texts.map(said).into()).await.unwrap();
        let found = async |query: &str| -> Vec<u64> {
            let hits = store.search(query, None, 10).await.unwrap();
            hits.into_iter().map(|hit| hit.seq).collect()
        };
        let none: [u64; 0] = [];
        for (query, seqs) in [
            ("deploy", &[0][..]),
            ("Deployed database", &[0]),
            ("\"deploy\"", &none),
            ("\"the database\"", &[0]),
            ("\"database the\"", &none),
            ("資料庫", &[1]),
            ("資料", &[2, 1]),
            ("機器 資料庫", &[1]),
            ("庫存", &[2]),
            ("quoted odd", &[3]),
            ("it's", &[3]),
            ("text 中文", &[4]),
            ("text", &[4, 3]),
            ("nothing", &none),
            ("'; --", &none),
        ] {
            assert_eq!(found(query).await, seqs, "{query}");
        }
        let hit = &store.search("資料庫", None, 1).await.unwrap()[0];
        let marked: Vec<&str> = hit.marks.iter().map(|mark| &hit.snippet[mark.clone()]).collect();
        assert_eq!((hit.kind.as_str(), marked), ("user", vec!["資料庫"]));
        let first = &store.search("text", None, 1).await.unwrap()[0];
        let second = store.search("text", Some(first.number), 9).await.unwrap();
        assert_eq!(second.iter().map(|hit| hit.seq).collect::<Vec<_>>(), [3]);
        // Of one conversation only.
        let (other, id) = begun(&store, "d").await;
        let new = said("text of another conversation");
        store.append(&other, &id, vec![new.clone()]).await.unwrap();
        let within = async |name: &str| -> Vec<u64> {
            let hits = store.search_in(&session(name), "text", 9).await.unwrap();
            hits.into_iter().map(|hit| hit.seq).collect()
        };
        assert_eq!(within("c").await, [4, 3]);
        assert_eq!(within("d").await, [0]);
        assert_eq!(within("e").await, none);
        // And of one session only.
        let item = async |session: &str, new: &str| store.item(session, new).await.unwrap();
        assert_eq!(
            item(&id, &new.id).await,
            Some(Item {
                seq: 0,
                item: new.clone()
            })
        );
        assert_eq!(item("elsewhere", &new.id).await, None);
        assert_eq!(item(&id, "").await, None);
    })
    .await;
}

#[tokio::test]
async fn any_text_is_kept() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, id) = begun(&store, "c").await;
        // A character that PostgreSQL has no place for, in the title; and more words than it keeps.
        let hashes: Vec<String> = (0..20_000_u32).map(|number| format!("{number:064x}")).collect();
        let items = vec![said("a\0b"), said(&hashes.join(" "))];
        store.append(&lease, &id, items.clone()).await.unwrap();
        assert_eq!(store.items(&id, 0, 9).await.unwrap(), in_order(items));
        let hits = store.search(&format!("{:064x}", 9), None, 9).await.unwrap();
        assert_eq!(hits.len(), 1);
    })
    .await;
}
