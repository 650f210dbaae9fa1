use futures_util::{StreamExt, stream};
use proptest::prelude::*;
use tokio::time::{advance, sleep};
use yabby_core::Lang;

use super::*;

fn qwen() -> ModelRef {
    "box/qwen3".parse().unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn model(progress: Progress) -> RouteEvent {
    RouteEvent::Model(ModelEvent::Progress(progress))
}

fn prefill(done: u32) -> RouteEvent {
    model(Progress::Prefill { done, total: 23_010 })
}

/// The lines that are told of these events, which come after so many seconds each, with the second in which they are told.
async fn told(events: Vec<(u64, RouteEvent)>, until: u64) -> Vec<String> {
    let begun = Instant::now();
    let mut telling = Telling::new(begun);
    let mut events = Box::pin(stream::iter(events).then(|(at, event)| async move {
        tokio::time::sleep_until(begun + secs(at)).await;
        event
    }));
    let mut lines = Vec::new();
    let end = sleep(secs(until));
    tokio::pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return lines,
            Some(event) = events.next() => telling.saw(&event, Instant::now()),
            () = telling.wait() => {}
        }
        if let Some(line) = telling.line(Instant::now()) {
            lines.push(format!("{} {}", begun.elapsed().as_secs(), line.english()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_quick_answer() {
    let quick = vec![
        (0, RouteEvent::Trying(qwen())),
        (1, model(Progress::Loading { usual: None })),
        (7, RouteEvent::Model(ModelEvent::Text("Hi".to_owned()))),
        (14, RouteEvent::Model(ModelEvent::Text("!".to_owned()))),
    ];
    assert_eq!(told(quick, 60).await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_cold_model_is_told_step_by_step() {
    let loading = |usual| model(Progress::Loading { usual });
    let cold = vec![
        (0, RouteEvent::Trying(qwen())),
        (1, loading(Some(secs(40)))),
        (2, model(Progress::Alive)),
        (20, loading(Some(secs(40)))),
        (41, prefill(0)),
        (45, prefill(9500)),
        (60, prefill(14_000)),
        (80, prefill(20_000)),
        (90, RouteEvent::Model(ModelEvent::Reasoning("Hm".to_owned()))),
        (120, RouteEvent::Model(ModelEvent::Text("Yes".to_owned()))),
    ];
    assert_eq!(
        told(cold, 200).await,
        [
            "8 loading qwen3 (40 s usually)",
            "41 reading 23k tokens, 0 %",
            "71 reading 23k tokens, 60 %",
            "90 qwen3 is thinking",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_within_eight_seconds_waits_for_its_turn() {
    let queued = |ahead| model(Progress::Queued { ahead, expected: None });
    let busy = vec![
        (0, RouteEvent::Trying(qwen())),
        (1, queued(2)),
        (9, queued(1)),
        (10, queued(0)),
        (11, RouteEvent::Trying(qwen())),
        (
            12,
            model(Progress::Working {
                expected: Some(secs(20)),
            }),
        ),
    ];
    assert_eq!(
        told(busy, 100).await,
        ["8 2 ahead of you", "16 qwen3 is reading the prompt (about 20 s)"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_notice_is_a_line_too() {
    let other: ModelRef = "far/gpt".parse().unwrap();
    let fallback = vec![
        (0, RouteEvent::Trying(qwen())),
        (10, RouteEvent::Notice(text!("{model} answers again", model = "x"))),
        (10, RouteEvent::Trying(other)),
    ];
    assert_eq!(told(fallback, 100).await, ["8 waiting for qwen3", "18 waiting for gpt"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_the_middle_is_told_as_well() {
    let text = |piece: &str| RouteEvent::Model(ModelEvent::Text(piece.to_owned()));
    let paused = vec![
        (0, RouteEvent::Trying(qwen())),
        (3, text("So")),
        (5, model(Progress::Working { expected: None })),
        (30, text(" it is.")),
    ];
    assert_eq!(told(paused, 100).await, ["11 qwen3 is reading the prompt"]);
}

#[test]
fn the_words() {
    let time = Some(Duration::from_millis(2400));
    for (progress, words, chinese) in [
        (Progress::Loading { usual: None }, "loading qwen3", "正在載入 qwen3"),
        (
            Progress::Loading { usual: Some(secs(40)) },
            "loading qwen3 (40 s usually)",
            "正在載入 qwen3（通常 40 秒）",
        ),
        (
            Progress::Prefill {
                done: 9435,
                total: 23_010,
            },
            "reading 23k tokens, 41 %",
            "正在讀取 23k 個 token，已完成 41 %",
        ),
        (
            Progress::Prefill { done: 0, total: 0 },
            "qwen3 is reading the prompt",
            "qwen3 正在讀取提示詞",
        ),
        (
            Progress::Queued {
                ahead: 0,
                expected: None,
            },
            "all slots of the server are taken; you are next",
            "伺服器目前沒有空位，下一個就輪到你",
        ),
        (
            Progress::Queued {
                ahead: 0,
                expected: time,
            },
            "all slots of the server are taken; you are next, in about 2 s",
            "伺服器目前沒有空位，下一個就輪到你，大約還要 2 秒",
        ),
        (
            Progress::Queued {
                ahead: 2,
                expected: None,
            },
            "2 ahead of you",
            "前面還有 2 個",
        ),
        (
            Progress::Queued {
                ahead: 2,
                expected: time,
            },
            "2 ahead of you, about 2 s",
            "前面還有 2 個，大約 2 秒",
        ),
    ] {
        let text = progress_words("qwen3", progress).unwrap();
        assert_eq!(
            (text.english().as_str(), text.render(Lang::ZhTw).as_str()),
            (words, chinese)
        );
    }
    assert_eq!(progress_words("qwen3", Progress::Alive), None);
}

#[test]
fn tokens_are_rounded() {
    let rounded: Vec<String> = [0, 999, 1000, 1049, 1050, 9949, 9950, 23_010, 999_500, u32::MAX]
        .map(rounded)
        .to_vec();
    assert_eq!(
        rounded,
        [
            "0", "999", "1k", "1k", "1.1k", "9.9k", "10k", "23k", "1000k", "4294967k"
        ]
    );
}

fn event() -> impl Strategy<Value = RouteEvent> {
    let wait = prop_oneof![Just(None), (0_u64..100).prop_map(|time| Some(secs(time)))];
    let progress = prop_oneof![
        wait.clone().prop_map(|usual| Progress::Loading { usual }),
        (0_usize..4, wait.clone()).prop_map(|(ahead, expected)| Progress::Queued { ahead, expected }),
        wait.prop_map(|expected| Progress::Working { expected }),
        (0_u32..50).prop_map(|done| Progress::Prefill { done, total: 40 }),
        Just(Progress::Alive),
    ];
    let heard = prop_oneof![
        5 => progress.prop_map(ModelEvent::Progress),
        1 => Just(ModelEvent::Reasoning("r".to_owned())),
        1 => Just(ModelEvent::Text("t".to_owned())),
    ];
    let asked = prop_oneof![Just("box/qwen3"), Just("far/gpt")];
    prop_oneof![
        1 => asked.prop_map(|name| RouteEvent::Trying(name.parse().unwrap())),
        7 => heard.prop_map(RouteEvent::Model),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever happens whenever: at most one line in eight seconds, none says what the last one said, numbers of the same
    /// work come every thirty seconds at most, none comes within eight seconds of a word of the answer, and nobody waits
    /// longer than that for the first.
    #[test]
    fn lines_are_few_and_new(events in proptest::collection::vec((0_u64..20_000, event()), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut telling = Telling::new(Instant::now());
            let mut seen = Instant::now();
            let mut known = None;
            let mut last: Option<(Instant, Text)> = None;
            for (pause, event) in events {
                let until = Instant::now() + Duration::from_millis(pause);
                loop {
                    let now = Instant::now();
                    if let Some(line) = telling.line(now) {
                        prop_assert!(now >= seen + secs(8));
                        if let Some((at, words)) = &last {
                            prop_assert!(now >= *at + secs(8), "{:?} after {:?}", line, words);
                            prop_assert!(*words != line, "{:?} twice", words);
                        }
                        prop_assert!(telling.line(now).is_none());
                        last = Some((now, line));
                    }
                    let silent_since = last.as_ref().map_or(seen, |(at, _)| seen.max(*at));
                    if known.is_some() && last.is_none() {
                        prop_assert!(now < silent_since + secs(8) + Duration::from_millis(1));
                    }
                    match telling.due().filter(|due| *due <= until) {
                        Some(due) => advance(due.saturating_duration_since(now)).await,
                        None => break,
                    }
                }
                advance(until.saturating_duration_since(Instant::now())).await;
                telling.saw(&event, Instant::now());
                match event {
                    RouteEvent::Model(ModelEvent::Text(_)) => (seen, known) = (Instant::now(), None),
                    _ if telling.words().is_some() && known.is_none() => {
                        known = Some(());
                        // It could not be told before.
                        seen = seen.max(Instant::now().checked_sub(secs(8)).unwrap_or(seen));
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
    }
}
