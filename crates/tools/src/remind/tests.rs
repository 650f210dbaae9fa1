//! Reminders as a model sets them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use yabby_core::{Confidentiality, Integrity, Label, SessionKey, Time};

use super::{Remind, RemindSettings, Reminder, Timers};
use crate::{
    At, Effect, Tool, ToolError,
    testing::{at, tokens},
    when::Zone,
};

/// `Wed 2026-11-25 21:10` in Berlin.
const NOW: Time = Time(1_795_637_445_000);

/// Reminders in memory.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Reminder>>);

impl Timers for Kept {
    fn set(&self, reminder: Reminder) -> BoxFuture<'_, Result<(), ToolError>> {
        self.0.lock().unwrap().insert(reminder.id.clone(), reminder);
        Box::pin(async { Ok(()) })
    }

    fn list<'a>(&'a self, conversation: &'a SessionKey) -> BoxFuture<'a, Result<Vec<Reminder>, ToolError>> {
        let kept = self.0.lock().unwrap();
        let mut here: Vec<Reminder> = kept
            .values()
            .filter(|kept| kept.conversation == *conversation)
            .cloned()
            .collect();
        here.sort_by_key(|reminder| reminder.due);
        Box::pin(async { Ok(here) })
    }

    fn cancel<'a>(&'a self, _: &'a SessionKey, id: &'a str) -> BoxFuture<'a, Result<(), ToolError>> {
        self.0.lock().unwrap().remove(id);
        Box::pin(async { Ok(()) })
    }
}

struct Desk {
    kept: Arc<Kept>,
    tool: Remind,
    calls: u32,
}

impl Desk {
    fn new(settings: RemindSettings) -> Self {
        let kept = Arc::new(Kept::default());
        let zone = Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        Self {
            tool: Remind::new(Arc::<Kept>::clone(&kept), zone, settings),
            kept,
            calls: 0,
        }
    }

    /// The next call of the turn.
    fn next(&mut self) -> At {
        self.calls += 1;
        At {
            now: NOW,
            call: self.calls.to_string(),
            ..at()
        }
    }

    async fn says(&mut self, arguments: Value) -> String {
        let at = self.next();
        self.says_at(arguments, &at).await
    }

    async fn says_at(&self, arguments: Value, at: &At) -> String {
        match self.tool.run(arguments.as_object().unwrap(), at).await {
            Ok(output) => output.text,
            Err(error) => format!("{:?}: {}", error.kind, error.message),
        }
    }
}

#[tokio::test]
async fn what_a_model_is_told() {
    let mut desk = Desk::new(RemindSettings {
        most: 3,
        ..RemindSettings::default()
    });
    let calls = [
        json!({"action": "list"}),
        json!({"text": "call Ann", "at": "2026-11-27T09:00"}),
        json!({"action": "set", "text": "tea", "in": "20m", "at": ""}),
        json!({"text": "water\nthe plants", "cron": "0 9 * * 1"}),
        json!({"action": "list"}),
        json!({"text": "one more", "in": "1h"}),
        json!({"action": "cancel", "id": "rnothere1"}),
        json!({"action": "cancel"}),
        json!({"text": "x", "at": "2026-11-25T21:00"}),
        json!({"text": "x", "at": "today 9:00"}),
        json!({"text": "x", "at": "soon"}),
        json!({"text": "x", "in": "a while"}),
        json!({"text": "x", "cron": "mondays"}),
        json!({"text": "x", "cron": "* * * * *"}),
        json!({"text": "x", "cron": "0 0 31 2 *"}),
        json!({"text": "x"}),
        json!({"text": "x", "in": "1h", "cron": "0 9 * * *"}),
        json!({"in": "1h"}),
        json!({"text": "x".repeat(2001), "in": "1h"}),
        json!({"action": "snooze"}),
    ];
    let mut told = Vec::new();
    for call in calls {
        let shown = call.to_string();
        let shown = if shown.len() > 200 { "(a long text)" } else { &shown };
        told.push(format!(
            "{shown}\n  {}",
            desk.says(call.clone()).await.replace('\n', "\n  ")
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_call_that_is_tried_again_sets_the_same_reminder() {
    let mut desk = Desk::new(RemindSettings::default());
    let at = desk.next();
    let call = json!({"text": "call Ann", "in": "20m"});
    let first = desk.says_at(call.clone(), &at).await;
    assert_eq!(desk.says_at(call, &at).await, first);
    let kept: Vec<Reminder> = desk.kept.0.lock().unwrap().values().cloned().collect();
    let expected = Reminder {
        id: super::id(&at),
        conversation: at.conversation.clone(),
        text: "call Ann".to_owned(),
        due: Time(NOW.0 + 20 * 60_000),
        cron: None,
        label: at.label.clone(),
    };
    assert_eq!(kept, [expected]);
    let cancel = json!({"action": "cancel", "id": super::id(&at).to_uppercase()});
    assert_eq!(desk.says(cancel).await, "Cancelled: Wed 2026-11-25 21:30: call Ann");
    assert!(desk.kept.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn reminders_of_other_conversations_are_not_seen() {
    let mut desk = Desk::new(RemindSettings::default());
    let at = desk.next();
    desk.says_at(json!({"text": "a secret", "in": "20m"}), &at).await;
    let elsewhere = At {
        conversation: SessionKey::main("other"),
        ..desk.next()
    };
    let list = desk.says_at(json!({"action": "list"}), &elsewhere).await;
    assert_eq!(list, "There are no reminders in this conversation.");
    let cancel = json!({"action": "cancel", "id": super::id(&at)});
    assert!(desk.says_at(cancel, &elsewhere).await.starts_with("NotFound"));
    assert_eq!(desk.kept.0.lock().unwrap().len(), 1);
}

/// Security: what strangers wrote is remembered as theirs, and cannot come again and again.
#[tokio::test]
async fn what_others_wrote_stays_theirs() {
    let mut desk = Desk::new(RemindSettings::default());
    let foreign = Label::new(Integrity::Untrusted, Confidentiality::Private, "web_fetch");
    let tainted = At {
        label: foreign.clone(),
        ..desk.next()
    };
    let refused = desk
        .says_at(json!({"text": "pay Bob", "cron": "0 9 * * *"}), &tainted)
        .await;
    assert!(
        refused.starts_with("Denied: a repeated reminder cannot be set"),
        "{refused}"
    );
    desk.says_at(json!({"text": "pay Bob", "in": "1h"}), &tainted).await;
    assert_eq!(desk.kept.0.lock().unwrap()[&super::id(&tainted)].label, foreign);
    let clean = desk.next();
    let list = json!({"action": "list"});
    let listed = desk.tool.run(list.as_object().unwrap(), &clean).await.unwrap();
    assert_eq!(listed.label, Some(clean.label.join(&foreign)));
}

#[test]
fn the_manifest() {
    let tool = Desk::new(RemindSettings::default()).tool;
    assert_eq!(
        tool.effect(json!({"action": "list"}).as_object().unwrap()),
        Effect::Read
    );
    insta::assert_snapshot!(tokens(tool.manifest()));
}
