//! Timers that have fired.

use std::time::{Duration, SystemTime};

use yabby_agent::{Reminder, Rules};
use yabby_core::{Confidentiality, ErrorKind, Integrity, Label, Time};
use yabby_store::NewTimer;

use crate::{
    desk::{Desk, key, origin},
    script::{Say, Script},
};

async fn remind(desk: &Desk, id: &str) {
    let reminder = Reminder {
        text: "call Ann".to_owned(),
        origin: origin(),
        cron: (id == "one").then(|| "0 * * * *".to_owned()),
    };
    let timer = NewTimer {
        id: id.to_owned(),
        conversation: key(),
        begins_at: Time::from(SystemTime::now()) - Duration::from_secs(1),
        every: None,
        body: reminder.to_value(),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
    };
    desk.store.set_timer(timer).await.unwrap();
    assert_eq!(desk.store.fire_due().await.unwrap().fired, 1);
}

#[tokio::test]
async fn a_reminder_is_told_where_it_was_set_whether_a_model_is_there_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new([Say::Text("It is time to call Ann."), Say::Fails(ErrorKind::Refused)]);
    let desk = Desk::open(folder.path(), script, Rules::default()).await;
    remind(&desk, "one").await;
    desk.sent_so_many(1).await;
    assert_eq!(desk.sent().await, ["answer: It is time to call Ann."]);
    // It comes again.
    let timers = desk.store.timers(None, 10).await.unwrap();
    assert_eq!(timers.len(), 1);
    assert_eq!(timers[0].set.id, "one");
    desk.store.cancel_timer("one").await.unwrap();
    remind(&desk, "two").await;
    desk.sent_so_many(1).await;
    assert_eq!(
        desk.sent().await,
        [
            "notice: reminder: call Ann",
            "notice: I could not answer: test/model: it is away"
        ]
    );
    let last = format!("{:?}", desk.model.last().last().unwrap());
    assert!(
        last.contains("A reminder that was set before is due now.") && last.contains("call Ann"),
        "{last}"
    );
}
