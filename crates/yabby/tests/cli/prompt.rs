//! `yabby prompt`: what an agent is told before a conversation.

use std::{fs, path::Path};

use serde_json::Value;
use yabby_testkit::ModelServer;

use crate::{
    home::{Home, provider},
    setup::llama_cpp,
};

/// A workspace in the shape of OpenClaw's.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/fixtures/openclaw");

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn config(server: &ModelServer) -> String {
    provider("box", &server.base_url(), "openai-completions").replace("m1", "qwen3-8b")
}

#[test]
fn parts_and_their_tokens_are_shown() {
    let server = llama_cpp(8192);
    let home = Home::with_config(&config(&server));
    copy(Path::new(WORKSPACE), &home.path().join("workspace"));
    let english = home.run(&["prompt"]);
    assert_eq!((english.code, english.stderr.as_str()), (Some(0), ""));
    let home = home.var("YABBY_LANG", "zh-TW");
    let chinese = home.run(&["prompt"]).stdout;
    insta::assert_snapshot!(home.stable(&format!("{}\n----\n{chinese}", english.stdout)));
}

/// The server counts a token for four bytes of a request, headers and all: more than is estimated.
#[test]
fn what_is_counted_fits_the_budget_and_adds_up() {
    let server = llama_cpp(4096);
    let home = Home::with_config(&config(&server));
    let workspace = home.path().join("workspace");
    copy(Path::new(WORKSPACE), &workspace);
    fs::write(
        workspace.join("MEMORY.md"),
        "Something to be remembered.\n\n".repeat(900),
    )
    .unwrap();
    let ran = home.run(&["prompt", "--agent", "main", "--model", "box/qwen3-8b", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let sum = |list: &str| {
        let parts = told[list].as_array().unwrap().iter();
        parts.map(|part| part["tokens"].as_u64().unwrap()).sum::<u64>()
    };
    let whole = told["tokens"].as_u64().unwrap();
    assert_eq!(
        sum("sections") + sum("tools") + told["template"].as_u64().unwrap(),
        whole
    );
    assert!(whole <= told["budget"]["whole"].as_u64().unwrap(), "{told}");
    assert_eq!(
        (
            told["exactness"].as_str(),
            told["window"].as_u64(),
            told["agent"].as_str()
        ),
        (Some("exact"), Some(4096), Some("main"))
    );
    let memory = told["sections"].as_array().unwrap().iter();
    let memory = memory.filter(|section| section["name"] == "MEMORY.md").count();
    let left_out = told["leftOut"].as_array().unwrap().contains(&"MEMORY.md".into());
    assert_eq!(memory == 0, left_out, "{told}");
    assert!(told["system"].as_str().unwrap().contains("# Trust"));
}

/// Where nothing but OpenClaw is set up, its config and its workspace are used as they are.
#[test]
fn the_workspace_of_openclaw_is_read() {
    let server = llama_cpp(32768);
    let home = Home::new();
    let openclaw = home.path().join(".openclaw");
    copy(Path::new(WORKSPACE), &openclaw.join("workspace"));
    fs::write(
        openclaw.join("openclaw.json"),
        format!(
            "{{ models: {{ providers: {{ box: {{ baseUrl: '{}', models: [{{ id: 'qwen3-8b' }}] }} }} }},
               agents: {{ defaults: {{ model: 'box/qwen3-8b' }}, list: [{{ id: 'main' }}, {{ id: 'tutor', name: 'Tutor' }}] }} }}",
            server.base_url()
        ),
    )
    .unwrap();
    fs::create_dir_all(openclaw.join("workspace-tutor")).unwrap();
    fs::write(openclaw.join("workspace-tutor/AGENTS.md"), "Explain, do not solve.").unwrap();
    let names = |arguments: &[&str]| {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        let sections = told["sections"].as_array().unwrap().iter();
        let names: Vec<String> = sections
            .filter(|section| section["source"] == "file")
            .map(|section| section["name"].as_str().unwrap().to_owned())
            .collect();
        (names, told["system"].as_str().unwrap().to_owned())
    };
    let (main, text) = names(&["prompt", "--json"]);
    assert_eq!(
        main,
        [
            "AGENTS.md",
            "SOUL.md",
            "IDENTITY.md",
            "USER.md",
            "TOOLS.md",
            "MEMORY.md"
        ]
    );
    assert!(text.contains("**Name:** Momo") && !text.contains("You are Yabby"));
    let (tutor, text) = names(&["prompt", "--agent", "tutor", "--json"]);
    assert_eq!(tutor, ["AGENTS.md"]);
    assert!(text.starts_with("You are Tutor, ") && text.ends_with("Explain, do not solve."));
}

#[test]
fn without_a_model_it_is_estimated() {
    let home = Home::new();
    let ran = home.run(&["prompt"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    // The name of the folder is a part of the prompt, and another one in each run: the parts are rounded so that they
    // add up, and one of them has a token more or less.
    let told = home.stable(&ran.stdout);
    let (before, rest) = told.split_once("notes\n").unwrap();
    let (table, after) = rest.split_once("\n\n").unwrap();
    let masked = table.lines().map(|line| {
        let words = line.split_whitespace();
        let words = words.map(|word| {
            if word.parse::<u32>().is_ok_and(|n| n > 8) {
                "N"
            } else {
                word
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    let masked = masked.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(format!("{before}notes\n{masked}\n\n{after}"));
    let ran = home.run(&["prompt", "--agent", "nobody"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}
