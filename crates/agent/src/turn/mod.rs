//! A turn, from a message to what follows from it.

mod answering;
mod asking;
mod call;
mod commands;
mod counting;
mod ending;
mod fitting;
mod incoming;
mod meanwhile;
mod scene;
mod spawn;
mod tools;
mod work;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use tokio::time::Instant;
use yabby_core::{Label, Message, Origin, Priority, ResetPolicy, SessionKey, Text, Thinking, Time, ToolCall, text};
use yabby_store::{Answered, Approval, Content, NewInbound, NewItem, NewTimer, Said, StoreError, Turn, TurnHandler};

use crate::{
    Body, Command, Home, Hub, Kind, Live, Model, Note, Reminder, State, Toolset, Unworked, Wish, reuse::Reuse,
};

pub use counting::{NotCounted, Unsaid};
pub use spawn::Spawn;

use commands::Obeyed;
use incoming::is_owners;
use scene::Scene;
use work::Work;

/// Answers messages: the assistant. Cheap to clone.
#[derive(Clone)]
pub struct Assistant {
    model: Arc<dyn Model>,
    home: Arc<dyn Home>,
    /// Those of turns that begin now, shared by all clones.
    latest: Arc<RwLock<Furniture>>,
    hub: Hub,
    reuse: Reuse,
}

/// What an assistant has around it.
type Furniture = (Arc<dyn Model>, Arc<dyn Home>);

impl Assistant {
    /// An assistant.
    pub fn new(model: Arc<dyn Model>, home: Arc<dyn Home>) -> Self {
        Self {
            latest: Arc::new(RwLock::new((Arc::clone(&model), Arc::clone(&home)))),
            model,
            home,
            hub: Hub::default(),
            reuse: Reuse::default(),
        }
    }

    /// Another config: turns that begin from now on have this model and this home, in all clones. Those that have begun end
    /// with what they began with.
    pub fn refurnish(&self, model: Arc<dyn Model>, home: Arc<dyn Home>) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = (model, home);
    }

    /// What a turn that begins now has.
    pub fn home(&self) -> Arc<dyn Home> {
        self.now().home
    }

    /// The same with what counts now, to be kept for a whole turn.
    fn now(&self) -> Self {
        let (model, home) = self.latest.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            model,
            home,
            ..self.clone()
        }
    }

    /// Who watches turns.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl TurnHandler for Assistant {
    async fn turn(&self, turn: Turn) -> Result<Answered, StoreError> {
        let began = Live::Began(turn.turn.clone());
        self.hub.tell(&turn.message.conversation, began);
        let now = self.now();
        Box::pin(now.answer(turn)).await
    }

    fn over(&self, conversation: &SessionKey) {
        self.hub.tell(conversation, Live::Ended);
    }
}

impl Assistant {
    async fn answer(&self, turn: Turn) -> Result<Answered, StoreError> {
        let mut message = turn.message.clone();
        let mut body = Body::of(&message);
        self.set_again(&turn).await?;
        let mut scene = self.scene(&turn, &body).await?;
        if let Some(command) = Command::of(&body) {
            match scene.obey(&command).await? {
                Obeyed::Told(_) if body.kind == Kind::Setting => return Ok(scene.answered(ending::Ending::default())),
                Obeyed::Told(ending) => return Ok(scene.answered(ending)),
                Obeyed::Message(first) => {
                    body.text = first;
                    message.body = body.to_value();
                }
                Obeyed::GoOn(questions) => {
                    let mut questions = questions.into_iter();
                    let first = questions.next();
                    for next in questions {
                        // Each turn goes on with a message of its own, so that it has an end of its own.
                        turn.store.accept(goes_on(&turn, &next)).await?;
                    }
                    return go_on(scene, first).await;
                }
                Obeyed::Compact(focus) => {
                    let mut work = Work::new(scene);
                    let ending = work.compact_now(&focus).await?;
                    return Ok(work.scene.answered(ending));
                }
            }
        }
        if body.kind == Kind::Approval {
            let question = turn.store.approval(&body.text).await?;
            return go_on(scene, question).await;
        }
        scene.append(scene.heard(&message, &turn.turn)).await?;
        let mut work = Work::new(scene);
        work.incoming.collect().await?;
        let mut ending = work.run().await?;
        if let Some((reminder, _)) = Reminder::of(&message)
            && !ending.says.iter().any(|said| matches!(said, Said::Answer(_)))
        {
            // A reminder does not depend on whether a model is there.
            let notice = text!("reminder: {text}", text = reminder.text);
            ending.says.insert(0, Said::Notice(notice));
        }
        Ok(work.scene.answered(ending))
    }

    /// Sets a reminder again that comes more than once, before anything can go wrong on the way.
    async fn set_again(&self, turn: &Turn) -> Result<(), StoreError> {
        let Some((reminder, fired)) = Reminder::of(&turn.message) else {
            return Ok(());
        };
        let next = reminder
            .cron
            .as_ref()
            .and_then(|cron| self.home.next(cron, fired.due_at.max(moment())));
        let Some(begins_at) = next else { return Ok(()) };
        let timer = NewTimer {
            id: fired.timer,
            conversation: turn.message.conversation.clone(),
            begins_at,
            every: None,
            body: reminder.to_value(),
            label: turn.message.label.clone(),
        };
        turn.store.set_timer(timer).await
    }

    /// What a turn works with.
    async fn scene(&self, turn: &Turn, body: &Body) -> Result<Scene<'_>, StoreError> {
        let conversation = turn.message.conversation.clone();
        let agent = conversation.agent().to_owned();
        let known = turn.store.conversation(&conversation).await?;
        let state = known
            .as_ref()
            .map_or_else(State::default, |known| State::of(&known.state));
        let known = known.map(|known| known.origin);
        let owners = is_owners(&turn.message);
        let (origin, counts) = place(&turn.message, known.as_ref().and_then(Option::as_ref));
        let home = Arc::clone(&self.home);
        let policy = if answers(body) {
            // The turn waits in this session.
            ResetPolicy::default()
        } else {
            self.home.reset(&conversation)
        };
        let (session, stale) = turn
            .store
            .session_for(
                &turn.lease,
                Some(&origin),
                (policy, turn.message.received_at),
                move |at| home.offset(at),
                &format!("{}-s", turn.turn),
            )
            .await?;
        if counts && known.is_some_and(|known| known.as_ref() != Some(&origin)) {
            turn.store.set_origin(&turn.lease, &origin).await?;
        }
        let wish = Wish {
            session: conversation.as_str().to_owned(),
            model: state.model.clone(),
            private: state.private,
            priority: if body.kind == Kind::Reminder {
                Priority::Cron
            } else {
                Priority::Person
            },
            tools: false,
            images: !body.images.is_empty(),
            thinking: state.think.as_deref().and_then(Thinking::of),
            agent,
        };
        let served = self.model.served(&wish).await.ok();
        let registry = self.home.tools(&wish.agent, served.as_ref()).await;
        let wish = Wish {
            tools: registry.iter().next().is_some(),
            ..wish
        };
        let scene = Scene {
            assistant: self,
            store: turn.store.clone(),
            lease: turn.lease.clone(),
            origin,
            owners,
            session,
            turn: turn.turn.clone(),
            reply: turn.turn.clone(),
            message: turn.id,
            state,
            rules: self.home.rules(&wish.agent, &turn.message.origin.channel),
            tools: Toolset::new(registry.clone(), &[]),
            registry,
            alone: false,
            served,
            wish,
            conversation,
            began: Instant::now(),
        };
        if stale.is_some() {
            scene.settle_questions().await?;
        }
        Ok(scene)
    }
}

/// Whether it is the answer to a question.
fn answers(body: &Body) -> bool {
    body.kind == Kind::Approval || matches!(Command::of(body), Some(Command::Approve(_) | Command::Deny(_)))
}

/// Where the answer to a message goes, and whether the conversation is heard of there from now on. `known` is where it was
/// heard of before.
fn place(message: &NewInbound, known: Option<&Origin>) -> (Origin, bool) {
    let Some((reminder, _)) = Reminder::of(message) else {
        // What others say in a conversation of the owner does not lead away what the owner is told.
        return (message.origin.clone(), is_owners(message) || known.is_none());
    };
    let set = reminder.origin;
    // The same place under another account is the one that is there now.
    let same = |known: &&Origin| (&known.channel, &known.peer, &known.thread) == (&set.channel, &set.peer, &set.thread);
    (known.filter(same).cloned().unwrap_or(set), known.is_none())
}

/// A message by which a turn goes on whose question was answered.
fn goes_on(turn: &Turn, question: &Approval) -> NewInbound {
    let body = Body {
        kind: Kind::Approval,
        ..Body::text(&question.asked.id)
    };
    NewInbound {
        message: format!("{}/{}", turn.turn, question.asked.id),
        body: body.to_value(),
        ..turn.message.clone()
    }
}

/// More items than a session has.
const WHOLE: usize = 1_000_000;

/// Goes on with a turn that has waited for the owner.
async fn go_on(mut scene: Scene<'_>, question: Option<Approval>) -> Result<Answered, StoreError> {
    let Some(turn) = question.and_then(|question| question.asked.turn) else {
        return Ok(scene.answered(ending::Ending::default()));
    };
    let items = scene.store.items(&scene.session.id, 0, WHOLE).await?;
    if !items.iter().any(|item| item.item.turn.as_ref() == Some(&turn)) {
        let notice = text!("that belongs to a conversation that has ended; nothing was done");
        return Ok(scene.answered(ending::Ending::notice(notice)));
    }
    scene.turn = turn;
    let mut work = Work::new(scene);
    let ending = work.run().await?;
    Ok(work.scene.answered(ending))
}

/// This moment.
fn moment() -> Time {
    Time::from(SystemTime::now())
}

/// Texts below each other.
fn lines(texts: impl IntoIterator<Item = Text>) -> Text {
    let mut texts = texts.into_iter();
    let first = texts.next().unwrap_or_else(|| text!(""));
    texts.fold(first, |text, line| text!("{text}\n{line}", text = text, line = line))
}

/// An item of a turn, with an id that is the same when the turn is tried again.
fn item(id: String, turn: &str, content: Content, label: Label) -> NewItem {
    NewItem {
        id,
        turn: Some(turn.to_owned()),
        at: moment(),
        content,
        label,
        attempts: Vec::new(),
        files: Vec::new(),
    }
}

/// How a call has ended whose result has this id, for people.
fn unworked(result: &str, turn: &str, call: &ToolCall, how: Unworked) -> NewItem {
    let note = Note::Unworked {
        call: call.id.clone(),
        how,
    };
    item(format!("{result}/how"), turn, note.content(), Label::of_nothing())
}

/// The items of a message of a person: what is told beside it, and the message.
fn heard(turn: &str, id: &str, message: Message, aside: Option<String>, label: &Label) -> Vec<NewItem> {
    let aside = aside.map(|text| {
        item(
            format!("{id}/aside"),
            turn,
            Note::Aside { text }.content(),
            label.clone(),
        )
    });
    let said = item(format!("{id}/said"), turn, Content::Message { message }, label.clone());
    aside.into_iter().chain([said]).collect()
}
