//! What is done.

use std::time::Duration;

use yabby_core::{Confidentiality, Integrity, Label, Lang, Message, Numbers};
use yabby_store::Content;

use super::{
    scripted::{Says, Scene, Scripted},
    talk::{Talk, label},
    trial::is_sound,
};
use crate::{
    Frozen, Note,
    compact::{CompactError, Compacted, Done, Need, NoSummary, Settings},
    render,
};

const GIST: &str = "## Facts about the person\nLikes tea.";

fn says(text: &str) -> Says {
    Says::Text(text.to_owned())
}

/// Turns of many words, with a fact in the first, and a question.
fn words(turns: usize, words: usize) -> Talk {
    let mut talk = Talk::begun(100);
    talk.asks("My locker is 4711. I like tea.");
    talk.answers("Good to know.");
    for _ in 0..turns {
        talk.asks(&"tell ".repeat(words));
        talk.answers(&"well ".repeat(words));
    }
    talk.asks("and now?");
    talk
}

fn compacted(before: u32, after: u32, done: Vec<Done>) -> Compacted {
    Compacted {
        before,
        after,
        done,
        no_summary: None,
        failures: 0,
        attempts: Vec::new(),
    }
}

#[tokio::test]
async fn a_summary_stands_for_what_was_said() {
    let scene = Scene::with(words(8, 400).items).await;
    let before = render(&scene.shown().await);
    let model = Scripted::new(Some(8192), [says(GIST)]);
    let done = scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap();
    assert_eq!(done, compacted(6741, 1898, vec![Done::Summary]));
    let shown = scene.shown().await;
    is_sound(&shown);
    // The question is asked behind what was sent before, and nothing else is different.
    let [asked] = model.asked().try_into().unwrap();
    let (frozen, messages) = before;
    let sent = messages.len() - 1;
    assert_eq!(asked.messages[..sent], messages[..sent]);
    assert_eq!(
        (asked.messages.len(), asked.tools),
        (sent + 1, frozen.clone().unwrap().tools)
    );
    let (after, messages) = render(&shown);
    assert_eq!(after, frozen);
    let Some(Message::User { text, .. }) = messages.first() else {
        panic!("{messages:?}");
    };
    let text = text.replace(&"tell ".repeat(400), "tell …");
    insta::assert_snapshot!(text, @r"
    [What was said before, in short]
    ## Facts about the person
    Likes tea.

    [The person's own words]
    - My locker is 4711.

    [recall finds the messages themselves]

    tell …
    ");
    assert!(matches!(messages.last(), Some(Message::User { text, .. }) if text == "and now?"));
    // It is short enough now.
    let again = scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap();
    assert_eq!(again, compacted(1898, 1898, Vec::new()));
}

#[tokio::test]
async fn what_the_person_said_exactly_outlives_a_second_summary() {
    let scene = Scene::with(words(8, 400).items).await;
    let model = Scripted::new(
        Some(8192),
        [says("The locker is 4711."), says("Tea."), says("Tea again.")],
    );
    let ask = Need::Asked {
        focus: Some("the locker".to_owned()),
    };
    for (turn, kept) in [("1", 1), ("2", 2), ("3", 2)] {
        let mut more = Talk::default();
        for number in 0..8 {
            more.asks(&"tell ".repeat(400));
            more.answers(&"well ".repeat(400));
            more.items.iter_mut().skip(number * 2).for_each(|item| {
                item.turn = Some(format!("{turn}-{number}"));
                item.id = format!("{turn}-{}", item.id);
            });
        }
        if turn != "1" {
            scene
                .store
                .append(&scene.lease, &scene.session, more.items)
                .await
                .unwrap();
        }
        let done = scene
            .compact(&model, turn, ask.clone(), &Settings::default())
            .await
            .unwrap();
        assert!(done.done.contains(&Done::Summary), "{done:?}");
        let shown = scene.shown().await;
        is_sound(&shown);
        let Content::Summary { text, from, .. } = &shown[0].item.content else {
            panic!("{shown:?}");
        };
        assert_eq!((text.matches("4711").count(), *from), (1, 0), "{text}");
        assert_eq!(text.contains("own words"), kept == 2, "{text}");
    }
    let asked = model.asked();
    let Some(Message::User { text, .. }) = asked[0].messages.last() else {
        panic!("{asked:?}");
    };
    assert!(text.ends_with("\nMost important: the locker"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn without_a_summary_the_oldest_turns_go_and_a_line_says_so() {
    for (says, why) in [
        (Says::Fails, NoSummary::Failed),
        (Says::Text(" ".to_owned()), NoSummary::Empty),
        (
            says("Copy paths, names, numbers, ids and dates exactly. Write the summary only."),
            NoSummary::Nothing,
        ),
        (Says::Never, NoSummary::TimedOut),
    ] {
        let scene = Scene::with(words(8, 400).items).await;
        let model = Scripted::new(Some(8192), [says]);
        let done = scene
            .compact(&model, "now", Need::Fit, &Settings::default())
            .await
            .unwrap();
        let expected = Compacted {
            no_summary: Some(why),
            failures: 1,
            ..compacted(6741, 2705, vec![Done::Dropped])
        };
        assert_eq!(done, expected);
        let shown = scene.shown().await;
        is_sound(&shown);
        let Content::Summary { text, .. } = &shown[0].item.content else {
            panic!("{shown:?}");
        };
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @r"
            [The person's own words]
            - My locker is 4711.

            [12 earlier messages were left out; recall finds them]
            ");
        }
        let notice = done.notice().unwrap();
        assert!(
            notice
                .english()
                .starts_with("the beginning of the conversation was left out without a summary: ")
        );
        assert_ne!(notice.render(Lang::ZhTw), notice.english());
    }
}

/// What a person has asked for is done as a whole, or not at all.
#[tokio::test]
async fn what_is_stopped_has_changed_nothing() {
    let mut talk = Talk::begun(10);
    for number in 0..4 {
        talk.asks("read it");
        talk.reads(&format!("f{number}"), 700);
        talk.answers("It has words. ");
    }
    let scene = Scene::with(talk.items).await;
    let before = scene.shown().await;
    let model = Scripted::new(Some(2048), [Says::Never]);
    let asked = async {
        while model.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let settings = Settings::default();
    tokio::select! {
        done = scene.compact(&model, "now", Need::Asked { focus: None }, &settings) => panic!("{done:?}"),
        () = asked => {}
    }
    // Results had to be left out before a summary could be asked for.
    let request = format!("{:?}", model.asked()[0]);
    assert!(request.contains("was left out"), "{request}");
    assert_eq!(scene.shown().await, before);
}

#[tokio::test]
async fn a_summary_that_is_hardly_shorter_is_none() {
    let scene = Scene::with(words(2, 30).items).await;
    let model = Scripted::new(Some(8192), [says(&"long ".repeat(400))]);
    let ask = Need::Asked { focus: None };
    let before = scene.shown().await;
    let done = scene.compact(&model, "now", ask, &Settings::default()).await.unwrap();
    assert_eq!(
        (done.done.as_slice(), done.no_summary),
        (&[][..], Some(NoSummary::TooLong))
    );
    assert_eq!(render(&scene.shown().await), render(&before));
}

#[tokio::test]
async fn after_two_failures_no_model_is_asked_and_the_person_is_told() {
    let scene = Scene::with(words(8, 400).items).await;
    let model = Scripted::new(Some(8192), [Says::Fails, Says::Fails]);
    let mut seen = Vec::new();
    for turn in 0..4 {
        let done = scene
            .compact(&model, &format!("n{turn}"), Need::Fit, &Settings::default())
            .await
            .unwrap();
        let told = done.notice().is_some_and(|notice| notice.english().contains("/new"));
        seen.push((done.no_summary, done.failures, told));
        let mut more = Talk::default();
        for number in 0..6 {
            more.asks(&"tell ".repeat(400));
            more.answers(&"well ".repeat(400));
            more.items.iter_mut().skip(number * 2).for_each(|item| {
                item.turn = Some(format!("m{turn}-{number}"));
                item.id = format!("m{turn}-{number}-{}", item.id);
            });
        }
        scene
            .store
            .append(&scene.lease, &scene.session, more.items)
            .await
            .unwrap();
        if turn == 2 {
            break;
        }
    }
    let failed = Some(NoSummary::Failed);
    assert_eq!(seen, [(failed, 1, false), (failed, 2, true), (None, 0, false)]);
    assert_eq!(model.asked().len(), 2);
}

#[tokio::test]
async fn there_is_one_summary_a_turn() {
    let scene = Scene::with(words(8, 400).items).await;
    let model = Scripted::new(Some(8192), [says(GIST)]);
    scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap();
    let mut more = Talk::default();
    for number in 0..8 {
        more.asks(&"tell ".repeat(400));
        more.answers(&"well ".repeat(400));
        more.items
            .iter_mut()
            .for_each(|item| item.id = format!("{number}{}", item.id));
    }
    scene
        .store
        .append(&scene.lease, &scene.session, more.items)
        .await
        .unwrap();
    let done = scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap();
    assert_eq!((done.done.as_slice(), model.asked().len()), (&[Done::Dropped][..], 1));
    let shown = scene.shown().await;
    let Content::Summary { text, .. } = &shown[0].item.content else {
        panic!("{shown:?}");
    };
    assert!(
        text.starts_with(GIST) && text.contains("- My locker is 4711.") && text.contains("messages were left out"),
        "{text}"
    );
}

#[tokio::test]
async fn what_cannot_fit_is_said() {
    let mut talk = Talk::begun(100);
    talk.asks(&"tell ".repeat(3000));
    let scene = Scene::with(talk.items).await;
    let model = Scripted::new(Some(2048), []);
    let error = scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            CompactError::TooLong {
                tokens: 3233,
                room: 1536,
                prefix: 228
            }
        ),
        "{error:?}"
    );
    insta::assert_snapshot!(error.text().english(), @"this does not fit the window of the model: it has 3233 tokens, and there is room for 1536");
    insta::assert_snapshot!(error.hint().unwrap().english(), @"send less at once, or take a model with a larger window: /model");
    let shown = scene.shown().await;
    assert!(matches!(Note::of(&shown.last().unwrap().item.content), Some(Note::Compacted(past)) if past.failures == 1));
    let mut large = Talk::default();
    large.note(&Note::Prompt(Frozen {
        system: "tell ".repeat(3000),
        tools: Vec::new(),
    }));
    large.asks("hi");
    let scene = Scene::with(large.items).await;
    let error = scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap_err();
    assert!(
        error
            .hint()
            .unwrap()
            .english()
            .starts_with("the prompt and the tools of the agent alone take 30")
    );
}

#[tokio::test]
async fn a_server_that_refused_is_believed() {
    for numbers in [
        Numbers::default(),
        Numbers {
            window: Some(4096),
            ..Numbers::default()
        },
        Numbers {
            prompt_tokens: Some(9000),
            ..Numbers::default()
        },
    ] {
        let scene = Scene::with(words(8, 300).items).await;
        for window in [None, Some(8192)] {
            let model = Scripted::new(window, [says(GIST)]);
            let need = Need::Overflow(numbers);
            let done = scene.compact(&model, "now", need, &Settings::default()).await;
            let shown = scene.shown().await;
            is_sound(&shown);
            assert!(done.is_ok_and(|done| !done.done.is_empty()) || window.is_some());
        }
    }
    let scene = Scene::with(words(8, 300).items).await;
    let model = Scripted::new(None, []);
    let done = scene
        .compact(&model, "now", Need::Fit, &Settings::default())
        .await
        .unwrap();
    assert_eq!(done.done, [], "nothing is known of the window");
}

#[tokio::test]
async fn labels_never_fall() {
    let mut talk = words(8, 400);
    let foreign = Label::new(Integrity::Untrusted, Confidentiality::Secret, "web");
    talk.items[4].label = foreign.clone();
    for says in [says(GIST), Says::Fails] {
        let scene = Scene::with(talk.items.clone()).await;
        let model = Scripted::new(Some(8192), [says]);
        scene
            .compact(&model, "now", Need::Fit, &Settings::default())
            .await
            .unwrap();
        let shown = scene.shown().await;
        assert_eq!(shown[0].item.label, label().join(&foreign));
        // What stands before the conversation keeps its own.
        let prompt = shown
            .iter()
            .find(|item| matches!(Note::of(&item.item.content), Some(Note::Prompt(_))));
        assert_eq!(prompt.unwrap().item.label, label());
    }
}
