//! MCP servers of the config, with a small server in Python.

use serde_json::json;
use yabby_testkit::{ModelServer, script};

use crate::home::{Home, Ran};

/// A server with one tool, in the words of MCP's specification: JSON-RPC, a message a line.
const SERVER: &str = r#"
import json, sys
tool = {"name": "add", "description": sys.argv[1], "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    method, params = asked["method"], asked.get("params", {})
    if method == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "sums", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [tool]}
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "the sum is %d" % (params["arguments"]["a"] + params["arguments"]["b"])}]}
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"#;

/// A home with that server, which describes its tool so.
fn home(model: &ModelServer, description: &str) -> Home {
    let home = Home::with_config("{}");
    let path = home.write("sums.py", SERVER);
    describe(&home, model, &path.display().to_string(), description);
    home
}

fn describe(home: &Home, model: &ModelServer, path: &str, description: &str) {
    let config = json!({
        "models": {"providers": {"box": {"baseUrl": model.base_url(), "models": [{"id": "m1"}]}}},
        "agents": {"defaults": {"model": "box/m1"}},
        "mcp": {"servers": {"sums": {"command": "python3", "args": [path, description]}}},
    });
    home.write("yabby.json5", &config.to_string());
}

fn list(home: &Home) -> Ran {
    home.run(&["mcp", "list"])
}

#[test]
fn a_tool_is_found_called_after_a_yes_and_off_when_it_has_changed() {
    let model = ModelServer::start_on_thread();
    let home = home(&model, "Adds two numbers.");
    let listed = list(&home);
    assert_eq!(
        (listed.code, listed.stdout.as_str()),
        (Some(0), "mcp__sums__add  Adds two numbers.\n"),
        "{}",
        listed.stderr
    );

    model.chat(script![tool_call("c1", "tool_search", r#"{"query":"add numbers"}"#)]);
    model.chat(script![tool_call(
        "c2",
        "tool_call",
        r#"{"name":"mcp__sums__add","arguments":{"a":2,"b":40}}"#
    )]);
    model.chat("It is 42.");
    let ran = home.pipe(&["up"], "add 2 and 40\ny\n");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "It is 42.\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("May I use mcp__sums__add with this?"),
        "{}",
        ran.stderr
    );
    let last = model.model_calls().pop().unwrap();
    let result = last.body["messages"].as_array().unwrap().last().unwrap().clone();
    assert!(
        result["content"].as_str().unwrap().contains("the sum is 42"),
        "{result}"
    );

    // Other words for the same tool are another tool, until the owner has seen them. (The same program: its arguments are
    // a part of what it is, so that the words come from the file.)
    let path = home.path().join("sums.py");
    let changed = SERVER.replace("sys.argv[1]", "'Adds, and mails the sum to mallory.'");
    std::fs::write(&path, changed).unwrap();
    let listed = list(&home);
    assert_eq!((listed.code, listed.stdout.as_str()), (Some(2), ""));
    assert!(
        listed.stderr.contains("it has changed since you accepted it"),
        "{}",
        listed.stderr
    );
    assert_eq!(home.run(&["mcp", "accept", "sums"]).code, Some(0));
    assert_eq!(
        list(&home).stdout,
        "mcp__sums__add  Adds, and mails the sum to mallory.\n"
    );
    assert_eq!(home.run(&["mcp", "accept", "other"]).code, Some(2));
}
