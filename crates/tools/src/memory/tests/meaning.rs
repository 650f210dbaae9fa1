//! Searching by meaning. The embedder knows a few things that words mean, always the same; the real model is asked in a test of
//! its own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;

use yabby_core::SessionKey;

use super::desk::Desk;
use crate::{EmbedError, EmbedErrorKind, Embedded, Embedder, testing::at};

/// Words that mean the same.
const MEANINGS: [&[&str]; 5] = [
    &["dog", "corgi", "柯基", "狗"],
    &["rent", "landlord", "lease", "房東"],
    &["badminton", "sport", "羽球", "運動"],
    &["dentist", "teeth", "牙醫"],
    &["coffee", "espresso", "咖啡"],
];

#[derive(Default)]
struct Meanings {
    model: Mutex<String>,
    asked: Mutex<Vec<String>>,
    conversations: Mutex<Vec<Option<SessionKey>>>,
    absent: AtomicBool,
    away: AtomicBool,
    hangs: AtomicBool,
}

impl Meanings {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Embedder for Meanings {
    fn model(&self) -> String {
        self.model.lock().unwrap().clone()
    }

    fn embed<'a>(
        &'a self,
        texts: &'a [String],
        of: Embedded,
        conversation: Option<&'a SessionKey>,
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, EmbedError>> {
        self.conversations.lock().unwrap().push(conversation.cloned());
        let error = |kind, message: &str| EmbedError {
            kind,
            message: message.to_owned(),
        };
        let done = if self.absent.load(Ordering::Relaxed) {
            Err(error(EmbedErrorKind::Absent, "no model makes embeddings"))
        } else if self.away.load(Ordering::Relaxed) {
            Err(error(EmbedErrorKind::Away, "nobody is there"))
        } else if texts.iter().any(|text| text.contains("indigestible")) {
            Err(error(EmbedErrorKind::Refused, "too long"))
        } else {
            if of == Embedded::Note {
                self.asked.lock().unwrap().extend_from_slice(texts);
            }
            let numbers = |text: &String| {
                let text = text.to_lowercase();
                let means = |words: &&[&str]| f32::from(u8::from(words.iter().any(|word| text.contains(word))));
                // Everything means something.
                let all = MEANINGS.iter().map(means).chain([0.1]);
                all.collect::<Vec<f32>>()
            };
            Ok(texts.iter().map(numbers).collect())
        };
        let hangs = self.hangs.load(Ordering::Relaxed);
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            done
        })
    }
}

fn desk() -> (Arc<Meanings>, Desk) {
    let meanings = Arc::new(Meanings::default());
    *meanings.model.lock().unwrap() = "one".to_owned();
    let desk = Desk::with(Some(Arc::<Meanings>::clone(&meanings)), |settings| {
        settings.patience = Duration::from_millis(300);
    });
    desk.put(
        "memory/a.md",
        "# Home\nThe landlord is Mr. Huang.\n# Pets\nMrs. Lin has a corgi, Mochi.\n",
    );
    desk.put("memory/b.md", "週五打羽球\n");
    (meanings, desk)
}

#[tokio::test]
async fn what_means_the_same_is_found_in_other_words() {
    let (_, desk) = desk();
    for (query, expected) in [
        ("what 狗 is it", "memory/a.md:3-4"),
        ("the rent", "memory/a.md:1-2"),
        ("which sport", "memory/b.md:1-1"),
        // By its words.
        ("Mochi", "memory/a.md:3-4"),
    ] {
        let found = desk.finds(query).await;
        assert!(
            found.starts_with(expected) && !found.contains("searched"),
            "{query}: {found}"
        );
    }
    assert_eq!(
        desk.finds("teeth").await,
        "Nothing was found. Try other words, or fewer."
    );
}

#[tokio::test]
async fn only_what_has_changed_is_embedded_and_all_of_it_for_another_model() {
    let (meanings, desk) = desk();
    desk.finds("rent").await;
    let mut first = meanings.asked();
    first.sort();
    let home = "Home\n# Home\nThe landlord is Mr. Huang.";
    assert_eq!(
        first,
        [home, "Pets\n# Pets\nMrs. Lin has a corgi, Mochi.", "週五打羽球"]
    );
    desk.finds("rent").await;
    assert_eq!(meanings.asked(), [""; 0]);
    desk.put(
        "memory/a.md",
        "# Home\nThe landlord is Mr. Huang.\n# Pets\nThe corgi is away.\n",
    );
    desk.finds("rent").await;
    assert_eq!(meanings.asked(), ["Pets\n# Pets\nThe corgi is away."]);
    *meanings.model.lock().unwrap() = "two".to_owned();
    assert!(desk.finds("rent").await.starts_with("memory/a.md:1-2"));
    assert_eq!(meanings.asked().len(), 3);
}

#[tokio::test]
async fn without_the_model_words_are_searched_and_it_is_said_once() {
    let (meanings, desk) = desk();
    meanings.away.store(true, Ordering::Relaxed);
    let expected = "memory/a.md:1-2\n# Home\nThe landlord is Mr. Huang.\n\n\
                    (searched by words only: the embedding model is away)";
    assert_eq!(desk.finds("landlord").await, expected);
    let state = desk.memory.refresh(Duration::from_secs(5), None).await.unwrap();
    assert_eq!(
        (state.not_embedded, state.away.as_deref()),
        (3, Some("nobody is there"))
    );
    meanings.away.store(false, Ordering::Relaxed);
    // One that does not answer is given up.
    meanings.hangs.store(true, Ordering::Relaxed);
    assert_eq!(desk.finds("landlord").await, expected);
    meanings.hangs.store(false, Ordering::Relaxed);
    assert_eq!(
        desk.memory.refresh(Duration::from_secs(5), None).await.unwrap(),
        crate::MemoryState::default()
    );
    assert!(desk.finds("房東").await.starts_with("memory/a.md:1-2"));
}

#[tokio::test]
async fn what_the_model_does_not_take_is_found_by_its_words_and_not_asked_again() {
    let (meanings, desk) = desk();
    desk.put("memory/c.md", "an indigestible corgi");
    let found = desk.finds("corgi").await;
    assert!(
        found.contains("memory/c.md:1-1") && !found.contains("searched"),
        "{found}"
    );
    // The others were asked for by themselves.
    assert_eq!(meanings.asked().len(), 3);
    desk.finds("corgi").await;
    assert_eq!(meanings.asked(), [""; 0]);
}

#[tokio::test]
async fn without_a_model_for_it_words_are_enough_and_that_is_no_fault() {
    let (meanings, desk) = desk();
    meanings.absent.store(true, Ordering::Relaxed);
    assert_eq!(
        desk.finds("landlord").await,
        "memory/a.md:1-2\n# Home\nThe landlord is Mr. Huang.\n\n(searched by words only)"
    );
    let state = desk.memory.refresh(Duration::from_secs(5), None).await.unwrap();
    assert_eq!((state.not_embedded, state.away), (3, None));
}

#[tokio::test]
async fn whose_conversation_it_is_is_known_to_who_embeds() {
    let (meanings, desk) = desk();
    desk.memory.refresh(Duration::from_secs(5), None).await.unwrap();
    desk.put("memory/c.md", "an espresso");
    desk.finds("咖啡").await;
    let here = Some(at().conversation);
    assert_eq!(*meanings.conversations.lock().unwrap(), [None, here.clone(), here]);
}
