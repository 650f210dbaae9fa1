//! The prompt, counted by a real server with its own template and tokenizer.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    llama::{Llama, QWEN, Served},
    place::{err, home, json, run, yabby},
};

/// A workspace in the shape of OpenClaw's.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/fixtures/openclaw");

/// What a person waits for before the first answer keeps to its budget, by the server's own numbers.
#[test]
fn the_prompt_keeps_to_its_budget_by_exact_counts() {
    for window in [8_192, 16_384] {
        let llama = Llama::serve(&Served { window, ..QWEN });
        let config = format!(
            "{{ models: {{ providers: {{ box: {{ baseUrl: 'http://127.0.0.1:{}/v1', models: [{{ id: 'qwen' }}] }} }} }},
               agents: {{ defaults: {{ model: 'box/qwen' }} }} }}",
            llama.port()
        );
        let home = home(&config);
        let ask = || {
            let ran = run(&mut yabby(home.path(), &["prompt", "--json"]));
            assert_eq!(ran.status.code(), Some(0), "{}", err(&ran));
            json(&ran)
        };
        let bare = ask();
        println!("window {window}, nothing written: {} tokens", bare["tokens"]);
        assert_eq!((&bare["exactness"], &bare["window"]), (&"exact".into(), &window.into()));
        let most = if window < 16_000 { 1_200 } else { 2_500 };
        assert!(tokens(&bare) <= most, "{bare}");

        let workspace = home.path().join("workspace");
        fs::create_dir_all(&workspace).unwrap();
        for name in ["AGENTS.md", "SOUL.md", "IDENTITY.md", "USER.md", "TOOLS.md"] {
            fs::copy(Path::new(WORKSPACE).join(name), workspace.join(name)).unwrap();
        }
        fs::write(
            workspace.join("MEMORY.md"),
            "備用鑰匙在三樓鄰居那裡。The spare key is on the third floor.\n\n".repeat(300),
        )
        .unwrap();
        let full = ask();
        println!("window {window}, with files: {} tokens", full["tokens"]);
        assert_eq!(full["exactness"], "exact");
        assert!(tokens(&full) <= full["budget"]["whole"].as_u64().unwrap(), "{full}");
        assert!(tokens(&full) > tokens(&bare), "{full}");
    }
}

fn tokens(told: &Value) -> u64 {
    told["tokens"].as_u64().unwrap()
}
