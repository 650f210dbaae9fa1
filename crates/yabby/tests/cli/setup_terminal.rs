//! `yabby setup` with a person at a terminal.

use std::collections::BTreeSet;

use yabby_testkit::{ModelServer, ServerKind};

use crate::{
    home::Home,
    setup::{able, config, files, found_at, llama_cpp},
    tty::Tty,
};

/// Two servers; the second one has a model that is not loaded.
fn two() -> (ModelServer, ModelServer, Home) {
    let llama = llama_cpp(16384);
    able(&llama);
    let ollama = ModelServer::start_on_thread();
    ollama.kind(ServerKind::Ollama {
        allocated: None,
        trained: 40960,
    });
    ollama.models(&["llama3.2:3b"]);
    let home = found_at(&[("llamacpp", &llama), ("ollama", &ollama)]);
    (llama, ollama, home)
}

#[test]
fn enter_takes_what_is_recommended() {
    let (_llama, ollama, home) = two();
    let mut tty = Tty::run(&home, &["setup"]);
    tty.sees("Which model first? Its number, or 0 to change nothing [1] ");
    tty.press("\r");
    tty.sees("Which one when that cannot answer? Its number, or 0 for none [2] ");
    tty.press("x\r");
    tty.sees("type one of the numbers above, or press Enter for 2");
    tty.press("\r");
    tty.sees("Write this? [Y/n] ");
    assert_eq!(config(&home), "");
    tty.press("\r");
    tty.sees("yabby.json5 is written");
    assert_eq!(tty.ends().0, Some(0));
    assert_eq!(ollama.model_calls().len(), 0);
    let written = config(&home);
    assert!(
        written.contains(r#"model: { primary: "llamacpp/qwen3-8b", fallbacks: ["ollama/llama3.2:3b"] }"#),
        "{written}"
    );
}

#[test]
fn another_model_is_loaded_when_that_is_wanted() {
    let (_llama, ollama, home) = two();
    able(&ollama);
    let mut tty = Tty::run(&home, &["setup"]);
    tty.sees("change nothing [1] ");
    tty.press("2\r");
    tty.sees("ollama/llama3.2:3b is not loaded. Load and try it now? It may take minutes. [Y/n] ");
    assert_eq!(ollama.model_calls().len(), 0);
    tty.press("y\r");
    tty.sees("native");
    tty.sees("none [1] ");
    tty.press("0\r");
    tty.sees("Write this? [Y/n] ");
    tty.press("\r");
    tty.sees("is written");
    assert_eq!((tty.ends().0, ollama.model_calls().len()), (Some(0), 3));
    let written = config(&home);
    assert!(
        written.contains(r#"model: { primary: "ollama/llama3.2:3b" }"#),
        "{written}"
    );
}

#[test]
fn whoever_leaves_or_says_no_changes_nothing() {
    for (keys, code) in [
        (["0\r", ""], 0),
        (["\x04", ""], 130),
        (["1\r", "0\r\x04"], 130),
        (["1\r", "0\rn\r"], 0),
    ] {
        let (_llama, _ollama, home) = two();
        let mut tty = Tty::run(&home, &["setup"]);
        tty.sees("change nothing [1] ");
        tty.press(keys[0]);
        if !keys[1].is_empty() {
            tty.sees("none [2] ");
            tty.press(keys[1]);
        }
        let (ended, shown) = tty.ends();
        assert_eq!((ended, files(&home)), (Some(code), BTreeSet::new()), "{keys:?} {shown}");
    }
}
