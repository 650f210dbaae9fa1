//! Servers that are programs, good ones and bad ones.

use super::*;

#[tokio::test]
async fn a_tool_of_a_program_is_offered_and_called() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]});
    let add =
        json!({"name": "add", "description": "Adds.", "inputSchema": schema, "annotations": {"readOnlyHint": true}});
    let place = Place::new(&json!([add]));
    let offer = place.one().await;
    let offered = offer.offer();
    let add = find(&offered, "mcp__test__add");
    insta::assert_debug_snapshot!(add.manifest());
    assert_eq!(run(&add, json!({"a": 2, "b": 40})).await, Ok(Output::text("42")));
    assert_eq!(notices(&offered), "");
}

#[tokio::test]
async fn all_pages_are_read_and_what_the_owner_leaves_out_is_not_offered() {
    let place = Place::new(&tools(&["read", "read_all", "write", "read_secret", "list"]));
    let server = McpServer {
        include: Some(vec!["read*".to_owned(), "list".to_owned()]),
        exclude: vec!["*secret".to_owned()],
        ..place.program("files", "")
    };
    let servers = place.open(vec![server]);
    servers.ready(LONG).await;
    let offered = names(&servers.offer());
    assert_eq!(
        offered,
        ["mcp__files__read", "mcp__files__read_all", "mcp__files__list"]
    );
}

#[tokio::test]
async fn calls_that_go_wrong_say_so_and_the_server_stays() {
    let place = Place::new(&tools(&["failed", "refused", "garbage", "add"]));
    let servers = place.one().await;
    let offer = servers.offer();
    let mut all = Vec::new();
    for name in ["failed", "refused", "garbage"] {
        all.push(told(&find(&offer, &format!("mcp__test__{name}")), json!({})).await);
    }
    assert_eq!(
        all,
        ["Failed: no such city", "Invalid: a must be a number", "after garbage"]
    );
    assert_eq!(
        told(&find(&offer, "mcp__test__add"), json!({"a": 1, "b": 1})).await,
        "2"
    );
}

#[tokio::test]
async fn a_program_gets_a_clean_environment_and_a_group_of_its_own() {
    let place = Place::new(&tools(&["environment"]));
    let servers = place.one().await;
    let told = told(&find(&servers.offer(), "mcp__test__environment"), json!({})).await;
    // Python itself adds LC_CTYPE in some locales.
    assert_eq!(told.replace("LC_CTYPE ", ""), "LANG PATH TOKEN group leader: True");
}

#[tokio::test]
async fn dropping_the_servers_ends_a_program_and_its_children() {
    let place = Place::new(&tools(&["child"]));
    let servers = place.one().await;
    let child = find(&servers.offer(), "mcp__test__child");
    let pid = told(&child, json!({})).await;
    assert!(runs(&pid));
    drop(servers);
    until("the child has ended", || !runs(&pid)).await;
    let after = told(&child, json!({})).await;
    assert!(after.starts_with("Unavailable: "), "{after}");
}

#[tokio::test]
async fn who_never_answers_is_waited_for_no_longer_than_the_limit_and_told() {
    let place = Place::new(&tools(&["silent", "wrong_id"]));
    let server = McpServer {
        timeout: Duration::from_millis(300),
        ..place.program("test", "")
    };
    let servers = place.open(vec![server]);
    servers.ready(LONG).await;
    let offer = servers.offer();
    for name in ["silent", "wrong_id"] {
        let told = told(&find(&offer, &format!("mcp__test__{name}")), json!({})).await;
        assert_eq!(
            told,
            "TimedOut: no answer in 0 s; the call was cancelled, and what it has done is not known"
        );
    }
    let cancelled = || servers.log("test").unwrap().matches("cancelled: ").count() == 2;
    until("both were cancelled", cancelled).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    let place = Place::new(&tools(&["silent"]));
    let servers = place.one().await;
    let silent = find(&servers.offer(), "mcp__test__silent");
    let (arguments, at) = (serde_json::Map::new(), testing::at());
    let log = || servers.log("test").unwrap();
    tokio::select! {
        _ = silent.run(&arguments, &at) => panic!("it was silent"),
        () = until("it was called", || log().contains("silent was called")) => {}
    }
    until("it was cancelled", || log().contains("cancelled: ")).await;
}

#[tokio::test]
async fn a_program_that_ends_during_a_call_is_started_again() {
    let place = Place::new(&tools(&["crash", "add"]));
    let servers = place.one().await;
    let offer = servers.offer();
    let crashed = told(&find(&offer, "mcp__test__crash"), json!({})).await;
    assert_eq!(
        crashed,
        "Unavailable: the MCP server test was lost during the call; look at what it has done before you call again"
    );
    let add = find(&offer, "mcp__test__add");
    // The tools stay while it is away.
    assert_eq!(names(&servers.offer()), names(&offer));
    let mut answer = String::new();
    for _ in 0..1000 {
        answer = told(&add, json!({"a": 1, "b": 2})).await;
        if answer == "3" {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(answer, "3");
    assert!(servers.log("test").unwrap().contains("out of cheese"));
}

#[tokio::test]
async fn who_says_too_much_is_ended() {
    let place = Place::new(&tools(&["endless"]));
    let servers = place.one().await;
    let told = told(&find(&servers.offer(), "mcp__test__endless"), json!({})).await;
    assert!(told.starts_with("Unavailable: the MCP server test was lost"), "{told}");
    let ended = || notices(&servers.offer()).contains("it said more than it may");
    until("the owner is told", ended).await;
}

#[tokio::test]
async fn servers_that_do_not_come_hold_nothing_up_and_the_owner_is_told_why() {
    let place = Place::new(&tools(&["add"]));
    let mut servers: Vec<_> = ["exits", "endless", "silent", "wrong id", "refuses"]
        .into_iter()
        .map(|fault| McpServer {
            connect: Duration::from_secs(2),
            ..place.program(fault, fault)
        })
        .collect();
    servers.push(McpServer::new(
        "absent",
        McpTransport::Program {
            command: "/nowhere/server".to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            folder: None,
        },
    ));
    servers.push(place.program("good", ""));
    let servers = place.open(servers);
    // Nothing is known yet, and nobody waits.
    assert_eq!(names(&servers.offer()), Vec::<String>::new());
    servers.ready(LONG).await;
    let offer = servers.offer();
    assert_eq!(names(&offer), ["mcp__good__add"]);
    insta::assert_snapshot!(notices(&offer));
}

#[tokio::test]
async fn what_a_model_cannot_be_shown_is_left_out() {
    let large = json!({"type": "object", "description": "x".repeat(100 << 10)});
    let mut deep = json!({"type": "object"});
    for _ in 0..40 {
        deep = json!({"type": "object", "properties": {"a": deep}});
    }
    let place = Place::new(&json!([
        {"name": "large", "inputSchema": large},
        {"name": "deep", "inputSchema": deep},
        {"name": "list", "inputSchema": {"type": "array"}},
        {"name": "twice", "inputSchema": {"type": "object"}},
        {"name": "twice", "description": "Another one.", "inputSchema": {"type": "object"}},
    ]));
    let servers = place.one().await;
    let offer = servers.offer();
    assert_eq!(names(&offer), ["mcp__test__twice"]);
    assert_eq!(
        offer.tools[0].manifest().tool.description,
        "twice, of the MCP server test"
    );
    insta::assert_snapshot!(notices(&offer));
}

#[tokio::test]
async fn a_schema_of_ten_megabytes_ends_the_connection() {
    let huge = json!({"type": "object", "description": "x".repeat(10 << 20)});
    let place = Place::new(&json!([{"name": "huge", "inputSchema": huge}]));
    let servers = place.one().await;
    let offer = servers.offer();
    assert_eq!(names(&offer), Vec::<String>::new());
    insta::assert_snapshot!(notices(&offer));
}
