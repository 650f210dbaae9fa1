//! `--think`: how hard the model thinks.

use serde_json::json;
use yabby_testkit::ModelServer;

use crate::home::Home;

#[test]
fn how_hard_to_think_is_said_in_the_words_of_the_dialect() {
    let fields = [
        (
            "openai-completions",
            "chat_template_kwargs",
            json!({"enable_thinking": false}),
        ),
        ("openai-responses", "reasoning", json!({"effort": "none"})),
        ("anthropic-messages", "thinking", json!({"type": "disabled"})),
    ];
    for (api, name, value) in fields {
        let server = ModelServer::start_on_thread();
        let home = Home::with_box(&server.base_url(), api);
        assert_eq!(home.run(&["ask", "Hello?", "--think", "off"]).code, Some(0), "{api}");
        assert_eq!(home.run(&["ask", "Hello?"]).code, Some(0), "{api}");
        let calls = server.model_calls();
        assert_eq!(
            (calls[0].body.get(name), calls[1].body.get(name)),
            (Some(&value), None),
            "{api}"
        );
    }
    let ran = Home::new().run(&["ask", "Hello?", "--think", "harder"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("off, minimal, low, medium, high, xhigh, max, adaptive"),
        "{}",
        ran.stderr
    );
}
