//! Other gateways on the same store. What they have said is in it; while they answer, whoever watches here sees it as it comes.
//!
//! A gateway whose page watches a conversation asks the others for its turn. The one that answers sends all that there is so far,
//! then what is new, a few times a second, each with a number; where one is missing, all of it is asked for once more. Nothing is
//! sent while there is only one gateway, or nobody watches.

mod following;
mod telling;
#[cfg(test)]
mod tests;
mod word;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::sleep};
use yabby_core::{SessionKey, text};
use yabby_store::{Between, Heard, Store, Topic, Whom};

use super::{Event, Feed, Running, State, Words};

use following::{Following, Lost, Verdict};
use telling::Telling;
use word::{Wanted, Word};

/// What is in the store is told no more often than this.
const SOON: Duration = Duration::from_millis(200);
/// What is new of a turn is said so often.
const SAYS: Duration = Duration::from_millis(100);
/// What waits for others is looked at so often while there is something to say or to ask.
const LOOKS: Duration = Duration::from_millis(20);
/// When nobody has asked or said anything.
const SELDOM: Duration = Duration::from_secs(5);

/// What this gateway tells others, and hears of them.
#[derive(Default)]
pub(super) struct Others {
    /// None where there cannot be any.
    between: Option<Between>,
    telling: Telling,
    following: Following,
    /// Rings when there is something to say or to ask.
    bell: Arc<Notify>,
}

/// When something was last said and asked.
struct Last {
    said: Instant,
    asked: Instant,
}

impl Others {
    /// A turn has begun here.
    pub(super) fn began_here(&mut self, of: &SessionKey) {
        self.following.forget(of);
        if let Some(between) = self.between.as_ref().filter(|between| between.has_others()) {
            say(between, &[(Whom::All, Word::Began { of: of.clone() })]);
        }
    }

    /// Something happens in a conversation.
    pub(super) fn happens(&mut self, of: &SessionKey, event: &Event) {
        if self.telling.add(of, event) {
            self.bell.notify_one();
        }
    }

    /// Somebody here watches a conversation from now on.
    pub(super) fn watched(&mut self, of: &SessionKey) {
        if self.between.is_some() && self.following.want(of) {
            self.bell.notify_one();
        }
    }

    /// Whether the turn of a conversation runs elsewhere.
    pub(super) fn follows(&self, of: &SessionKey) -> bool {
        self.following.has(of)
    }

    /// How long nothing has to be said or asked.
    fn due(&self, last: &Last, now: Instant) -> Duration {
        let after = |at: Instant, pause: Duration| (at + pause).saturating_duration_since(now).max(LOOKS);
        let say = self.telling.waits().then(|| after(last.said, SAYS));
        let ask = self.following.due().map(|pause| after(last.asked, pause));
        say.into_iter().chain(ask).fold(SELDOM, Duration::min)
    }
}

impl Feed {
    /// Follows what other gateways do, for ever.
    pub(crate) async fn follow_others(self, store: Store) {
        tokio::join!(
            self.look(&store, Topic::Outbox, &[Event::Entries, Event::Conversations]),
            self.look(&store, Topic::Approvals, &[Event::Approvals]),
            self.listen(&store),
        );
    }

    /// What others write is in the store: whoever watches is told to look.
    async fn look(&self, store: &Store, topic: Topic, events: &[Event]) {
        let mut wakes = store.wakes(topic);
        while wakes.changed().await.is_ok() {
            for event in events {
                self.tell(None, event);
            }
            // Many at once are told once.
            sleep(SOON).await;
        }
    }

    async fn listen(&self, store: &Store) {
        let Some(between) = store.between() else { return };
        let mut ear = between.hear();
        let bell = {
            let mut state = self.lock();
            state.others.between = Some(between.clone());
            Arc::clone(&state.others.bell)
        };
        let mut last = Last {
            said: Instant::now(),
            asked: Instant::now(),
        };
        loop {
            let due = self.lock().others.due(&last, Instant::now());
            tokio::select! {
                heard = ear.next() => match heard {
                    Some(heard) => say(&between, &self.hear(heard, Instant::now())),
                    None => return,
                },
                () = bell.notified() => {}
                () = sleep(due) => {}
            }
            say(&between, &self.speak(&mut last, &between, Instant::now()));
        }
    }

    /// What is to be said and asked now. When what was said before is not on its way yet, the next waits, and is more at once.
    fn speak(&self, last: &mut Last, between: &Between, now: Instant) -> Vec<(Whom, Word)> {
        let mut said = Vec::new();
        let passed = |since: Instant, pause: Duration| now.saturating_duration_since(since) >= pause;
        if passed(last.said, SAYS) && between.is_idle() {
            last.said = now;
            said.extend(self.lock().others.telling.say(now));
        }
        if passed(last.asked, LOOKS) {
            last.asked = now;
            said.extend(self.ask(between.has_others(), between.is_idle(), now));
        }
        said
    }

    /// What others are asked. Nobody is missed who cannot have heard yet what was asked before, as while the database is away.
    fn ask(&self, has_others: bool, was_asked: bool, now: Instant) -> Vec<(Whom, Word)> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let (watchers, followers) = (&state.watchers, &state.followers);
        let is_watched = |of: &SessionKey| watchers.is_watched(of) || followers.has(of);
        let (forgotten, mut said) = state.others.following.unwatched(is_watched);
        for of in forgotten {
            state.running.remove(&of);
        }
        let Lost { orphaned, given_up } = if was_asked {
            state.others.following.lost(now)
        } else {
            Lost::default()
        };
        for of in orphaned {
            self.orphaned(state, &of);
        }
        for of in given_up {
            self.over(state, &of);
        }
        said.extend(state.others.following.ask(has_others, now));
        said
    }

    /// Takes in what is heard; what is to be answered.
    fn hear(&self, heard: Heard, now: Instant) -> Vec<(Whom, Word)> {
        let mut guard = self.lock();
        let state = &mut *guard;
        match heard {
            Heard::Said { from, words } => match serde_json::from_str(&words) {
                Ok(word) => return self.take(state, &from, word, now),
                // Another version says more.
                Err(_) => return Vec::new(),
            },
            Heard::Missed => {
                let watched = state.watchers.watched().chain(state.followers.all());
                let watched: Vec<SessionKey> = watched.filter(|of| !is_here(state, of)).cloned().collect();
                state.others.following.missed(watched.into_iter(), now);
                if state
                    .others
                    .between
                    .as_ref()
                    .is_some_and(|between| !between.has_others())
                {
                    return Vec::new();
                }
                // Whoever has asked meanwhile was not heard, either.
                let here = state.running.keys().filter(|of| !state.others.following.has(of));
                return here.map(|of| (Whom::All, Word::Began { of: of.clone() })).collect();
            }
            Heard::Gone(who) => {
                state.others.telling.gone(&who);
                for of in state.others.following.gone(&who, now) {
                    self.orphaned(state, &of);
                }
            }
        }
        Vec::new()
    }

    /// Takes in a word of another gateway; what is to be answered.
    fn take(&self, state: &mut State, from: &str, word: Word, now: Instant) -> Vec<(Whom, Word)> {
        let to = || Whom::One(from.to_owned());
        match word {
            Word::Began { of } => {
                self.send(state, None, &Event::Conversations);
                if state.is_watched(&of) && !is_here(state, &of) {
                    let of = vec![Wanted { of, has: None }];
                    return vec![(to(), Word::Ask { of })];
                }
            }
            Word::Ask { of } => return of.iter().flat_map(|wanted| asked(state, from, wanted, now)).collect(),
            Word::Leave { of } => of.iter().for_each(|of| state.others.telling.left(from, of)),
            Word::Whole { of, n, turn } => {
                if state.is_watched(&of) && !is_here(state, &of) {
                    state.others.following.whole(&of, from, (&turn.turn, n), now);
                    self.whole(state, &of, turn);
                }
            }
            Word::More { of, n, pieces } => {
                if state.others.following.more(&of, from, n, now) == Verdict::Next {
                    for piece in pieces {
                        self.happens(state, &of, &piece.event());
                    }
                }
            }
            Word::Still { of } => state.others.following.still(&of, from, now),
            Word::Over { of } => {
                if state.others.following.over(&of, from) {
                    self.over(state, &of);
                    // Another one may go on with it.
                    state.others.watched(&of);
                }
            }
        }
        Vec::new()
    }

    /// All that a turn elsewhere has brought so far.
    fn whole(&self, state: &mut State, of: &SessionKey, turn: Running) {
        let known = state.running.insert(of.clone(), turn.clone());
        if known.is_none_or(|known| known.turn != turn.turn) {
            let began = Event::Began {
                turn: turn.turn.clone(),
            };
            self.pass_on(state, of, &began);
        }
        self.pass_on(state, of, &Event::Snapshot { turn: Some(turn) });
    }

    /// Something happens in a turn elsewhere.
    fn happens(&self, state: &mut State, of: &SessionKey, event: &Event) {
        match event {
            Event::Ended => return self.over(state, of),
            event => {
                if let Some(running) = state.running.get_mut(of) {
                    running.see(event);
                }
            }
        }
        self.pass_on(state, of, event);
        if matches!(event, Event::Asked { .. }) {
            self.send(state, None, &Event::Approvals);
        }
    }

    /// A turn elsewhere is over.
    fn over(&self, state: &mut State, of: &SessionKey) {
        state.others.following.forget(of);
        if state.running.remove(of).is_some() {
            self.pass_on(state, of, &Event::Ended);
            self.send(state, None, &Event::Conversations);
        }
    }

    /// Tells pages and programs what happens in a turn elsewhere.
    fn pass_on(&self, state: &mut State, of: &SessionKey, event: &Event) {
        state.followers.tell(of, event);
        self.send(state, Some(of), event);
    }

    /// Whoever answered is gone, and what it has said so far is shown until another goes on.
    fn orphaned(&self, state: &mut State, of: &SessionKey) {
        let words = Words::of(&text!(
            "the Yabby that answered here has ended; another one takes this over and answers anew"
        ));
        self.happens(state, of, &Event::Notice { words });
    }
}

/// Whether the turn of a conversation runs here.
fn is_here(state: &State, of: &SessionKey) -> bool {
    state.running.contains_key(of) && !state.others.following.has(of)
}

/// Another gateway asks for a turn; what it is told.
fn asked(state: &mut State, from: &str, wanted: &Wanted, now: Instant) -> Vec<(Whom, Word)> {
    if is_here(state, &wanted.of)
        && let Some(running) = state.running.get(&wanted.of)
    {
        return state.others.telling.asked(from, wanted, running, now);
    }
    if wanted.has.is_none() {
        return Vec::new();
    }
    let of = wanted.of.clone();
    vec![(Whom::One(from.to_owned()), Word::Over { of })]
}

fn say(between: &Between, said: &[(Whom, Word)]) {
    for (to, word) in said {
        // What is not said is asked for again.
        if let Some(words) = word.spoken() {
            between.say(to, &words);
        }
    }
}
