//! What is done to make a conversation shorter: a pure decision.

use yabby_store::Item;

use super::{Budget, Ruler, scene::Scene, view};

/// A step. Steps are done in their order; then the plan is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The results and pictures of these items are shown as stubs.
    Stubs(Vec<u64>),
    /// The items up to this one become a summary.
    Summary {
        /// The last item.
        to: u64,
        /// The last item of the conversation behind which the summary is asked for.
        asked: u64,
    },
    /// The items up to this one are left out. An earlier summary is carried over, as far as there is room for it.
    Drop {
        /// The last item.
        to: u64,
    },
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The next request must fit. When it does, there is nothing to do.
    Fit,
    /// It must not be due soon; for idle time.
    Ease,
    /// Everything old becomes a summary, whether that is needed or not.
    All,
}

/// What the request for a summary adds to the conversation, in tokens.
pub(super) const ASK: u32 = 320;

/// What stands around the words of a summary, in tokens, and a little more.
const LINES: u32 = 96;

/// What is to be done with the items that a model is shown; nothing when nothing is needed or nothing can be done. `summary`
/// says whether a model may be asked for one.
pub fn plan(items: &[Item], budget: &Budget, ruler: &Ruler, goal: Goal, summary: bool) -> Vec<Action> {
    let scene = Scene::of(items, ruler);
    let total = budget.prefix.saturating_add(scene.tokens_from(0));
    let most = match goal {
        Goal::Fit => budget.room,
        Goal::Ease => budget.ease,
        Goal::All => 0,
    };
    if total <= most {
        return Vec::new();
    }
    let conversation = scene.tokens_from(0);
    let keep = match goal {
        // Who asks for it wants to see it happen, also in a short conversation.
        Goal::All => budget.keep.min(conversation / 4),
        Goal::Fit | Goal::Ease => budget.keep,
    };
    let plan = Plan {
        scene: &scene,
        budget,
        items,
        total,
        old: scene.cut_for(keep).unwrap_or(0),
        goal,
    };
    let summary = summary.then(|| plan.summary()).flatten();
    if goal == Goal::All {
        return summary.unwrap_or_default();
    }
    plan.stubs().or(summary).unwrap_or_else(|| plan.drop())
}

/// Whether a conversation has become shorter by a fifth at least.
pub(super) const fn is_shorter(before: u32, after: u32) -> bool {
    after <= before - before / 5
}

struct Plan<'a> {
    scene: &'a Scene<'a>,
    budget: &'a Budget,
    items: &'a [Item],
    total: u32,
    /// Where the old part ends, as an index.
    old: usize,
    goal: Goal,
}

impl Plan<'_> {
    /// Stubs in the old part, when they alone do.
    fn stubs(&self) -> Option<Vec<Action>> {
        let (seqs, won) = self
            .scene
            .stubs(0, self.old, self.total - self.total.min(self.budget.goal));
        (!seqs.is_empty() && self.total - won <= self.budget.ease).then(|| vec![Action::Stubs(seqs)])
    }

    /// A summary, with what must come before and behind it.
    fn summary(&self) -> Option<Vec<Action>> {
        let (scene, budget) = (self.scene, self.budget);
        let cuts = scene.cuts();
        let first = cuts.partition_point(|cut| *cut < self.old);
        let left = |cut: usize| {
            let written = budget.written(scene.tokens_before(cut));
            (budget.prefix + written).saturating_add(scene.tokens_from(cut))
        };
        let fits = |cut: &&usize| left(**cut) - scene.most_won(**cut, usize::MAX).min(left(**cut)) <= budget.room;
        let cut = *cuts.iter().skip(first).find(fits).or(self.last_cut())?;
        // A summary that could not make it shorter by a fifth is not asked for.
        if !is_shorter(scene.tokens_from(0), left(cut) - budget.prefix) {
            return None;
        }
        let to = scene.last_before(cut)?;
        // The answer is not to be cut off by the end of the window.
        let most = budget.window.saturating_sub(ASK + budget.summary);
        let fits = |end: &usize| budget.prefix.saturating_add(scene.tokens_before(*end)) <= most;
        let Some(asked) = [scene.seen(), cut].into_iter().filter(|end| *end >= cut).find(fits) else {
            return self.room_to_ask(cut, most);
        };
        let mut actions = vec![Action::Summary {
            to,
            asked: scene.last_before(asked)?,
        }];
        actions.extend(self.late(cut, left(cut)));
        Some(actions)
    }

    /// Before the newest turn, for who asked for a summary. Otherwise one that leaves too much is not worth the wait.
    fn last_cut(&self) -> Option<&usize> {
        self.scene.cuts().last().filter(|_| self.goal != Goal::Fit)
    }

    /// What must go so that a summary of the items before `cut` can be asked for at all.
    fn room_to_ask(&self, cut: usize, most: u32) -> Option<Vec<Action>> {
        let (scene, budget) = (self.scene, self.budget);
        let asked = budget.prefix.saturating_add(scene.tokens_before(cut));
        let (seqs, won) = scene.stubs(0, cut, asked - asked.min(most));
        if asked - won <= most {
            return (!seqs.is_empty()).then(|| vec![Action::Stubs(seqs)]);
        }
        let carried = self.carried();
        let left = |from: usize| {
            let won = scene.most_won(from, cut);
            (scene.tokens_before(cut) - scene.tokens_before(from)).saturating_sub(won) + budget.prefix + carried
        };
        let cuts = scene.cuts().iter().filter(|from| **from < cut);
        // When nothing of the old part can be shown, there is nothing to summarise.
        let from = *cuts.clone().find(|from| left(**from) <= most)?;
        let (seqs, _) = scene.stubs(from, cut, u32::MAX);
        Some(self.steps(seqs, Some(from)))
    }

    /// Stubs, and then the oldest turns go: as many as must.
    fn drop(&self) -> Vec<Action> {
        let (scene, budget) = (self.scene, self.budget);
        let old = self.old;
        let carried = self.carried();
        let left = |cut: usize| {
            let won = scene.most_won(cut.min(old), old);
            let rest = scene.tokens_from(cut).saturating_add(budget.prefix);
            rest.saturating_sub(if cut < old { won } else { 0 })
        };
        let cuts = scene.cuts();
        let cut = cuts
            .iter()
            .find(|cut| left(**cut) + carried <= budget.goal)
            .or(cuts.last());
        let Some(cut) = cut.copied() else {
            // One turn is all there is.
            let mut actions = self.trim();
            actions.extend(self.late(0, self.total));
            return actions;
        };
        let (seqs, won) = scene.stubs(cut, old, u32::MAX);
        let mut actions = self.steps(seqs, Some(cut));
        let rest = scene.tokens_from(cut).saturating_add(budget.prefix + carried);
        actions.extend(self.late(cut.max(old), rest.saturating_sub(won)));
        actions
    }

    /// What stands for turns that are left out: the earlier summary, what was said exactly, and a line.
    fn carried(&self) -> u32 {
        let earlier = view::earlier(self.items).map_or(0, |_| self.scene.tokens_before(1));
        earlier.min(self.budget.summary) + self.budget.exact + LINES.min(self.budget.exact)
    }

    fn steps(&self, seqs: Vec<u64>, cut: Option<usize>) -> Vec<Action> {
        let stubs = (!seqs.is_empty()).then_some(Action::Stubs(seqs));
        let drop = cut
            .and_then(|cut| self.scene.last_before(cut))
            .map(|to| Action::Drop { to });
        stubs.into_iter().chain(drop).collect()
    }

    /// Stubs in the newest turns too, when the rest would still be too long.
    fn late(&self, from: usize, left: u32) -> Option<Action> {
        if left <= self.budget.room {
            return None;
        }
        let (seqs, _) = self.scene.stubs(from, usize::MAX, left - self.budget.goal.min(left));
        (!seqs.is_empty()).then_some(Action::Stubs(seqs))
    }

    /// An earlier summary that is longer than one may be, in a window that is smaller than the one it was written for.
    fn trim(&self) -> Vec<Action> {
        let allowed = self.budget.summary + self.budget.exact;
        match view::earlier(self.items) {
            Some((_, _, to)) if self.scene.tokens_before(1) > allowed + allowed / 2 + LINES => {
                vec![Action::Drop { to }]
            }
            _ => Vec::new(),
        }
    }
}
