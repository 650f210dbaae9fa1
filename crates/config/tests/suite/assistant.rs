//! What agents are told and may do, as the config says.

use std::{collections::BTreeSet, path::Path, time::Duration};

use proptest::prelude::*;
use serde_json::json;
use yabby_config::{
    ApiKey, AssistantSettings, CompactionSettings, Environment, ExecAsk, ExecSecurity, ExecSettings, FetchSettings,
    FileRoot, HybridSearch, KeySource, KeyStatus, LoopDetection, McpServer, McpTransport, MemorySettings,
    MessageSettings, ModelPolicy, Paths, PromptSettings, PruningSettings, QueueDrop, QueueMode, Reach, ReasoningShown,
    SearchSettings, SkillEntry, SubagentSettings, Thinking, TimeFormat, ToolChoice, ToolProfile, ToolSettings,
    TurnLimits, ValueSource, Verbosity,
};
use yabby_core::{Lang, Secret};

use super::support::{Home, summary, text, with_env};

const WHOLE: &str = include_str!("../../fixtures/5-assistant.json5");

fn words<T: FromIterator<String>>(words: &[&str]) -> T {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn secret(name: &str, value: &str) -> (String, Secret) {
    (name.to_owned(), Secret::new(value))
}

fn whole() -> yabby_config::Loaded {
    with_env(
        WHOLE,
        &[
            ("HOME", "/h"),
            ("EMBED_KEY", "canary-memory"),
            ("GEMINI_API_KEY", "canary-skill"),
            ("MCP_REMOTE_TOKEN", "canary-mcp"),
            ("BRAVE_KEY", "canary-brave"),
        ],
    )
}

#[test]
fn a_config_of_openclaw_is_understood() {
    let loaded = whole();
    assert_eq!(
        summary(&loaded),
        ["mcp.servers.later.url 136:37 the environment variable NOT_SET is not set"]
    );
    let unused: Vec<&str> = loaded.unused.iter().map(|unused| unused.key.as_str()).collect();
    insta::assert_snapshot!(unused.join("\n"));
    let own = loaded.config.assistant("main");
    let choice = |allow: &[&str], deny: &[&str]| ToolChoice {
        allow: words(allow),
        also_allow: Vec::new(),
        deny: words(deny),
    };
    let tools = ToolSettings {
        profile: Some(ToolProfile::Coding),
        also_allow: words(&["message"]),
        choices: vec![choice(&[], &["group:nodes"]), choice(&[], &["canvas"])],
        subagents: choice(&[], &["gateway", "cron"]),
        in_doubt: false,
        exec: ExecSettings {
            path: ["/h/bin", "/opt/oss/bin"].map(Into::into).to_vec(),
            security: Some(ExecSecurity::Allowlist),
            ask: Some(ExecAsk::OnMiss),
            ..ExecSettings::default()
        },
        workspace_only: false,
        roots: Vec::new(),
        search: SearchSettings {
            provider: Some("brave".to_owned()),
            brave: Some(ApiKey {
                secret: Secret::new("canary-brave"),
                source: KeySource::Env {
                    name: "BRAVE_KEY".to_owned(),
                },
                written: Some("plugins.entries.brave.config.webSearch.apiKey".to_owned()),
            }),
            searxng: Some("http://localhost:8888".to_owned()),
            language: Some("en".to_owned()),
            ..SearchSettings::default()
        },
        fetch: FetchSettings {
            max_chars: Some(20_000),
            reach: Reach {
                hosts: words(&["wiki.home"]),
                ..Reach::default()
            },
            ..FetchSettings::default()
        },
        loops: LoopDetection {
            enabled: true,
            warn: Some(10),
            end: Some(20),
        },
    };
    let policy = ModelPolicy {
        primary: Some("minimax".to_owned()),
        fallbacks: Vec::new(),
    };
    let expected = AssistantSettings {
        name: Some("Samantha".to_owned()),
        workspace: own.workspace.clone(),
        skills: Some(words::<BTreeSet<String>>(&["github", "weather"])),
        prompt: PromptSettings {
            file_chars: Some(20_000),
            files_chars: Some(60_000),
            has_files: true,
            makes_no_files: true,
            instead: None,
            behind: None,
            time_zone: Some("America/Chicago".to_owned()),
            time_format: TimeFormat::TwentyFour,
        },
        context_tokens: Some(200_000),
        thinking: Some(Thinking::High),
        reasoning: ReasoningShown::On,
        verbose: Verbosity::Off,
        limits: TurnLimits::default(),
        subagents: SubagentSettings {
            model: Some(policy),
            max_concurrent: Some(8),
            timeout: Some(Duration::from_mins(15)),
            ..SubagentSettings::default()
        },
        compaction: CompactionSettings {
            reserve_tokens: Some(24_000),
            keep_tokens: Some(50_000),
            keep_turns: Some(3),
            model: Some("minimax".to_owned()),
            timeout: Some(Duration::from_mins(3)),
            tells: true,
            ..CompactionSettings::default()
        },
        pruning: PruningSettings {
            after_ttl: true,
            ttl: Duration::from_hours(1),
            keep_answers: Some(3),
            tools: Vec::new(),
            never: words(&["browser", "canvas"]),
        },
        memory: MemorySettings {
            provider: Some("ollama-5080".to_owned()),
            model: Some("qwen3-embedding:0.6b".to_owned()),
            key: Some(Secret::new("canary-memory")),
            sessions: true,
            max_results: Some(6),
            min_score: Some(0.35),
            hybrid: HybridSearch {
                vector_weight: 0.6,
                text_weight: 0.4,
                ..HybridSearch::default()
            },
            ..MemorySettings::default()
        },
        tools,
    };
    assert_eq!(own, expected);
    assert_eq!(
        (
            loaded.config.assistants.default.as_str(),
            loaded.config.assistants.max_concurrent
        ),
        ("main", Some(4))
    );

    let family = loaded.config.assistant("family");
    assert_eq!(family.skills, Some(BTreeSet::new()));
    assert_eq!(
        (family.thinking, family.tools.workspace_only),
        (Some(Thinking::Low), true)
    );
    assert_eq!(family.tools.profile, Some(ToolProfile::Messaging));
    assert_eq!(
        family.tools.choices,
        [
            choice(&[], &["group:nodes"]),
            choice(
                &["read", "sessions_list", "session_status"],
                &["write", "edit", "apply_patch", "exec", "process", "browser"]
            ),
        ]
    );
    assert_eq!(family.tools.exec.security, Some(ExecSecurity::Deny));
}

#[test]
fn sections_that_all_agents_share() {
    let config = whole().config;
    let messages = MessageSettings {
        prefix: Some("🦞".to_owned()),
        queue: QueueMode::Collect,
        queue_of: [("whatsapp", QueueMode::Followup), ("telegram", QueueMode::Steer)]
            .map(|(id, mode)| (id.to_owned(), mode))
            .into(),
        cap: 10,
        drop: QueueDrop::Old,
        gather: Duration::from_secs(3),
        gather_of: [("slack".to_owned(), Duration::from_millis(1500))].into(),
        ..MessageSettings::default()
    };
    assert_eq!(config.messages, messages);
    assert_eq!(
        (config.messages.queue_on("WhatsApp"), config.messages.queue_on("irc")),
        (QueueMode::Followup, QueueMode::Collect)
    );
    let lab = SkillEntry {
        enabled: true,
        key: Some(Secret::new("canary-skill")),
        env: vec![secret("GEMINI_API_KEY", "canary-skill")],
    };
    assert_eq!(config.skills.entries.get("image-lab"), Some(&lab));
    let allowed = ["image-lab", "sag", "other"].map(|name| config.skills.allows(name));
    assert_eq!((allowed, config.skills.in_doubt), ([true, false, true], false));
    assert_eq!(config.skills.folders, [Path::new("/h/agent-scripts/skills")]);
    let server = |name: &str, transport, timeout, include: Option<&[&str]>, exclude: &[&str]| McpServer {
        name: name.to_owned(),
        transport,
        connect: Duration::from_secs(30),
        timeout: Duration::from_secs(timeout),
        parallel: false,
        include: include.map(words),
        exclude: words(exclude),
    };
    let program = McpTransport::Program {
        command: "uvx".to_owned(),
        args: words(&["mcp-server-fetch"]),
        env: vec![secret("DEBUG", "true"), secret("PORT", "3000")],
        folder: Some("/srv/docs".into()),
    };
    let http = McpTransport::Http {
        url: "https://example.com/mcp".parse().unwrap(),
        headers: vec![secret("Authorization", "Bearer canary-mcp")],
    };
    let expected = [
        server("docs", program, 60, None, &[]),
        server("remote", http, 20, Some(&["search_*"]), &["admin_*"]),
    ];
    assert_eq!(config.mcp, expected);
}

#[test]
fn what_an_agent_says_counts_more() {
    let loaded = text(
        "{agents: {
            defaults: {thinkingDefault: 'low', contextTokens: 9000, compaction: {reserveTokens: 100, notifyUser: true},
                memorySearch: {provider: 'a', model: 'm', remote: {apiKey: 'k'}}, limits: {steps: 5, usd: 1}},
            list: [{id: 'b', thinkingDefault: 'off', contextTokens: 7, name: 'list', tools: {deny: ['read']}},
                {id: 'b', contextTokens: 8, bootstrapMaxChars: 8}],
            entries: {b: {thinkingDefault: 'max', compaction: {reserveTokens: 200}, memorySearch: {provider: 'none'},
                limits: {steps: 9}, tools: {deny: ['write'], files: {roots: ['/a', {path: '/b', readOnly: true}]}}}},
        }, tools: {allow: ['group:fs'], files: {roots: ['/c']}, exec: {timeoutSec: 5, timeoutSeconds: 7}}}",
    );
    assert_eq!(summary(&loaded), [""; 0]);
    let own = loaded.config.assistant("b");
    assert_eq!(own.name.as_deref(), Some("list"));
    assert_eq!(
        (own.thinking, own.context_tokens, own.prompt.file_chars),
        (Some(Thinking::Max), Some(7), Some(8))
    );
    let compaction = CompactionSettings {
        reserve_tokens: Some(200),
        tells: true,
        ..CompactionSettings::default()
    };
    assert_eq!(own.compaction, compaction);
    // Another server gets nothing that was meant for the first.
    let memory = MemorySettings {
        provider: Some("none".to_owned()),
        ..MemorySettings::default()
    };
    assert_eq!(own.memory, memory);
    let limits = TurnLimits {
        steps: Some(9),
        tokens: None,
        usd: Some(1.0),
    };
    assert_eq!(own.limits, limits);
    let denied: Vec<&str> = own
        .tools
        .choices
        .iter()
        .flat_map(|choice| &choice.deny)
        .map(String::as_str)
        .collect();
    assert_eq!(denied, ["read", "write"]);
    assert_eq!(own.tools.choices[0].allow, ["group:fs"]);
    let root = |path: &str, read_only| FileRoot {
        path: path.into(),
        read_only,
    };
    assert_eq!(own.tools.roots, [root("/a", false), root("/b", true)]);
    let other = loaded.config.assistant("nobody");
    assert_eq!(other.tools.roots, [root("/c", false)]);
    assert_eq!(other.tools.exec.timeout, Duration::from_secs(7));
}

#[test]
fn every_agent_has_its_workspace() {
    let workspaces = |home: &Home| {
        let config = home.load().config;
        let env = Environment::from_vars([("HOME", home.path().display().to_string())]);
        let paths = Paths::new(&env).unwrap();
        ["main", "own", "../Odd"].map(|agent| {
            let folder = config.assistant(agent).workspace.folder(&paths);
            folder
                .strip_prefix(home.path())
                .unwrap_or(&folder)
                .display()
                .to_string()
        })
    };
    let agents = "agents: {entries: {own: {workspace: '/own'}, main: {}}";
    let home = Home::with(&format!("{{{agents}}}}}"));
    assert_eq!(
        workspaces(&home),
        [".yabby/workspace", "/own", ".yabby/workspace----odd"]
    );
    // One of OpenClaw that is there goes on being used.
    std::fs::create_dir_all(home.path().join(".openclaw/workspace")).unwrap();
    assert_eq!(
        workspaces(&home),
        [".openclaw/workspace", "/own", ".yabby/workspace----odd"]
    );
    let home = Home::with(&format!("{{{agents}, defaults: {{workspace: '~/w'}}}}}}"));
    assert_eq!(workspaces(&home), ["w", "/own", "w/---odd"]);
    let home = Home::new();
    home.write(
        ".openclaw/openclaw.json",
        "{agents: {list: [{id: 'own'}, {id: 'main', default: true}]}}",
    );
    assert_eq!(
        workspaces(&home),
        [
            ".openclaw/workspace",
            ".openclaw/workspace-own",
            ".openclaw/workspace----odd"
        ]
    );
    // Without `main` and without a mark, the first one is meant; so it is of one alone.
    home.write(
        ".openclaw/openclaw.json",
        "{agents: {list: [{id: 'own'}, {id: 'other'}]}}",
    );
    assert_eq!(workspaces(&home)[1], ".openclaw/workspace");
    home.write(".openclaw/openclaw.json", "{}");
    assert_eq!(workspaces(&home)[0], ".openclaw/workspace");
}

#[test]
fn modes_of_programs() {
    for (written, expected) in [
        ("{}", (None, None)),
        ("{mode: 'deny'}", (Some(ExecSecurity::Deny), None)),
        ("{mode: 'ask'}", (Some(ExecSecurity::Allowlist), Some(ExecAsk::OnMiss))),
        ("{mode: 'full'}", (Some(ExecSecurity::Full), Some(ExecAsk::Off))),
        ("{ask: 'always'}", (None, Some(ExecAsk::Always))),
    ] {
        let tools = text(&format!("{{tools: {{exec: {written}}}}}"))
            .config
            .assistant("main")
            .tools;
        assert_eq!((tools.exec.security, tools.exec.ask), expected, "{written}");
    }
}

#[test]
fn searchers_are_found_in_the_environment() {
    let loaded = with_env("{}", &[("BRAVE_API_KEY", "canary"), ("SEARXNG_BASE_URL", "http://s")]);
    let search = loaded.config.assistant("main").tools.search;
    assert_eq!(search.brave.unwrap().secret, Secret::new("canary"));
    assert_eq!(search.searxng.as_deref(), Some("http://s"));
    let explained = loaded.explain("tools.web.search.apiKey").unwrap();
    assert_eq!(
        (explained.value, explained.source),
        (Some(json!("***")), ValueSource::Variable("BRAVE_API_KEY".to_owned()))
    );
    // A plugin that is off searches nothing.
    let loaded = text("{plugins: {entries: {brave: {enabled: false, config: {webSearch: {apiKey: 'k'}}}}}}");
    assert_eq!(loaded.config.assistant("main").tools.search.brave, None);
}

#[test]
fn settings_are_shown_and_explained() {
    let loaded = whole();
    let shown = loaded.show();
    assert!(!shown.to_string().contains("canary"), "a secret is shown");
    insta::assert_json_snapshot!(json!({
        "memory": shown["agents"]["defaults"]["memorySearch"],
        "entries": shown["agents"]["entries"],
        "tools": shown["tools"],
        "skills": shown["skills"],
        "mcp": shown["mcp"],
    }));
    for key in [
        "agents.defaults.compaction.timeoutSeconds",
        "agents.entries.main.tools.deny",
        "agents.entries.family.tools.fs.workspaceOnly",
        "tools.web.fetch.ssrfPolicy.allowedHostnames",
        "tools.files.roots",
        "messages.queue.byChannel",
        "skills.entries.sag.enabled",
        "mcp.servers.remote.toolFilter",
        "plugins.entries.brave.config.webSearch.apiKey",
    ] {
        let explained = loaded.explain(key).unwrap();
        assert_eq!(
            (explained.status, explained.documentation.is_some()),
            (KeyStatus::InUse, true),
            "{key}"
        );
    }
    for key in [
        "agents.defaults.compaction.model",
        "messages.queue.cap",
        "tools.byProvider",
        "plugins.entries.voice-call.config.provider",
        "mcp.servers.remote.sslVerify",
    ] {
        assert_eq!(loaded.explain(key).unwrap().status, KeyStatus::NotUsedYet, "{key}");
    }
    let default = loaded.explain("messages.queue.debounceMs").unwrap();
    assert_eq!(
        (default.value, default.source),
        (Some(json!(500)), ValueSource::Default)
    );
}

const MISTAKES: &str = r#"{
  agents: {
    defaults: {
      workspace: "work", thinkingDefault: "hihg", limits: { steps: 0 }, contextPruning: { ttl: "soon" },
      memorySearch: { query: { maxResults: 0 }, enabled: "no" },
    },
    entries: { a: { tools: { deny: "exec", exec: { backgroundMs: "x" } }, skills: "github", identity: 5 } },
  },
  tools: {
    alow: ["read"], fs: { workspaceonly: true }, exec: { ask: "alwyas" }, files: { roots: ["notes"] },
    web: { search: { provider: "duckduckgo" }, fetch: { enabled: 1 } },
  },
  messages: { queue: { mode: "steerr", byChannel: { irc: 5 } } },
  skills: { entries: { sag: { enabled: "no" } } },
  mcp: { servers: { a: {}, b: { url: "ftp://x" }, c: { url: "http://x", transport: "sse" }, d: { command: 5 },
    e: { command: "x", enabld: false }, f: { command: "x", env: { A: "${NOT_SET}" } } } },
}
"#;

#[test]
fn mistakes_in_english() {
    insta::assert_snapshot!(Home::with(MISTAKES).render(Lang::En));
}

#[test]
fn mistakes_in_chinese() {
    insta::assert_snapshot!(Home::with(MISTAKES).render(Lang::ZhTw));
}

#[test]
fn mistakes_turn_off_themselves_alone() {
    let config = Home::with(MISTAKES).load().config;
    let a = config.assistant("a");
    assert_eq!(config.agents.off, [""; 0], "the agent runs");
    assert_eq!((a.name, a.thinking), (None, None));
    assert_eq!((config.messages.queue, config.mcp), (QueueMode::Steer, Vec::new()));
}

proptest! {
    /// However an agent and all are mixed, what either denies is denied.
    #[test]
    fn denials_add_up(all in prop::collection::vec("[a-z]{1,5}", 0..3), own in prop::collection::vec("[a-z]{1,5}", 0..3)) {
        let written = json!({"tools": {"deny": all}, "agents": {"list": [{"id": "a", "tools": {"deny": own}}]}});
        let tools = text(&written.to_string()).config.assistant("a").tools;
        let denied: Vec<&String> = tools.choices.iter().flat_map(|choice| &choice.deny).collect();
        prop_assert_eq!(denied, all.iter().chain(&own).collect::<Vec<_>>());
    }
}
