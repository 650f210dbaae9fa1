//! Two gateways, and words between them that may be lost.

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};
use yabby_agent::{Live, ToolState};
use yabby_core::{ModelEvent, ToolCall};

use super::*;
use crate::feed::Ears;

const TURN: &str = "t1";

fn key() -> SessionKey {
    "agent:main:main".parse().unwrap()
}

/// A gateway, and a page at it.
struct House {
    id: &'static str,
    feed: Feed,
    page: Ears,
}

impl House {
    fn new(id: &'static str) -> Self {
        let feed = Feed::default();
        let page = feed.watch();
        Self { id, feed, page }
    }

    /// Its page looks at the conversation from now on.
    fn watches(&mut self) {
        self.page.turn(Some(&key()));
        self.feed.lock().others.following.want(&key());
    }

    fn happens(&self, live: Live) {
        self.feed.live(&key(), live);
    }

    fn running(&self) -> Option<Running> {
        self.feed.running(&key()).0
    }

    /// What it says by itself at this moment.
    fn speaks(&self, now: Instant) -> Vec<(Whom, Word)> {
        let mut said = self.feed.lock().others.telling.say(now);
        said.extend(self.feed.ask(true, true, now));
        said
    }

    /// What its page has been told: the types, and pieces of text.
    fn told(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.page.try_next())
            .map(|told| serde_json::from_slice(&told.line.clone().json()).unwrap())
            .collect()
    }
}

/// Brings what one says to the other, and the answers back, as far as they are not lost.
fn carry(from: &House, to: &House, said: Vec<(Whom, Word)>, lost: &mut impl FnMut() -> bool, now: Instant) {
    for (whom, word) in said {
        assert!(whom == Whom::All || whom == Whom::One(to.id.to_owned()), "{whom:?}");
        let Some(words) = word.spoken().filter(|_| !lost()) else {
            continue;
        };
        let heard = Heard::Said {
            from: from.id.to_owned(),
            words,
        };
        let answers = to.feed.hear(heard, now);
        carry(to, from, answers, lost, now);
    }
}

fn both_speak(one: &House, other: &House, lost: &mut impl FnMut() -> bool, now: Instant) {
    carry(one, other, one.speaks(now), lost, now);
    carry(other, one, other.speaks(now), lost, now);
}

fn text(delta: &str) -> Live {
    Live::Model(ModelEvent::Text(delta.to_owned()))
}

fn model() -> Live {
    Live::Trying("a/m".parse().unwrap())
}

/// The types of events, and what stands in them.
fn short(told: &[Value]) -> Vec<String> {
    let one = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        match kind {
            "text" => format!("text {}", event["delta"].as_str().unwrap()),
            "snapshot" => format!("snapshot {}", event["turn"]["text"].as_str().unwrap()),
            other => other.to_owned(),
        }
    };
    told.iter().map(one).collect()
}

#[test]
fn a_page_sees_a_turn_that_runs_at_another_gateway() {
    let (answers, mut looks) = (House::new("a"), House::new("b"));
    let mut now = Instant::now();
    let mut never = || false;
    answers.happens(Live::Began(TURN.to_owned()));
    answers.happens(model());
    answers.happens(text("Half "));
    assert_eq!(answers.speaks(now), [], "nobody has asked");
    looks.watches();
    both_speak(&looks, &answers, &mut never, now);
    assert_eq!(short(&looks.told()), ["began", "snapshot Half "]);
    assert!(looks.feed.runs(&key()));
    for piece in ["an ", "answer", "."] {
        answers.happens(text(piece));
    }
    now += SAYS;
    both_speak(&answers, &looks, &mut never, now);
    assert_eq!(short(&looks.told()), ["text an answer."], "a few times a second");
    assert_eq!(looks.running(), answers.running());
    answers.happens(Live::Ended);
    both_speak(&answers, &looks, &mut never, now + SAYS);
    assert_eq!(short(&looks.told()), ["ended", "conversations"]);
    assert_eq!(
        (looks.running(), answers.feed.lock().others.telling.is_heard()),
        (None, false)
    );
    // The next one is announced, and asked for at once.
    answers.happens(Live::Began("t2".to_owned()));
    carry(
        &answers,
        &looks,
        vec![(Whom::All, Word::Began { of: key() })],
        &mut never,
        now,
    );
    assert_eq!(short(&looks.told()), ["conversations", "began", "snapshot "]);
}

#[test]
fn who_listens_no_more_is_told_no_more() {
    let (answers, mut looks) = (House::new("a"), House::new("b"));
    let now = Instant::now();
    let mut never = || false;
    answers.happens(Live::Began(TURN.to_owned()));
    looks.watches();
    both_speak(&looks, &answers, &mut never, now);
    assert!(looks.running().is_some());
    looks.page.turn(None);
    both_speak(&looks, &answers, &mut never, now + SAYS);
    assert_eq!(
        (looks.running(), answers.feed.lock().others.telling.is_heard()),
        (None, false)
    );
    // One that cannot say so is forgotten.
    looks.watches();
    both_speak(&looks, &answers, &mut never, now + SAYS);
    answers.happens(text("a"));
    assert_eq!(answers.speaks(now + Duration::from_mins(1)), []);
}

#[test]
fn a_page_is_told_that_who_answers_has_died_and_sees_who_goes_on() {
    let (answers, mut looks, mut third) = (House::new("a"), House::new("b"), House::new("c"));
    let now = Instant::now();
    let mut never = || false;
    answers.happens(Live::Began(TURN.to_owned()));
    answers.happens(text("Half"));
    for house in [&mut looks, &mut third] {
        house.watches();
        let said = house.speaks(now);
        carry(house, &answers, said, &mut never, now);
        house.told();
        house.feed.hear(Heard::Gone("a".to_owned()), now);
        let told = house.told();
        assert_eq!(short(&told), ["notice"]);
        assert!(
            told[0]["words"]["en"].as_str().unwrap().contains("another one"),
            "{told:?}"
        );
        assert_eq!(house.running().unwrap().text, "Half");
    }
    // One of them goes on; what the dead one still says counts nowhere.
    looks.happens(Live::Began(TURN.to_owned()));
    looks.happens(text("Whole"));
    assert_eq!(short(&looks.told()), ["began", "conversations", "text Whole"]);
    both_speak(&third, &looks, &mut never, now + Duration::from_secs(2));
    assert_eq!(short(&third.told()), ["snapshot Whole"]);
    let late = Word::Whole {
        of: key(),
        n: 7,
        turn: answers.running().unwrap(),
    };
    carry(&answers, &looks, vec![(Whom::All, late)], &mut never, now);
    assert_eq!(
        (looks.told(), looks.running().unwrap().text.as_str()),
        (Vec::new(), "Whole")
    );
    // The third one sees its end.
    looks.happens(Live::Ended);
    carry(
        &looks,
        &third,
        looks.feed.lock().others.telling.say(now + SAYS),
        &mut never,
        now,
    );
    assert_eq!(third.running(), None);
}

#[test]
fn what_tools_have_said_does_not_keep_a_turn_from_others() {
    let (answers, mut looks) = (House::new("a"), House::new("b"));
    let now = Instant::now();
    answers.happens(Live::Began(TURN.to_owned()));
    for n in 0..30 {
        let mut call = ToolCall {
            id: format!("c{n}"),
            name: "write".to_owned(),
            arguments: Map::new(),
        };
        call.arguments.insert("content".to_owned(), "y".repeat(40 << 10).into());
        answers.happens(Live::Tool(call.clone(), ToolState::Piece("x".repeat(40 << 10))));
        if n < 29 {
            answers.happens(Live::Tool(call, ToolState::Ended(None)));
        }
    }
    answers.happens(text("So."));
    looks.watches();
    both_speak(&looks, &answers, &mut || false, now);
    assert_eq!(short(&looks.told()), ["began", "snapshot So."]);
    let (there, here) = (answers.running().unwrap(), looks.running().unwrap());
    assert_eq!(here.tools.len(), 30);
    let kept = |n: usize| here.tools[n] == there.tools[n];
    assert_eq!(
        (kept(0), kept(28), kept(29)),
        (false, true, true),
        "the last ones are whole"
    );
    answers.happens(text(" Now"));
    both_speak(&answers, &looks, &mut || false, now + SAYS);
    assert_eq!(looks.running().unwrap().text, "So. Now");
}

/// As when the database is away: that nothing is heard says nothing of who answers.
#[test]
fn nobody_is_taken_for_dead_who_cannot_be_heard() {
    let (answers, mut looks) = (House::new("a"), House::new("b"));
    let mut now = Instant::now();
    let mut never = || false;
    answers.happens(Live::Began(TURN.to_owned()));
    looks.watches();
    both_speak(&looks, &answers, &mut never, now);
    looks.told();
    now += Duration::from_secs(20);
    // What it asks is not on its way.
    looks.feed.ask(true, false, now);
    let said = looks.feed.hear(Heard::Missed, now);
    assert_eq!(said, []);
    answers.happens(text("Half"));
    both_speak(&looks, &answers, &mut never, now + Duration::from_secs(2));
    let told = short(&looks.told());
    assert!(
        !told.is_empty() && told.iter().all(|told| told == "snapshot Half"),
        "{told:?}"
    );
    // Who then says nothing is.
    looks.speaks(now + Duration::from_secs(30));
    assert_eq!(short(&looks.told()), ["notice"]);
}

/// A page keeps what it has until the end, and is not told that somebody has died.
#[test]
fn an_answer_that_is_too_long_to_be_told_is_seen_at_its_end() {
    let (answers, mut looks, mut late) = (House::new("a"), House::new("b"), House::new("c"));
    let mut now = Instant::now();
    let mut never = || false;
    answers.happens(Live::Began(TURN.to_owned()));
    answers.happens(text("Half "));
    looks.watches();
    both_speak(&looks, &answers, &mut never, now);
    assert_eq!(short(&looks.told()), ["began", "snapshot Half "]);
    for second in 0..50 {
        now += Duration::from_secs(1);
        // Then a tool is at work, and nothing is said.
        if second < 30 {
            answers.happens(text(&"an answer ".repeat(6_000)));
        }
        carry(&answers, &looks, answers.speaks(now), &mut || second == 20, now);
        carry(&looks, &answers, looks.speaks(now), &mut never, now);
    }
    let (there, here) = (answers.running().unwrap().text, looks.running().unwrap().text);
    assert!(there.len() > here.len() && here.len() > Between::LONGEST);
    assert!(there.starts_with(&here), "nothing that does not follow what it has");
    let told = looks.told();
    assert!(told.iter().all(|event| event["type"] == "text"), "and nobody has ended");
    answers.happens(Live::Ended);
    now += Duration::from_secs(1);
    both_speak(&answers, &looks, &mut never, now);
    assert_eq!(short(&looks.told()), ["ended", "conversations"]);
    // Who comes in the middle sees what is in the store, until the next turn.
    answers.happens(Live::Began(TURN.to_owned()));
    answers.happens(text(&"an answer ".repeat(200_000)));
    late.watches();
    both_speak(&late, &answers, &mut never, now);
    assert_eq!((late.told(), late.running()), (Vec::new(), None));
}

/// One that does not keep up hears all that there is in the place of what it has missed; a page is told nothing of what it hears.
#[tokio::test]
async fn a_program_follows_a_turn_that_runs_at_another_gateway() {
    let (answers, mut looks) = (House::new("a"), House::new("b"));
    let mut now = Instant::now();
    let mut never = || false;
    answers.happens(Live::Began(TURN.to_owned()));
    let mut program = looks.feed.elsewhere(&key());
    looks.feed.lock().others.following.want(&key());
    both_speak(&looks, &answers, &mut never, now);
    let began = Event::Began { turn: TURN.to_owned() };
    let snapshot = |house: &House| Event::Snapshot { turn: house.running() };
    assert_eq!(*program.next().await, began);
    assert_eq!(*program.next().await, snapshot(&answers));
    for n in 0..300 {
        now += SAYS;
        answers.happens(text(&format!("{n} ")));
        both_speak(&answers, &looks, &mut never, now);
    }
    assert_eq!(*program.next().await, snapshot(&answers));
    now += SAYS;
    answers.happens(text("and so on"));
    both_speak(&answers, &looks, &mut never, now);
    let delta = "and so on".to_owned();
    assert_eq!(*program.next().await, Event::Text { delta });
    // What runs here comes from the hub.
    looks.happens(Live::Began("t2".to_owned()));
    looks.happens(text("here"));
    looks.happens(Live::Ended);
    now += SAYS;
    looks.feed.lock().others.following.want(&key());
    both_speak(&looks, &answers, &mut never, now);
    assert_eq!(*program.next().await, began);
    assert!(short(&looks.told()).iter().all(|told| told == "conversations"));
    drop(program);
    both_speak(&looks, &answers, &mut never, now + SAYS);
    assert_eq!(
        (looks.running(), answers.feed.lock().others.telling.is_heard()),
        (None, false)
    );
}

/// What a page shows of a turn, from what it was told.
fn shown(mut shown: Option<Value>, told: &[Value]) -> Option<Value> {
    for event in told {
        match event["type"].as_str().unwrap() {
            "began" => shown = Some(json!({"turn": event["turn"], "text": "", "reasoning": "", "tools": []})),
            "snapshot" => {
                let turn = &event["turn"];
                let tools = turn["tools"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|tool| tool["output"].clone());
                let tools: Vec<Value> = tools.collect();
                shown = Some(
                    json!({"turn": turn["turn"], "text": turn["text"], "reasoning": turn["reasoning"], "tools": tools}),
                );
            }
            "ended" => shown = None,
            kind @ ("text" | "reasoning") => {
                let known = shown.as_mut().unwrap();
                known[kind] = (known[kind].as_str().unwrap().to_owned() + event["delta"].as_str().unwrap()).into();
            }
            "tool" => {
                let tools = shown.as_mut().unwrap()["tools"].as_array_mut().unwrap();
                match tools.first_mut() {
                    None => tools.push(event["output"].clone()),
                    Some(known) => {
                        *known = (known.as_str().unwrap().to_owned() + event["output"].as_str().unwrap()).into();
                    }
                }
            }
            _ => {}
        }
    }
    shown
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is lost on the way: when words arrive again, the page shows what has come, each piece once and in order.
    #[test]
    fn what_is_lost_is_made_up_for(steps in vec((0..6_u8, 0..3_u8), 1..60)) {
        let (answers, mut looks) = (House::new("a"), House::new("b"));
        let mut now = Instant::now();
        let mut page = None;
        looks.watches();
        answers.happens(Live::Began(TURN.to_owned()));
        for (n, (what, loss)) in steps.iter().enumerate() {
            let call = ToolCall { id: "c".to_owned(), name: "exec".to_owned(), arguments: Map::new() };
            answers.happens(match what {
                0 | 1 => text(&format!("{n} ")),
                2 => Live::Model(ModelEvent::Reasoning(format!("({n}) "))),
                3 => Live::Tool(call, ToolState::Piece(format!("[{n}]"))),
                // Much at once, and not more than can be said.
                4 if n % 6 == 0 => text(&"x".repeat(70 << 10)),
                _ => model(),
            });
            now += Duration::from_millis(700);
            let mut count = 0_u8;
            let mut lost = || {
                count = count.wrapping_add(1);
                *loss == 1 || (*loss == 2 && count.is_multiple_of(2))
            };
            both_speak(&answers, &looks, &mut lost, now);
            page = shown(page, &looks.told());
        }
        for _ in 0..3 {
            now += Duration::from_secs(5);
            both_speak(&looks, &answers, &mut || false, now);
        }
        // A connection that was made anew says that something may be missing.
        carry(&answers, &looks, answers.feed.hear(Heard::Missed, now), &mut || false, now);
        page = shown(page, &looks.told());
        let running = answers.running().unwrap();
        prop_assert_eq!(looks.running().map(|known| known.text), Some(running.text.clone()));
        let tools: Vec<&str> = running.tools.iter().map(|tool| tool.output.as_str()).collect();
        let expected = json!({"turn": TURN, "text": running.text, "reasoning": running.reasoning, "tools": tools});
        prop_assert_eq!(page, Some(expected));
        answers.happens(Live::Ended);
        both_speak(&answers, &looks, &mut || false, now);
        prop_assert_eq!(looks.running(), None);
    }
}
