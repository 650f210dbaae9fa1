//! Doing something, and hearing meanwhile what comes in.

use std::pin::pin;

use yabby_core::{Origin, text};
use yabby_store::{Claimed, NewItems, Said, StoreError, Target, TurnEnd, TurnOutcome};

use super::{
    ending::Ending,
    incoming::{Disturbed, Incoming, is_owners},
    scene::{Scene, deliveries},
};
use crate::Command;

/// Why what runs is to end.
pub(super) enum Ends {
    /// The owner says so, with this message.
    Stop(Box<Claimed>),
    /// Something else was said there, which comes next.
    Interrupt(Origin),
}

/// Does something, and hears what comes in meanwhile, however busy the other is; `Err` when that has ended it.
pub(super) async fn meanwhile<T>(
    scene: &Scene<'_>,
    incoming: &mut Incoming,
    doing: impl Future<Output = T>,
) -> Result<Result<T, Ends>, StoreError> {
    let mut doing = pin!(doing);
    loop {
        // One look into the inbox at a time: each is a transaction.
        let disturbed = {
            let mut coming = pin!(incoming.next());
            tokio::select! {
                biased;
                disturbed = &mut coming => disturbed,
                done = &mut doing => return Ok(Ok(done)),
            }
        };
        if let Some(ends) = scene.disturbed(incoming, disturbed).await? {
            return Ok(Err(ends));
        }
    }
}

impl Scene<'_> {
    /// Something has come in while something runs; whether that ends it.
    async fn disturbed(&self, incoming: &mut Incoming, disturbed: Disturbed) -> Result<Option<Ends>, StoreError> {
        let (heard, words, ends) = match disturbed {
            Disturbed::Command(claimed, Command::Stop) if is_owners(&claimed.message) => {
                return Ok(Some(Ends::Stop(claimed)));
            }
            Disturbed::Command(claimed, command) => {
                let told = if command.is_for_all() || is_owners(&claimed.message) {
                    if let Command::Queue(Some(mode)) = command {
                        incoming.set_mode(mode);
                    }
                    self.obey_now(&command).await?
                } else {
                    command.refused()
                };
                self.end_command(*claimed, Ending::notice(told)).await?;
                return Ok(None);
            }
            Disturbed::LetIn(heard) => (heard, text!("noted: it goes into what I am doing"), None),
            Disturbed::Later(heard) => (
                heard,
                text!("queued: I come to it when this is done; /stop stops this"),
                None,
            ),
            Disturbed::Interrupt(heard) => {
                let ends = Ends::Interrupt(heard.origin.clone());
                (heard, text!("I leave what I was doing"), Some(ends))
            }
        };
        let key = format!("noted/{}", heard.id);
        let noted = deliveries(&heard.origin, &key, vec![Said::Notice(words)]);
        self.store.deliver(&self.conversation, noted).await?;
        Ok(ends)
    }

    /// Something that runs was ended. What ends it has its answer and the items of the end are kept at once, so that it does
    /// not go on after a crash; what is left is for who waits elsewhere. Whoever reads the conversation later sees what was told
    /// of it.
    pub(super) async fn ended_by(&self, mut ending: Ending, ends: Ends) -> Result<Ending, StoreError> {
        if !ending.items.is_empty() {
            let told = self.told(&ending);
            ending.items.extend(told);
        }
        let by = match ends {
            Ends::Stop(claimed) => {
                let by = claimed.message.origin.clone();
                let kept = Ending {
                    items: std::mem::take(&mut ending.items),
                    says: ending.says.clone(),
                    ..Ending::default()
                };
                self.end_command(*claimed, kept).await?;
                by
            }
            Ends::Interrupt(by) => by,
        };
        if Target::answering(&by) == Target::answering(&self.origin) {
            ending.says.clear();
        }
        Ok(ending)
    }

    /// Ends the message of a command, with what is said to it where it came from.
    async fn end_command(&self, claimed: Claimed, ending: Ending) -> Result<(), StoreError> {
        let turn = format!("{}-{}", self.reply, claimed.id);
        let items = (!ending.items.is_empty()).then(|| NewItems {
            session: self.session.id.clone(),
            items: ending.items,
        });
        let end = TurnEnd {
            message: claimed.id,
            how: TurnOutcome::Done,
            items,
            deliveries: deliveries(&claimed.message.origin, &turn, ending.says),
            turn,
            keep_lease: true,
        };
        self.store.end_turn(&self.lease, end).await
    }
}
