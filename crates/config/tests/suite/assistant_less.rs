//! Settings of tools that do less than they say.

use yabby_config::Severity;

use super::support::text;

/// What is weaker than it reads, and a host that cannot be blocked.
#[test]
fn what_does_less_than_it_says_is_told() {
    let told = |written: &str| {
        let loaded = text(&format!("{{tools: {{{written}}}}}"));
        let fetch = loaded.config.assistant("main").tools.fetch.enabled;
        let found = loaded.diagnostics.iter();
        let found: Vec<_> = found.map(|found| (found.severity, found.key.clone())).collect();
        (fetch, found)
    };
    let warned = |key: &str| (true, vec![(Severity::Warning, key.to_owned())]);
    let none = (true, Vec::new());
    for (written, expected) in [
        ("exec: {security: 'allowlist', ask: 'on-miss'}", none.clone()),
        ("exec: {security: 'full'}", none.clone()),
        ("exec: {mode: 'ask'}", none.clone()),
        ("exec: {security: 'full', ask: 'off'}", warned("tools.exec.ask")),
        ("exec: {security: 'allowlist', ask: 'off'}", warned("tools.exec.ask")),
        ("exec: {mode: 'full'}", warned("tools.exec.mode")),
        ("exec: {mode: 'allowlist'}", warned("tools.exec.mode")),
        (
            "web: {fetch: {ssrfPolicy: {blockedHostnames: ['a.example', '*.b.example', '1.1.1.1', '::1', '[::1]', '例え.jp']}}}",
            none,
        ),
        (
            "web: {fetch: {ssrfPolicy: {allowedHostnames: ['*.lan']}}}",
            warned("tools.web.fetch.ssrfPolicy.allowedHostnames[0]"),
        ),
        (
            "web: {fetch: {ssrfPolicy: {dangerouslyAllowPrivateNetwork: true}}}",
            warned("tools.web.fetch.ssrfPolicy.dangerouslyAllowPrivateNetwork"),
        ),
    ] {
        assert_eq!(told(written), expected, "{written}");
    }
    for host in ["", "*", "*.", "https://a.example", "a.example:80", "a.*.example", "a b"] {
        let written = format!("web: {{fetch: {{ssrfPolicy: {{blockedHostnames: ['ok.example', '{host}']}}}}}}");
        let key = "tools.web.fetch.ssrfPolicy.blockedHostnames[1]".to_owned();
        assert_eq!(told(&written), (false, vec![(Severity::Error, key)]), "{host}");
    }
}
