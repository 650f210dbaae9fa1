//! What is deleted, what goes by itself, and what was lost.

use std::{fs, time::Duration};

use yabby_core::Message;
use yabby_store::{Content, FileRef, KeepFor, NewItem, Place, Pruned, SessionFilter, StoreErrorKind};

use crate::{
    both::{on_both, open},
    transcript::{NOW, attempt, begun, item, png, said},
};

#[tokio::test]
async fn what_is_deleted_is_gone() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, id) = begun(&store, "c").await;
        let (other, kept) = begun(&store, "d").await;
        let shared = store.attach(b"shared".to_vec(), "x/y").await.unwrap();
        let alone = store.attach(b"alone".to_vec(), "x/y").await.unwrap();
        let with = |hashes: &[&String]| NewItem {
            files: hashes
                .iter()
                .map(|hash| FileRef {
                    hash: (*hash).clone(),
                    name: None,
                })
                .collect(),
            attempts: vec![attempt()],
            ..said("needle")
        };
        store.append(&lease, &id, vec![with(&[&shared, &alone])]).await.unwrap();
        store.append(&other, &kept, vec![with(&[&shared])]).await.unwrap();
        let busy = store.remove_session(&id).await.unwrap_err();
        assert_eq!(busy.kind, StoreErrorKind::Invalid);
        store.release(&lease).await.unwrap();
        assert!(store.remove_session(&id).await.unwrap());
        assert!(!store.remove_session(&id).await.unwrap());
        let hits = store.search("needle", None, 9).await.unwrap();
        assert_eq!(hits.iter().map(|hit| &hit.session).collect::<Vec<_>>(), [&kept]);
        assert_eq!(store.file(&shared).await.unwrap(), b"shared");
        assert_eq!(store.file(&alone).await.unwrap_err().kind, StoreErrorKind::Missing);
        if let Place::Folder(folder) = place {
            let file = |hash: &String| folder.join("attachments").join(&hash[..2]).join(hash);
            assert!(file(&shared).exists() && !file(&alone).exists());
        }
        assert!(store.check().await.unwrap().is_good(), "{:?}", store.check().await);
        store.release(&other).await.unwrap();
        assert!(store.remove_session(&kept).await.unwrap());
        let left = store.overview().await.unwrap();
        assert_eq!((left.sessions, left.items, left.attachments), (0, 0, 0));
    })
    .await;
}

/// A file that another conversation has just added, too, does not go with the session that had it.
#[tokio::test]
async fn what_was_just_added_again_stays() {
    on_both(async |place| {
        let store = open(place).await;
        let (lease, first) = begun(&store, "c").await;
        let (other, second) = begun(&store, "d").await;
        let hash = store.attach(b"shared".to_vec(), "x/y").await.unwrap();
        let with = || NewItem {
            files: vec![FileRef {
                hash: hash.clone(),
                name: None,
            }],
            ..said("x")
        };
        store.append(&lease, &first, vec![with()]).await.unwrap();
        store.release(&lease).await.unwrap();
        assert_eq!(store.attach(b"shared".to_vec(), "x/y").await.unwrap(), hash);
        assert!(store.remove_session(&first).await.unwrap());
        assert_eq!(store.file(&hash).await.unwrap(), b"shared");
        store.append(&other, &second, vec![with()]).await.unwrap();
        store.release(&other).await.unwrap();
        assert!(store.check().await.unwrap().is_good());
        assert!(store.remove_session(&second).await.unwrap());
        assert_eq!(store.overview().await.unwrap().attachments, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_too_old_goes() {
    on_both(async |place| {
        let store = open(place).await;
        for day in 0..6_u64 {
            let (lease, id) = begun(&store, &format!("c{day}")).await;
            let at = NOW + Duration::from_hours(24 * day);
            store
                .append(&lease, &id, vec![NewItem { at, ..said("x") }])
                .await
                .unwrap();
            // In the oldest one somebody works.
            if day > 0 {
                store.release(&lease).await.unwrap();
            }
        }
        let keep = KeepFor {
            sessions: Some(Duration::from_hours(24 * 3)),
            max_sessions: Some(3),
            inbox: Duration::from_hours(24),
        };
        let now = NOW + Duration::from_hours(24 * 5 + 1);
        let pruned = store.prune(keep, now).await.unwrap();
        assert_eq!(pruned, Pruned { sessions: 2, ended: 0 });
        assert_eq!(store.prune(keep, now).await.unwrap(), Pruned::default());
        let left = store.sessions(SessionFilter::default(), None, 9).await.unwrap();
        let left: Vec<_> = left.iter().map(|session| session.conversation.rest()).collect();
        assert_eq!(left, ["c5", "c4", "c3", "c0"]);
    })
    .await;
}

#[tokio::test]
async fn a_lost_picture_does_not_take_the_conversation_with_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = Place::Folder(folder.path().to_owned());
    let store = open(&place).await;
    let (lease, id) = begun(&store, "c").await;
    let message = Message::User {
        text: "look".to_owned(),
        images: vec![png()],
    };
    store
        .append(&lease, &id, vec![item(Content::Message { message })])
        .await
        .unwrap();
    fs::remove_dir_all(folder.path().join("attachments")).expect("removed");
    let items = store.items(&id, 0, 9).await.unwrap();
    let expected = Content::Message {
        message: Message::user("look"),
    };
    assert_eq!(items[0].item.content, expected);
    assert!(!store.check().await.unwrap().is_good());
}
