//! A mistake never gives an agent what its owner has taken from it.

use yabby_config::{ExecSecurity, Severity};

use super::support::{summary, text};

/// What an agent still has: tools at all, programs, files outside the workspace, searching, reading pages, skills, memory,
/// money.
fn left(written: &str) -> String {
    let loaded = text(written);
    let own = loaded.config.assistant("a");
    let denies_all = own.tools.choices.iter().any(|choice| choice.deny == ["*"]);
    assert_eq!(denies_all, own.tools.in_doubt, "{written}");
    let has = [
        ('t', !own.tools.in_doubt),
        ('x', own.tools.exec.security != Some(ExecSecurity::Deny)),
        ('f', !own.tools.workspace_only),
        ('s', own.tools.search.enabled),
        ('w', own.tools.fetch.enabled),
        ('k', own.skills.is_none() && loaded.config.skills.allows("skill")),
        ('m', own.memory.enabled),
        ('$', own.limits.usd.is_none()),
        ('p', loaded.config.mcp.len() == 1),
    ];
    let left = has
        .into_iter()
        .filter(|(_, has)| *has)
        .map(|(letter, _)| letter)
        .collect();
    let is_told = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
    let is_all = left == ALL || left == ALL.trim_end_matches('p');
    assert!(is_told || is_all, "{written}: {:?}", summary(&loaded));
    left
}

const ALL: &str = "txfswkm$p";
const NO_MCP: &str = "txfswkm$";

#[test]
fn nothing_is_widened() {
    let cases = [
        ("{}", NO_MCP),
        // The choice of tools.
        ("{tools: {deny: 'exec'}}", "xfswkm$"),
        ("{tools: {deny: ['exec', 5]}}", "xfswkm$"),
        ("{tools: {deny: ['${NOT_SET}']}}", "xfswkm$"),
        ("{tools: {allow: {}}}", "xfswkm$"),
        ("{tools: {profile: 'mesaging'}}", "xfswkm$"),
        ("{tools: {profil: 'minimal'}}", "xfswkm$"),
        ("{tools: {denny: ['exec']}}", "xfswkm$"),
        ("{tools: {deny: ['exec'], deny: []}}", "xfswkm$"),
        ("{tools: 5}", "km$"),
        ("{tool: {deny: ['exec']}}", "km$"),
        ("{tools: {deny: ['exec']}, tools: {}}", "km$"),
        ("{tools: {$include: './nowhere.json5'}}", "km$"),
        ("{agents: {defaults: {tools: {deny: ['exec']}}}}", "km$"),
        ("{agents: {entries: {a: {tools: {deny: 'exec'}}}}}", "xfswkm$"),
        ("{agents: {list: [{id: 'a', tools: {deny: 'exec'}}]}}", "xfswkm$"),
        (
            "{agents: {list: [{id: 5}, {id: 'a', tools: {deny: 'exec'}}]}}",
            "xfswkm$",
        ),
        (
            "{agents: {list: [{id: 'b', name: 5}, {id: 'a', tools: {deny: 'exec'}}]}}",
            "xfswkm$",
        ),
        ("{agents: {entries: {a: {tols: {deny: ['exec']}}}}}", "km$"),
        ("{agents: {entries: {a: {name: 5}}}}", ""),
        ("{agents: {entries: {b: {tools: {deny: 'exec'}}, a: {}}}}", NO_MCP),
        ("{agents: {entries: {a: {tools: {deny: ['x']}}, a: {}}}}", ""),
        (
            "{tools: {deny: 'exec'}, agents: {entries: {a: {tools: {profile: 'full'}}}}}",
            "xfswkm$",
        ),
        // A key of a later OpenClaw takes nothing away.
        ("{tools: {zebra: 1}}", NO_MCP),
        ("{tools: {media: 5, exec: {zebra: 1}}}", NO_MCP),
        // Programs.
        ("{tools: {exec: {security: 'denny'}}}", "tfswkm$"),
        ("{tools: {exec: {ask: 5}}}", "tfswkm$"),
        ("{tools: {exec: {modus: 'deny'}}}", "tfswkm$"),
        ("{tools: {exec: 'deny'}}", "tfswkm$"),
        ("{tools: {exec: {timeoutSec: 'x'}}}", NO_MCP),
        (
            "{tools: {exec: {ask: 5}}, agents: {entries: {a: {tools: {exec: {security: 'full'}}}}}}",
            "tfswkm$",
        ),
        // Files.
        ("{tools: {fs: {workspaceOnly: 'yes'}}}", "txswkm$"),
        ("{tools: {fs: {workspaceonly: true}}}", "txswkm$"),
        ("{tools: {files: {roots: [{path: '/a', readonly: true}]}}}", "txswkm$"),
        (
            "{tools: {fs: 5}, agents: {entries: {a: {tools: {fs: {workspaceOnly: false}}}}}}",
            "txswkm$",
        ),
        // The web.
        ("{tools: {web: {search: {enabled: 'no'}}}}", "txfwkm$"),
        ("{tools: {web: {fetch: {enable: false}}}}", "txfskm$"),
        (
            "{tools: {web: {fetch: {ssrfPolicy: {blockedHostnames: 'x'}}}}}",
            "txfskm$",
        ),
        ("{tools: {web: false}}", "txfkm$"),
        ("{tools: {web: {fetch: {maxRedirects: -1}}}}", NO_MCP),
        // Skills and memory.
        ("{agents: {defaults: {skills: 'none'}}}", "txfswm$"),
        ("{agents: {entries: {a: {skills: [5]}}}}", "txfswm$"),
        ("{skills: {entries: {skill: {enabled: 'no'}}}}", "txfswm$"),
        ("{skills: {entries: {skill: {enable: false}}}}", "txfswm$"),
        ("{skills: {entries: {skill: {apiKey: '${NOT_SET}'}}}}", NO_MCP),
        ("{skills: {entries: {skill: {enabled: false, apiKey: 5}}}}", "txfswm$"),
        ("{skills: {entries: {skill: 5}}}", "txfswm$"),
        ("{skills: {entries: {other: {enabled: 'no'}}}}", NO_MCP),
        ("{skills: 5}", "txfswm$"),
        ("{skils: {entries: {skill: {enabled: false}}}}", "txfswm$"),
        ("{agents: {defaults: {memorySearch: {enabled: 'no'}}}}", "txfswk$"),
        (
            "{agents: {defaults: {memorySearch: {remote: {baseURI: 'http://h'}}}}}",
            "txfswk$",
        ),
        (
            "{agents: {defaults: {memorySearch: {query: {maxResults: 'x'}}}}}",
            NO_MCP,
        ),
        // Money.
        ("{agents: {defaults: {limits: {usd: '5'}}}}", "txfswkm"),
        ("{agents: {defaults: {limits: {dollars: 5}}}}", "txfswkm"),
        ("{agents: {entries: {a: {limit: {usd: 5}}}}}", "txfswkm"),
        // MCP servers.
        ("{mcp: {servers: {s: {command: 'x'}}}}", ALL),
        ("{mcp: {servers: {s: {command: 'x', enabled: 'no'}}}}", NO_MCP),
        ("{mcp: {servers: {s: {command: 'x', enable: false}}}}", NO_MCP),
        (
            "{mcp: {servers: {s: {command: 'x', toolFilter: {exlude: ['a']}}}}}",
            NO_MCP,
        ),
        (
            "{mcp: {servers: {'s.t': {command: 'x', toolFilters: {exclude: ['a']}}}}}",
            NO_MCP,
        ),
        ("{mcp: {servers: {s: {command: 'x', codex: {}, zebra: 1}}}}", ALL),
        // What cannot be read may have said anything.
        ("{tools: {deny: ['exec']}", ""),
    ];
    for (written, expected) in cases {
        assert_eq!(left(written), expected, "{written}");
    }
}
