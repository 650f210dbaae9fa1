//! Commands that go on by themselves.

use super::*;

/// Polls until `wanted` was said or it has ended.
async fn until(place: &Place, id: &str, wanted: &str) -> String {
    let mut said = String::new();
    while !said.contains(wanted) {
        let told = place.told("process", json!({"action": "poll", "id": id})).await;
        let (text, state) = told.rsplit_once("\n[").unwrap();
        if text != "(no new output)" {
            said += text;
            said += "\n";
        }
        if !state.starts_with("running") {
            break;
        }
    }
    said
}

#[tokio::test]
async fn a_program_in_the_background_is_polled_written_to_and_killed() {
    let place = Place::new(quick());
    let process = |arguments: Value| place.told("process", arguments);
    assert_eq!(
        process(json!({"action": "list"})).await,
        "no programs in the background"
    );
    let started = place
        .told(
            "exec",
            json!({"command": "echo hello; while read line; do echo \"<$line>\"; done; sleep 600", "background": true}),
        )
        .await;
    assert_eq!(
        started,
        "started as p1; see to it with process, such as action poll, id p1 | command started in the background as p1"
    );
    assert_eq!(until(&place, "p1", "hello").await, "hello\n");
    assert_eq!(
        process(json!({"action": "write", "id": "p1", "input": "one\ntwo\n"})).await,
        "written to p1; see what it says with action poll | input written to p1"
    );
    assert_eq!(until(&place, "p1", "<two>").await, "<one>\n<two>\n");
    let at = At {
        now: testing::at().now + Duration::from_secs(7),
        ..testing::at()
    };
    let list = place
        .run_at("process", json!({"action": "list"}), at)
        .await
        .unwrap()
        .text;
    assert_eq!(
        list,
        "p1: running, started 7 s ago: echo hello; while read line; do echo \"<$line>\"; done; sleep 600\n"
    );
    assert_eq!(
        process(json!({"action": "log", "id": "p1"})).await,
        "hello\n<one>\n<two>\n[running]"
    );
    assert_eq!(
        process(json!({"action": "poll", "id": "p1", "offset": 6})).await,
        "<one>\n<two>\n[running; offset 18]"
    );
    assert_eq!(
        process(json!({"action": "kill", "id": "p1"})).await,
        "p1: stopped | p1 stopped"
    );
    assert_eq!(
        [
            process(json!({"action": "kill", "id": "p1"})).await,
            process(json!({"action": "poll", "id": "p1"})).await,
            process(json!({"action": "write", "id": "p1", "input": "x"})).await,
            process(json!({"action": "poll", "id": "p9"})).await,
            process(json!({"action": "poll"})).await,
            process(json!({"action": "dance"})).await,
        ],
        [
            "p1: stopped",
            "(no new output)\n[stopped; offset 18]",
            "Unavailable: it reads no more input; see how it is with action poll",
            "NotFound: no background program is p9; see them with action list",
            "Invalid: the id is missing; see them with action list",
            "Invalid: the arguments do not fit: unknown variant `dance`, expected one of `list`, `poll`, `log`, `write`, `kill`",
        ]
    );
}

#[tokio::test]
async fn there_is_a_limit_and_the_end_of_one_makes_room() {
    let place = Place::new(ExecSettings {
        processes: 2,
        ..quick()
    });
    let start = |command: &'static str| place.told("exec", json!({"command": command, "background": true}));
    start("read line; exit 4").await;
    start("sleep 600").await;
    assert_eq!(
        start("true").await,
        "Unavailable: 2 programs run in the background, which is the most; end one with process kill"
    );
    place
        .told("process", json!({"action": "write", "id": "p1", "input": "\n"}))
        .await;
    until(&place, "p1", "never").await;
    assert_eq!(
        place.told("process", json!({"action": "log", "id": "p1"})).await,
        "(no new output)\n[exit status 4]"
    );
    assert!(start("true").await.starts_with("started as p3"));
}

#[tokio::test]
async fn those_that_ended_long_ago_are_forgotten() {
    let place = Place::new(quick());
    for number in 1..=20 {
        place.told("exec", json!({"command": "true", "background": true})).await;
        until(&place, &format!("p{number}"), "never").await;
    }
    let list = place.told("process", json!({"action": "list"})).await;
    let ids: Vec<&str> = list.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!((ids.len(), ids.first(), ids.last()), (16, Some(&"p5"), Some(&"p20")));
}

#[tokio::test]
async fn when_nobody_has_the_tools_any_more_all_are_killed() {
    let place = Place::new(ExecSettings::default());
    let command = json!({"command": "trap '' TERM; echo $$; sleep 600 & echo $!; wait; sleep 600", "background": true});
    place.told("exec", command).await;
    let mut pids = String::new();
    while pids.lines().count() < 2 {
        pids += &until(&place, "p1", "\n").await;
    }
    assert!(pids.lines().all(runs));
    drop(place);
    for pid in pids.lines() {
        gone(pid).await;
    }
}

#[test]
fn looking_is_harmless_and_input_is_a_command() {
    let place = Place::new(quick());
    let effect = |name: &str, arguments: Value| place.tool(name).effect(arguments.as_object().unwrap());
    let process =
        ["list", "poll", "log", "kill", "write", ""].map(|action| effect("process", json!({"action": action})));
    assert_eq!(
        process,
        [
            Effect::Read,
            Effect::Read,
            Effect::Read,
            Effect::Write,
            Effect::Exec,
            Effect::Exec
        ]
    );
    assert_eq!(effect("exec", json!({"command": "true"})), Effect::Exec);
}
