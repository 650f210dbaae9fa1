//! Making what a model is shown fit its window.

use std::time::Duration;

use yabby_core::{ErrorKind, Exactness, Numbers, Priority, SessionKey, Text, TokenCount, text};
use yabby_route::RouteFailure;
use yabby_store::{FileRef, Item, Store, StoreError, Topic};

use super::{
    Assistant,
    call::request,
    ending::Ending,
    meanwhile::meanwhile,
    moment,
    scene::Scene,
    work::{After, Work},
};
use crate::{
    Frozen, Live, Model, Served, State, Wish,
    compact::{Budget, CompactError, Compacted, Due, Need, Settings, Site, compact, due},
    hello, prompt, results,
};

/// So many characters of a result are shown when nothing is known of the window.
const ROOM: usize = 12_000;
/// How long a conversation may be worked on while nobody waits.
const RESTS: Duration = Duration::from_mins(10);

// === impl Work ===

impl Work<'_> {
    /// Whether what a model is shown must become smaller. It is tried once in a turn; after that the servers decide.
    pub(super) fn is_too_long(&self, items: &[Item]) -> bool {
        !self.compacted && (self.overflow.is_some() || self.scene.due(items) == Due::Now)
    }

    /// Makes it smaller.
    pub(super) async fn compact(&mut self) -> Result<After, StoreError> {
        self.compacted = true;
        let need = self.overflow.take().map_or(Need::Fit, Need::Overflow);
        let scene = &self.scene;
        let shortened = scene.shorten(&need, &scene.wish);
        let shortened = match meanwhile(scene, &mut self.incoming, shortened).await? {
            Ok(shortened) => shortened?,
            Err(ends) => return self.stopped("", ends).await,
        };
        match shortened {
            Ok(compacted) => {
                if let Some(notice) = compacted.notice() {
                    scene.tell(Live::Notice(notice));
                }
                Ok(After::GoOn)
            }
            Err(CompactError::TooLong { .. }) if scene.served.is_some() => {
                // A count may be wrong, and a fallback may have a larger window.
                Ok(After::GoOn)
            }
            Err(error) => Ok(After::End(scene.unanswered("", String::new(), told(&error)))),
        }
    }

    /// Makes the conversation smaller because the person says so.
    pub(super) async fn compact_now(&mut self, focus: &str) -> Result<Ending, StoreError> {
        let focus = Some(focus.trim()).filter(|focus| !focus.is_empty()).map(str::to_owned);
        // There is no turn that a message could go into.
        self.incoming.let_nothing_in();
        let (scene, need) = (&self.scene, Need::Asked { focus });
        let shortened = scene.shorten(&need, &scene.wish);
        let told = match meanwhile(scene, &mut self.incoming, shortened).await? {
            Ok(shortened) => shortened?.map_or_else(|error| told(&error), |compacted| compacted.text()),
            Err(ends) => return scene.ended_by(Ending::notice(text!("stopped")), ends).await,
        };
        Ok(Ending::notice(told))
    }

    /// Whether a failure says that the request was too long; then this is done something about.
    pub(super) fn overflows(&mut self, failure: &RouteFailure) -> bool {
        let last = failure.errors.last().map(|(_, error)| error);
        let Some(error) = last.filter(|error| error.kind == ErrorKind::ContextOverflow) else {
            return false;
        };
        if self.compacted || !failure.partial.is_empty() {
            return false;
        }
        let numbers: Numbers = error.details.numbers;
        self.overflow = Some(numbers);
        true
    }
}

// === impl Scene ===

impl Scene<'_> {
    async fn shorten(&self, need: &Need, wish: &Wish) -> Result<Result<Compacted, CompactError>, StoreError> {
        let site = Site {
            model: &*self.assistant.model,
            wish,
            store: &self.store,
            lease: &self.lease,
            session: &self.session.id,
            turn: Some(&self.turn),
            now: moment(),
        };
        // On the heap: it is large, and hardly ever needed.
        match Box::pin(compact(site, need, &self.rules.compaction)).await {
            Err(CompactError::Store(error)) => Err(error),
            other => Ok(other),
        }
    }

    fn due(&self, items: &[Item]) -> Due {
        let window = self.served.as_ref().and_then(|served| served.window);
        let model = &*self.assistant.model;
        estimated(model, &self.wish, items, window, &self.rules.compaction)
    }

    /// Whether an epoch does not suit the model that is asked now: its prompt takes most of a window that has become smaller, or
    /// it was begun with a model that gets no tools.
    pub(super) fn is_outgrown(&self, frozen: &Frozen, served: &Served) -> bool {
        if frozen.tools.is_empty() && self.registry.iter().next().is_some() {
            return true;
        }
        let Some(window) = served.window else { return false };
        let (room, tokens) = (
            Budget::of(&self.rules.compaction, window, 0).room,
            self.tokens_of(frozen),
        );
        // A prompt that was made for this window has some tokens more at the most, wherever it is.
        tokens > room / 2 && tokens > prompt::Budget::of(served).whole().saturating_mul(5) / 4
    }

    /// Whether it is worth to read a conversation anew for a prompt: where there were no tools, or it is a fifth shorter at least.
    pub(super) fn is_better(&self, made: &Frozen, frozen: &Frozen) -> bool {
        if frozen.tools.is_empty() && !made.tools.is_empty() {
            return true;
        }
        let (before, after) = (self.tokens_of(frozen), self.tokens_of(made));
        after <= before - before / 5
    }

    fn tokens_of(&self, frozen: &Frozen) -> u32 {
        let request = hello(frozen.system.clone(), frozen.tools.clone());
        self.assistant.model.estimate(&self.wish, &request)
    }

    /// So many characters of a result a model is shown.
    pub(super) fn room(&self) -> usize {
        let window = self.served.as_ref().and_then(|served| served.window);
        // A quarter of the window, three characters a token.
        window.map_or(ROOM, |window| (window as usize / 4 * 3).clamp(1_500, 60_000))
    }

    /// A result as a model is shown it, and the file with all of it where that is more.
    pub(super) async fn fit(&self, text: &str, id: &str) -> Result<(String, Vec<FileRef>), StoreError> {
        let reads_on = self.registry.get(results::TOOL).is_some();
        results::keep(&self.store, text, self.room(), reads_on.then_some(id)).await
    }
}

impl Assistant {
    /// Makes a conversation smaller while nobody waits, when its next turns would need it. It ends as soon as something comes
    /// in, and what cannot be done now is done when it must be.
    pub async fn rest(&self, store: &Store, conversation: &SessionKey) -> Result<(), StoreError> {
        let this = self.now();
        let Some(known) = store.conversation(conversation).await? else {
            return Ok(());
        };
        let (state, Some(session)) = (State::of(&known.state), known.session) else {
            return Ok(());
        };
        let wish = Wish {
            agent: conversation.agent().to_owned(),
            session: conversation.as_str().to_owned(),
            model: state.model,
            private: state.private,
            priority: Priority::Upkeep,
            ..Wish::default()
        };
        let Ok(served) = this.model.served(&wish).await else {
            return Ok(());
        };
        let settings = this.home.rules(&wish.agent, "").compaction;
        let items = store.context(&session).await?;
        if estimated(&*this.model, &wish, &items, served.window, &settings) != Due::Soon {
            return Ok(());
        }
        let mut comes = store.wakes(Topic::Inbox);
        let Some(held) = store.hold(conversation.as_str(), RESTS).await? else {
            return Ok(());
        };
        let site = Site {
            model: &*this.model,
            wish: &wish,
            store,
            lease: held.lease(),
            session: &session,
            turn: None,
            now: moment(),
        };
        tokio::select! {
            _ = comes.changed() => {}
            _ = tokio::time::timeout(RESTS / 2, compact(site, &Need::Idle, &settings)) => {}
        }
        held.release().await
    }
}

/// Whether what a model is shown gets too long, without asking anybody.
fn estimated(model: &dyn Model, wish: &Wish, items: &[Item], window: Option<u32>, settings: &Settings) -> Due {
    let counted = TokenCount {
        tokens: model.estimate(wish, &request(items, true)),
        exactness: Exactness::Estimated,
    };
    due(items, counted, window, settings)
}

fn told(error: &CompactError) -> Text {
    match error.hint() {
        Some(hint) => text!("{reason}; {hint}", reason = error.text(), hint = hint),
        None => error.text(),
    }
}
