//! Finding tools and calling them.

use serde_json::{Map, Value, json};
use yabby_core::{MalformedCall, ToolCall};
use yabby_tools::{Registry, ToolErrorKind};

use super::{tools::Search, *};
use crate::prompt::tests::toolbox;

fn named(names: &[&str]) -> Vec<yabby_core::Tool> {
    let tools = toolbox();
    let mut told: Vec<yabby_core::Tool> = names
        .iter()
        .map(|name| tools.get(name).unwrap().manifest().tool.clone())
        .collect();
    told.push(search_manifest().tool);
    told.push(call_manifest().tool);
    told
}

fn search(query: &str) -> String {
    let shown = ["read", "write"].map(str::to_owned).into_iter().collect();
    Search::new(&toolbox(), &shown).answer(query, 2_000)
}

/// The names in an answer, in their order.
fn found(query: &str) -> Vec<String> {
    search(query)
        .split("\n\n")
        .filter_map(|piece| piece.lines().next()?.split_once(": "))
        .map(|(name, _)| name.to_owned())
        .filter(|name| toolbox().get(name).is_some())
        .collect()
}

#[test]
fn what_is_asked_for_comes_first() {
    for (query, first) in [
        ("remind me tomorrow", "remind"),
        ("set a timer or reminder", "remind"),
        ("提醒我明天開會", "remind"),
        ("搜尋網頁", "web_search"),
        ("搜索网页", "web_search"),
        ("看看行事曆", "calendar__list_events"),
        ("create a calendar event", "calendar__create_event"),
        ("傳訊息給小明", "send_message"),
        ("send_message", "send_message"),
        ("執行命令", "exec"),
        ("run a program in the background", "process"),
        ("讀檔案", "read"),
        ("what did we talk about in earlier conversations", "recall"),
    ] {
        assert_eq!(
            found(query).first().map(String::as_str),
            Some(first),
            "{query}: {:?}",
            found(query)
        );
    }
}

#[test]
fn answers_say_what_to_do_next() {
    insta::assert_snapshot!("found", search("write a file"));
    insta::assert_snapshot!("nothing_fits", search("zebra"));
    let none = Search::new(&Registry::default(), &std::collections::BTreeSet::new());
    assert_eq!(none.answer("x", 99), "There are no more tools than those that you see.");
}

fn meant(call: &str, arguments: &Value) -> Result<(String, Value), (ToolErrorKind, String)> {
    let toolset = Toolset::new(toolbox(), &named(&["read"]));
    let call = ToolCall {
        id: "call-1".to_owned(),
        name: call.to_owned(),
        arguments: arguments.as_object().cloned().unwrap_or_else(Map::new),
    };
    match toolset.meant(&call) {
        Ok(meant) => {
            assert_eq!(meant.call.id, "call-1");
            assert_eq!(meant.tool.manifest().tool.name, meant.call.name);
            Ok((meant.call.name, json!(meant.call.arguments)))
        }
        Err(error) => Err((error.kind, error.message)),
    }
}

#[test]
fn a_call_means_the_found_tool() {
    let remind = Ok(("remind".to_owned(), json!({"when": "08:00", "text": "tea"})));
    for arguments in [
        json!({"name": "remind", "arguments": {"when": "08:00", "text": "tea"}}),
        json!({"name": " remind ", "arguments": "{\"when\": \"08:00\", \"text\": \"tea\"}"}),
        json!({"name": "remind", "when": "08:00", "text": "tea"}),
        json!({"name": "remind", "arguments": {}, "when": "08:00", "text": "tea"}),
    ] {
        assert_eq!(meant("tool_call", &arguments), remind, "{arguments}");
    }
    // As with a call of its own, a number becomes the text that the schema wants.
    let number = json!({"name": "remind", "arguments": {"when": 8, "text": "tea"}});
    assert_eq!(
        meant("tool_call", &number),
        Ok(("remind".to_owned(), json!({"when": "8", "text": "tea"})))
    );
    let direct = json!({"path": "a"});
    assert_eq!(meant("read", &direct), Ok(("read".to_owned(), direct)));
    assert!(meant("tool_search", &json!({"query": "x"})).is_ok());
    let through = json!({"name": "tool_search", "arguments": {"query": "x"}});
    assert_eq!(
        meant("tool_call", &through),
        Ok(("tool_search".to_owned(), json!({"query": "x"})))
    );
}

#[test]
fn a_call_that_means_nothing_says_what_would() {
    let mut said = Vec::new();
    for arguments in [
        json!({}),
        json!({"name": "tool_call", "arguments": {}}),
        json!({"name": "rmind", "arguments": {}}),
        json!({"name": "remind", "arguments": [1]}),
        json!({"name": "remind", "arguments": "tea"}),
        json!({"name": "remind", "arguments": {"text": "tea"}}),
    ] {
        let (kind, message) = meant("tool_call", &arguments).unwrap_err();
        said.push(format!("{arguments}\n  {kind:?}: {message}"));
    }
    insta::assert_snapshot!(said.join("\n"));
}

/// Qwen2.5-Coder-1.5B wrote such a call of a tool that it had only been told the name of.
#[test]
fn an_unseen_tool_may_be_called_by_its_name() {
    let toolset = Toolset::new(toolbox(), &named(&["read"]));
    let unseen = |name: &str, arguments: &str| {
        let call = MalformedCall {
            id: "c".to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            problem: "the tool does not exist".to_owned(),
        };
        let meant = toolset.meant_unseen(&call)?;
        Some((meant.call.id, meant.call.name, json!(meant.call.arguments)))
    };
    let arguments = r#"{"to": "Wei", "text": "late"}"#;
    let expected = (
        "c".to_owned(),
        "send_message".to_owned(),
        json!({"to": "Wei", "text": "late"}),
    );
    assert_eq!(unseen("send_message", arguments), Some(expected));
    for (name, arguments) in [
        ("send_message", "late"),
        ("send_message", "{}"),
        ("nothing", "{}"),
        // What the model sees was refused for its arguments.
        ("read", r#"{"path": "a"}"#),
    ] {
        assert_eq!(unseen(name, arguments), None, "{name} {arguments}");
    }
}
