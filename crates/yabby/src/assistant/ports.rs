//! What tools need of the store.

use futures_util::{FutureExt, future::BoxFuture};
use yabby_agent::Reminder as Kept;
use yabby_core::{Origin, SessionKey, text};
use yabby_store::{NewDelivery, NewTimer, Said, Store, StoreError, Target};
use yabby_tools::{At, Outgoing, OutgoingMessage, Recipient, Reminder, Timers, ToolError, ToolErrorKind};

/// So many reminders of a conversation are looked through.
const MOST: usize = 200;

/// The store, as tools see it.
#[derive(Clone)]
pub(crate) struct Ports(pub(crate) Store);

impl Ports {
    /// Where a conversation was heard of.
    async fn origin(&self, conversation: &SessionKey) -> Result<Origin, ToolError> {
        let known = self.0.conversation(conversation).await.map_err(|error| away(&error))?;
        known.and_then(|known| known.origin).ok_or_else(|| {
            ToolError::new(
                ToolErrorKind::NotFound,
                "this conversation has no place that messages go to",
            )
        })
    }
}

impl Timers for Ports {
    fn set(&self, reminder: Reminder) -> BoxFuture<'_, Result<(), ToolError>> {
        async move {
            let kept = Kept {
                text: reminder.text,
                origin: self.origin(&reminder.conversation).await?,
                cron: reminder.cron,
            };
            let timer = NewTimer {
                id: reminder.id,
                conversation: reminder.conversation,
                begins_at: reminder.due,
                every: None,
                body: kept.to_value(),
                label: reminder.label,
            };
            self.0.set_timer(timer).await.map_err(|error| away(&error))
        }
        .boxed()
    }

    fn list<'a>(&'a self, conversation: &'a SessionKey) -> BoxFuture<'a, Result<Vec<Reminder>, ToolError>> {
        async move {
            let timers = self.0.timers(Some(conversation), MOST).await;
            let timers = timers.map_err(|error| away(&error))?.into_iter();
            let known = timers.filter_map(|timer| {
                let kept = Kept::of_value(&timer.set.body)?;
                Some(Reminder {
                    id: timer.set.id,
                    conversation: timer.set.conversation,
                    text: kept.text,
                    due: timer.due_at,
                    cron: kept.cron,
                    label: timer.set.label,
                })
            });
            Ok(known.collect())
        }
        .boxed()
    }

    fn cancel<'a>(&'a self, conversation: &'a SessionKey, id: &'a str) -> BoxFuture<'a, Result<(), ToolError>> {
        async move {
            // Only one of its own.
            if self.list(conversation).await?.iter().any(|reminder| reminder.id == id) {
                self.0.cancel_timer(id).await.map_err(|error| away(&error))?;
            }
            Ok(())
        }
        .boxed()
    }
}

impl Outgoing for Ports {
    fn resolve<'a>(&'a self, to: Option<&'a str>, at: &'a At) -> BoxFuture<'a, Result<Recipient, ToolError>> {
        async move {
            if let Some(to) = to {
                return Err(ToolError::new(
                    ToolErrorKind::NotFound,
                    format!("{to} cannot be reached: no channel is set up. Without `to`, it goes to this conversation"),
                ));
            }
            self.origin(&at.conversation).await?;
            Ok(Recipient {
                address: at.conversation.as_str().to_owned(),
                shown: "this conversation".to_owned(),
            })
        }
        .boxed()
    }

    fn take<'a>(&'a self, message: OutgoingMessage, at: &'a At) -> BoxFuture<'a, Result<(), ToolError>> {
        async move {
            let delivery = NewDelivery {
                key: message.key,
                to: Target::answering(&self.origin(&at.conversation).await?),
                content: Said::Notice(text!("{text}", text = message.text)),
                expires_at: None,
            };
            let kept = self.0.deliver(&at.conversation, vec![delivery]).await;
            kept.map_err(|error| away(&error))
        }
        .boxed()
    }
}

fn away(error: &StoreError) -> ToolError {
    ToolError::new(
        ToolErrorKind::Unavailable,
        format!("it cannot be kept now: {}", error.message.english()),
    )
}
