//! What is decided.

use std::collections::BTreeMap;

use proptest::prelude::*;
use yabby_core::{Exactness, TokenCount};
use yabby_store::{Content, Item};

use super::{
    talk::{Talk, Turn, talk, turn},
    trial::{carried_out, is_sound},
};
use crate::{
    Note, Past,
    compact::{Action, Budget, Due, Goal, Ruler, Settings, due, plan, view},
};

fn measured(items: &[Item], window: u32) -> (Ruler, Budget, u32) {
    let request = view::request(items);
    let ruler = Ruler::default();
    let tokens = ruler.request(&request);
    let budget = Budget::of(&Settings::default(), window, view::prefix(&request, &ruler));
    (ruler, budget, tokens)
}

fn planned(talk: &Talk, window: u32, goal: Goal, summary: bool) -> Vec<Action> {
    let items = talk.shown();
    let (ruler, budget, _) = measured(&items, window);
    plan(&items, &budget, &ruler, goal, summary)
}

/// Six turns with a file each, and a question: items 1 to 4, 5 to 8, …, 25.
fn files(words: usize) -> Talk {
    let mut talk = Talk::begun(100);
    for number in 0..6 {
        talk.asks(&format!("what is in file {number}?"));
        talk.reads(&format!("f{number}"), words);
        talk.answers("nothing much");
    }
    talk.asks("and now?");
    talk
}

/// Eight turns of many words, and a question: items 1 and 2, 3 and 4, …, 17.
fn words(words: usize) -> Talk {
    let mut talk = Talk::begun(100);
    for _ in 0..8 {
        talk.asks(&"tell ".repeat(words));
        talk.answers(&"well ".repeat(words));
    }
    talk.asks("and now?");
    talk
}

#[test]
fn nothing_is_done_that_is_not_needed() {
    assert_eq!(planned(&files(300), 8192, Goal::Fit, true), []);
    assert_eq!(planned(&Talk::begun(100), 100, Goal::Fit, true), []);
    assert_eq!(planned(&Talk::default(), 100, Goal::All, true), []);
}

#[test]
fn old_results_go_first_and_as_many_as_give_some_peace() {
    assert_eq!(
        planned(&files(1100), 8192, Goal::Fit, true),
        [Action::Stubs(vec![3, 7, 11, 15])]
    );
}

#[test]
fn a_repeated_result_goes_before_older_ones() {
    let mut talk = Talk::begun(100);
    talk.asks("first");
    for path in ["a", "b", "a"] {
        talk.reads(path, 800);
    }
    talk.answers("done");
    for _ in 0..3 {
        talk.asks(&"tell ".repeat(600));
        talk.answers(&"well ".repeat(600));
    }
    talk.asks("now?");
    let stubs = planned(&talk, 8192, Goal::Fit, false);
    let Some(Action::Stubs(seqs)) = stubs.first() else {
        panic!("{stubs:?}");
    };
    assert_eq!(seqs.first(), Some(&3), "{stubs:?}");
}

#[test]
fn words_become_a_summary_that_is_asked_for_behind_what_the_server_has_seen() {
    let talk = words(400);
    assert_eq!(
        planned(&talk, 8192, Goal::Fit, true),
        [Action::Summary { to: 12, asked: 16 }]
    );
    assert_eq!(planned(&talk, 8192, Goal::Fit, false), [Action::Drop { to: 10 }]);
}

#[test]
fn a_conversation_that_is_too_long_to_be_summarised_loses_its_beginning_first() {
    let talk = words(1500);
    assert_eq!(planned(&talk, 16_384, Goal::Fit, true), [Action::Drop { to: 6 }]);
}

#[test]
fn a_turn_in_work_loses_its_own_results_but_for_those_that_are_not_read() {
    let mut talk = Talk::begun(100);
    talk.asks("read them all");
    for number in 0..7 {
        talk.reads(&format!("f{number}"), 1000);
    }
    assert_eq!(
        planned(&talk, 8192, Goal::Fit, true),
        [Action::Stubs(vec![3, 5, 7, 9, 11])]
    );
    talk.items.truncate(4);
    assert_eq!(planned(&talk, 1024, Goal::Fit, true), []);
}

#[test]
fn who_asks_for_it_gets_a_summary_of_a_short_conversation_too() {
    assert_eq!(
        planned(&words(40), 32_768, Goal::All, true),
        [Action::Summary { to: 14, asked: 16 }]
    );
    assert_eq!(planned(&words(40), 32_768, Goal::All, false), []);
}

#[test]
fn a_summary_that_would_not_help_is_not_waited_for() {
    let mut talk = words(200);
    talk.items.pop();
    talk.asks(&"tell ".repeat(7000));
    assert_eq!(planned(&talk, 8192, Goal::Fit, true), [Action::Drop { to: 16 }]);
}

#[test]
fn an_earlier_summary_that_is_too_long_for_a_smaller_window_is_cut() {
    let mut talk = Talk::begun(100);
    talk.asks("who am I?");
    let mut items = talk.shown();
    let summary = |words| Content::Summary {
        text: "gist\n".repeat(words),
        from: 0,
        to: 0,
    };
    items.insert(
        0,
        Item {
            seq: 9,
            item: talk.add(summary(2500)).clone(),
        },
    );
    let (ruler, budget, _) = measured(&items, 4096);
    let actions = plan(&items, &budget, &ruler, Goal::Fit, true);
    assert_eq!(actions, [Action::Drop { to: 0 }]);
    let (items, shorter) = carried_out(&items, &actions[0], &budget, &ruler);
    assert!(shorter);
    assert_eq!(plan(&items, &budget, &ruler, Goal::Fit, true), []);
    is_sound(&items);
}

#[test]
fn it_is_due_soon_before_it_is_due() {
    let dues = [(100, 0), (310, 0), (310, 2), (400, 2)].map(|(count, failures)| {
        let mut talk = words(count);
        talk.note(&Note::Compacted(Past {
            failures,
            ..Past::default()
        }));
        let items = talk.shown();
        let (_, _, tokens) = measured(&items, 8192);
        let counted = TokenCount {
            tokens,
            exactness: Exactness::Exact,
        };
        due(&items, counted, Some(8192), &Settings::default())
    });
    assert_eq!(dues, [Due::No, Due::Soon, Due::No, Due::Now]);
}

fn is_user(item: &Item) -> bool {
    matches!(
        &item.item.content,
        Content::Message {
            message: yabby_core::Message::User { .. }
        }
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn it_ends_it_fits_and_it_keeps_what_it_must(
        turns in prop::collection::vec(turn(), 0..14),
        window in 1024_u32..16_384,
        may_ask: bool,
        goal in prop::sample::select(vec![Goal::Fit, Goal::Ease, Goal::All]),
    ) {
        let mut items = talk(&turns).shown();
        let last = items.iter().rfind(|item| is_user(item)).unwrap().clone();
        let first_of_turns: BTreeMap<Option<String>, u64> =
            items.iter().rev().filter(|item| is_user(item)).map(|item| (item.item.turn.clone(), item.seq)).collect();
        let mut may_ask = may_ask;
        let mut goal = goal;
        let mut rounds = 0;
        loop {
            let (ruler, budget, tokens) = measured(&items, window);
            let actions = plan(&items, &budget, &ruler, goal, may_ask);
            prop_assert_eq!(&actions, &plan(&items, &budget, &ruler, goal, may_ask));
            if actions.is_empty() {
                // It fits, or nothing but the newest turn is left, with nothing in it that can go.
                let begins = items.iter().position(is_user).unwrap();
                let newest = items.iter().skip(begins).all(|item| item.item.turn == last.item.turn);
                prop_assert!(goal != Goal::Fit || tokens <= budget.room || newest, "{tokens} of {budget:?}");
                break;
            }
            for action in &actions {
                if let Action::Summary { .. } = action {
                    may_ask = false;
                    goal = Goal::Fit;
                }
                let before = items.len();
                let (next, shorter) = carried_out(&items, action, &budget, &ruler);
                prop_assert!(shorter || before == 1, "{action:?}");
                items = next;
                is_sound(&items);
            }
            let first = items.iter().find(|item| is_user(item)).unwrap();
            prop_assert_eq!(first_of_turns.get(&first.item.turn), Some(&first.seq), "a turn is cut in two");
            prop_assert!(items.contains(&last), "the last message of the person is lost");
            rounds += 1;
            prop_assert!(rounds < 8, "it does not end");
        }
    }

    #[test]
    fn what_is_shown_next_begins_with_what_was_shown(turns in prop::collection::vec(turn(), 1..8)) {
        let mut talk = Talk::begun(5);
        for turn in &turns {
            Turn::happens(turn, &mut talk);
        }
        let items = talk.shown();
        let (_, all) = crate::render(&items);
        is_sound(&items);
        for end in 1..=items.len() {
            let (_, shown) = crate::render(&items[..end]);
            let last = &items[end - 1].item.content;
            let answered = match last {
                Content::Message { message } => !matches!(message, yabby_core::Message::User { .. }),
                content => matches!(Note::of(content), Some(Note::Unanswered { .. })),
            };
            // A request is not made while a call has no result, nor before the aside of a question has its question.
            let open = matches!(shown.last(), Some(yabby_core::Message::ToolResult { content, .. }) if content.starts_with("[interrupted"));
            if answered && !open {
                prop_assert_eq!(&shown[..], &all[..shown.len()], "after {}", end);
            }
        }
    }
}
