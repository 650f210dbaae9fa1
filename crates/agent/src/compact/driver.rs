//! Making a conversation shorter.

use yabby_core::{Attempt, Label, Numbers, Text, Time, TokenCount, text};
use yabby_store::{Content, Item, Lease, NewItem, Store};

use super::{
    Action, Budget, CompactError, Goal, NoSummary, Ruler, Settings, ask, copied, plan,
    plan::is_shorter,
    summary, view,
    written::{Cut, Of},
};
use crate::{Model, Note, Past, Served, Wish};

/// So often in a row it may not get better before the person is told, and no model is asked for the next one.
pub(super) const MOST_FAILURES: u32 = 2;

/// Plans that are made at the most. Three do for anything that was seen.
const ROUNDS: usize = 8;

/// Where it happens.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Who writes summaries, and whose window it is.
    pub model: &'a dyn Model,
    /// On whose behalf; with the priority `Upkeep` when nobody waits.
    pub wish: &'a Wish,
    /// Where the session is.
    pub store: &'a Store,
    /// The right to work in its conversation.
    pub lease: &'a Lease,
    /// The session.
    pub session: &'a str,
    /// The turn that cannot go on without.
    pub turn: Option<&'a str>,
    /// When.
    pub now: Time,
}

/// Why it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// The next request may not fit.
    Fit,
    /// A server has refused the last request because it is too long, and said this.
    Overflow(Numbers),
    /// Nobody waits, and it will be needed soon.
    Idle,
    /// The person asked for it.
    Asked {
        /// What is most important to the person.
        focus: Option<String>,
    },
}

/// One thing that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// So many results and pictures became stubs.
    Stubs(usize),
    /// What came before became a summary.
    Summary,
    /// The oldest turns were left out.
    Dropped,
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Compacted {
    /// Tokens of the next request before.
    pub before: u32,
    /// Tokens of it now.
    pub after: u32,
    /// In order; nothing when nothing was needed, or nothing could be done.
    pub done: Vec<Done>,
    /// Why there is no summary, when one was asked for.
    pub no_summary: Option<NoSummary>,
    /// How often in a row it did not get better.
    pub failures: u32,
    /// What was tried for a summary. It stands in the store only with what was written instead.
    pub attempts: Vec<Attempt>,
}

/// Makes the conversation of a session shorter, as far as `need` says. What was done before an error, or before the future is
/// dropped, stays done and is right by itself; of what a person has asked for, nothing was done then.
pub async fn compact(site: Site<'_>, need: &Need, settings: &Settings) -> Result<Compacted, CompactError> {
    let served = site.model.served(site.wish).await?;
    let mut work = Work::begin(site, served, need, settings).await?;
    let mut end = work.end;
    for _ in 0..ROUNDS {
        if !work.round().await? {
            break;
        }
        end = work.look().await?;
    }
    work.finish(end).await
}

struct Work<'a> {
    site: Site<'a>,
    served: Served,
    settings: &'a Settings,
    focus: Vec<&'a str>,
    goal: Goal,
    /// Whether somebody waits for a request that fits.
    must_fit: bool,
    /// Whether a model may be asked for a summary.
    may_ask: bool,
    window: Option<u32>,
    /// How much longer requests are than they were counted.
    stretched: (u32, u32),
    end: Standing,
    seen: Vec<Item>,
    /// What is written only at the end, all at once: the person who has asked for it may stop it, and then nothing has changed.
    held: Option<Vec<NewItem>>,
    ruler: Ruler,
    said: Compacted,
}

/// How long the next request is.
#[derive(Clone, Copy)]
struct Standing {
    tokens: u32,
    budget: Option<Budget>,
}

// === impl Work ===

impl<'a> Work<'a> {
    async fn begin(
        site: Site<'a>,
        served: Served,
        need: &'a Need,
        settings: &'a Settings,
    ) -> Result<Self, CompactError> {
        let (items, counted) = shown(&site).await?;
        let past = view::past(&items);
        let told = view::earlier(&items).is_some() && is_of_turn(&items, site.turn);
        let waits = matches!(need, Need::Fit | Need::Overflow(_));
        let (window, stretched) = window(need, served.window, counted.tokens, settings);
        let request = view::request(&items);
        let ruler = view::ruler(&request, counted, stretched);
        let mut focus: Vec<&str> = settings.instructions.as_deref().into_iter().collect();
        if let Need::Asked { focus: Some(words) } = need {
            focus.push(words);
        }
        let mut work = Self {
            site,
            served,
            settings,
            focus,
            goal: match need {
                Need::Fit | Need::Overflow(_) => Goal::Fit,
                Need::Idle => Goal::Ease,
                Need::Asked { .. } => Goal::All,
            },
            must_fit: waits,
            may_ask: settings.summaries && !told && (!waits || past.failures < MOST_FAILURES),
            window,
            stretched,
            end: Standing {
                tokens: 0,
                budget: None,
            },
            seen: items,
            held: matches!(need, Need::Asked { .. }).then(Vec::new),
            ruler,
            said: Compacted {
                before: 0,
                after: 0,
                done: Vec::new(),
                no_summary: None,
                failures: past.failures,
                attempts: Vec::new(),
            },
        };
        work.end = work.standing();
        work.said.before = work.end.tokens;
        Ok(work)
    }

    fn standing(&self) -> Standing {
        let request = view::request(&self.seen);
        let prefix = view::prefix(&request, &self.ruler);
        Standing {
            tokens: self.ruler.request(&request),
            budget: self.window.map(|window| Budget::of(self.settings, window, prefix)),
        }
    }

    /// Weighs again what a model is shown.
    async fn look(&mut self) -> Result<Standing, CompactError> {
        if self.held.is_none() {
            self.seen = self.site.store.context(self.site.session).await?;
        }
        let request = view::request(&self.seen);
        let counted = self.site.model.count(self.site.wish, &request).await;
        self.ruler = view::ruler(&request, counted, self.stretched);
        self.end = self.standing();
        Ok(self.end)
    }

    /// Makes a plan and does it; whether there was anything to do.
    async fn round(&mut self) -> Result<bool, CompactError> {
        let Some(budget) = self.end.budget else {
            return Ok(false);
        };
        let actions = plan(&self.seen, &budget, &self.ruler, self.goal, self.may_ask);
        let mut changed = false;
        for action in actions {
            changed |= match action {
                Action::Stubs(seqs) => self.stubs(seqs).await?,
                Action::Drop { to } => self.drop(&budget, to).await?,
                Action::Summary { to, asked } => {
                    // Whether it works or not, it is not tried again, and then only what is needed is done.
                    self.may_ask = false;
                    if self.goal == Goal::All {
                        self.goal = Goal::Fit;
                    }
                    if !self.summary(&budget, to, asked).await? {
                        return Ok(true);
                    }
                    true
                }
            };
        }
        Ok(changed)
    }

    async fn stubs(&mut self, seqs: Vec<u64>) -> Result<bool, CompactError> {
        self.said.done.push(Done::Stubs(seqs.len()));
        let note = self.of().item(Note::Stubs { seqs }.content(), Label::of_nothing());
        self.add(vec![note]).await?;
        Ok(true)
    }

    async fn drop(&mut self, budget: &Budget, to: u64) -> Result<bool, CompactError> {
        let attempts = std::mem::take(&mut self.said.attempts);
        let items = self.cut(budget, to, to).drop(self.of(), attempts.clone());
        self.said.attempts = attempts;
        // An earlier summary that does not get shorter is left as it is.
        let before = view::earlier(&self.seen).filter(|(_, _, covered)| *covered == to);
        if before.is_some_and(|(text, _, _)| said(&items).len() >= text.len()) {
            return Ok(false);
        }
        self.said.done.push(Done::Dropped);
        self.add(items).await?;
        Ok(true)
    }

    /// Whether there is a summary now.
    async fn summary(&mut self, budget: &Budget, to: u64, asked: u64) -> Result<bool, CompactError> {
        let cut = self.cut(budget, to, asked);
        let most = budget.summary.min(cut.tokens() / 2);
        let mut request = ask::request(&self.seen, asked, most, &self.focus);
        let room = budget.window.saturating_sub(self.ruler.request(&request));
        // Models that think before they write need more than the summary has; the time limits them.
        request.max_output_tokens = Some((budget.window - budget.room).min(room).max(budget.summary).max(1));
        request.thinking = self.site.wish.thinking;
        let limit = summary::limit(self.settings, &self.served, self.ruler.request(&request));
        let (question, shown) = (ask::question(most, &self.focus), view::request(&self.seen));
        let written = summary::write(self.site.model, self.site.wish, request, limit).await;
        self.said.attempts.extend(written.attempts);
        let kept = written.text.and_then(|words| {
            // A little too long is cut; what is much too long is no summary, but an answer or the conversation again.
            if self.ruler.text(&words) > most.saturating_mul(2) {
                return Err(NoSummary::TooLong);
            }
            let told = [question.as_str(), shown.system.as_deref().unwrap_or_default()];
            if copied::says_nothing(&words, &told, &shown.messages) {
                return Err(NoSummary::Nothing);
            }
            let cut = self.cut(budget, to, asked);
            let items = cut.summary(self.of(), &words, self.said.attempts.clone());
            let instead = items.iter().fold(self.seen.clone(), with);
            let (before, after) = (self.conversation(&self.seen), self.conversation(&instead));
            if is_shorter(before, after) {
                Ok(items)
            } else {
                Err(NoSummary::TooLong)
            }
        });
        match kept {
            Ok(items) => {
                self.said.done.push(Done::Summary);
                self.add(items).await?;
                Ok(true)
            }
            Err(why) => {
                self.said.no_summary = Some(why);
                Ok(false)
            }
        }
    }

    /// The tokens of a conversation without what stands before it.
    fn conversation(&self, items: &[Item]) -> u32 {
        let request = view::request(items);
        self.ruler
            .request(&request)
            .saturating_sub(view::prefix(&request, &self.ruler))
    }

    fn cut<'b>(&'b self, budget: &'b Budget, to: u64, seen: u64) -> Cut<'b> {
        Cut {
            items: &self.seen,
            to,
            seen,
            budget,
            ruler: &self.ruler,
        }
    }

    fn of(&self) -> Of<'a> {
        Of {
            turn: self.site.turn,
            at: self.site.now,
        }
    }

    async fn add(&mut self, items: Vec<NewItem>) -> Result<(), CompactError> {
        if let Some(held) = &mut self.held {
            self.seen = items.iter().fold(std::mem::take(&mut self.seen), with);
            held.extend(items);
            return Ok(());
        }
        self.write(items).await
    }

    async fn write(&self, items: Vec<NewItem>) -> Result<(), CompactError> {
        let Site {
            store, lease, session, ..
        } = self.site;
        store.append(lease, session, items).await?;
        Ok(())
    }

    /// Notes whether it got better.
    async fn finish(mut self, end: Standing) -> Result<Compacted, CompactError> {
        self.said.after = end.tokens;
        let Some(budget) = end.budget else { return Ok(self.said) };
        let tried = !self.said.done.is_empty() || self.said.no_summary.is_some();
        let too_long = self.must_fit && end.tokens > budget.room;
        let worse = too_long || self.said.no_summary.is_some() || (tried && end.tokens > budget.ease);
        let failures = match (worse, tried) {
            (true, _) => self.said.failures.saturating_add(1),
            (false, true) => 0,
            (false, false) => self.said.failures,
        };
        if failures != self.said.failures {
            self.said.failures = failures;
            let past = Past {
                failures,
                ..view::past(&self.seen)
            };
            // It has words of the person in it.
            let label = self
                .seen
                .iter()
                .fold(Label::of_nothing(), |label, item| label.join(&item.item.label));
            self.add(vec![self.of().item(Note::Compacted(past).content(), label)])
                .await?;
        }
        if too_long {
            return Err(CompactError::TooLong {
                tokens: end.tokens,
                room: budget.room,
                prefix: budget.prefix,
            });
        }
        let held = self.held.take().unwrap_or_default();
        if !held.is_empty() {
            self.write(held).await?;
        }
        Ok(self.said)
    }
}

// === impl Compacted ===

impl Compacted {
    /// What was done, for the person who asked for it.
    pub fn text(&self) -> Text {
        if self.done.is_empty() {
            return match self.no_summary {
                Some(why) => text!("the conversation stays as it is: {why}", why = why.text()),
                None => text!(
                    "the conversation is short already: {tokens} tokens",
                    tokens = self.after
                ),
            };
        }
        text!(
            "the conversation is shorter now: {after} tokens instead of {before}",
            after = self.after,
            before = self.before
        )
    }

    /// What the person should know without having asked: that something was left out, or that it does not get better.
    pub fn notice(&self) -> Option<Text> {
        if self.failures >= MOST_FAILURES {
            return Some(text!(
                "the conversation hardly fits the window of the model any more; begin a new one with /new, or take a model with a larger window with /model"
            ));
        }
        let why = self.no_summary.filter(|_| self.done.contains(&Done::Dropped))?;
        Some(text!(
            "the beginning of the conversation was left out without a summary: {why}",
            why = why.text()
        ))
    }
}

/// What a model is shown, and how many tokens it has.
async fn shown(site: &Site<'_>) -> Result<(Vec<Item>, TokenCount), CompactError> {
    let items = site.store.context(site.session).await?;
    let counted = site.model.count(site.wish, &view::request(&items)).await;
    Ok((items, counted))
}

/// Whether the summary that is shown was written in this turn.
fn is_of_turn(items: &[Item], turn: Option<&str>) -> bool {
    let first = items.first();
    turn.is_some() && first.is_some_and(|item| item.item.turn.as_deref() == turn)
}

/// The window to be used, and how much longer requests are than they were counted.
fn window(need: &Need, served: Option<u32>, counted: u32, settings: &Settings) -> (Option<u32>, (u32, u32)) {
    let counted = counted.max(1);
    match need {
        Need::Fit | Need::Idle => (served, (1, 1)),
        // Nothing is known: as if it were just full.
        Need::Asked { .. } => (served.or(Some(counted.saturating_add(counted / 3))), (1, 1)),
        Need::Overflow(numbers) => {
            let known = [numbers.window, served].into_iter().flatten().min();
            let window = known.unwrap_or(counted);
            let room = Budget::of(settings, window, 0).room;
            let told = numbers.prompt_tokens.unwrap_or(0).max(counted);
            // It was refused, so that it is longer than it was counted; then a fifth must go.
            let really = if told > room {
                told
            } else {
                room.saturating_add(room / 4 + 1)
            };
            (Some(window), (really, counted))
        }
    }
}

/// What a model would be shown with this new item.
fn with(mut items: Vec<Item>, new: &NewItem) -> Vec<Item> {
    let item = Item {
        seq: items.iter().map(|item| item.seq).max().unwrap_or(0) + 1,
        item: new.clone(),
    };
    if let Content::Summary { to, .. } = &new.content {
        items.retain(|old| old.seq > *to && !matches!(old.item.content, Content::Summary { .. }));
        items.insert(0, item);
    } else {
        items.push(item);
    }
    items
}

/// The words of a summary.
fn said(items: &[NewItem]) -> &str {
    items
        .iter()
        .find_map(|item| match &item.content {
            Content::Summary { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .unwrap_or_default()
}
