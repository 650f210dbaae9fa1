//! Where the gateway listens and who may use it, as the config says.

use std::{fmt::Write as _, time::Duration};

use yabby_config::{Bind, GatewayAuth, GatewaySettings, GatewayTls, Lockout, Network};
use yabby_core::Secret;

use super::support::{summary, with_env};

fn gateway(body: &str, vars: &[(&str, &str)]) -> (GatewaySettings, Vec<String>) {
    let vars: Vec<(&str, &str)> = [("HOME", "/home/me")].into_iter().chain(vars.iter().copied()).collect();
    let loaded = with_env(&format!("{{gateway: {body}}}"), &vars);
    let told = summary(&loaded);
    (loaded.config.gateway, told)
}

#[test]
fn what_is_not_written_is_closed() {
    assert_eq!(gateway("{}", &[]), (GatewaySettings::default(), Vec::new()));
    let usual = GatewaySettings::default();
    assert_eq!(
        (
            usual.bind,
            usual.auth.open,
            usual.auth.lockout.spares_loopback,
            usual.tls
        ),
        (Bind::Loopback, false, false, GatewayTls::Off)
    );
}

#[test]
fn everything_written() {
    let body = "{port: 8443, bind: 'custom', customBindHost: '192.168.1.5',
        auth: {mode: 'token', token: '${GATE}', password: 'x',
            rateLimit: {maxAttempts: 3, windowMs: 2000, lockoutMs: 4000, exemptLoopback: true}},
        tls: {enabled: true, certPath: '~/cert.pem', keyPath: '/etc/key.pem'},
        trustedProxies: ['10.0.0.1', 'fd00::/8'],
        controlUi: {allowedOrigins: ['https://Yabby.example', 'http://box:8080/']}}";
    let expected = GatewaySettings {
        port: Some(8443),
        bind: Bind::Address("192.168.1.5".parse().unwrap()),
        auth: GatewayAuth {
            open: false,
            owner: Some(Secret::new("a-token")),
            lockout: Lockout {
                attempts: 3,
                window: Duration::from_secs(2),
                time: Duration::from_secs(4),
                spares_loopback: true,
            },
        },
        tls: GatewayTls::Files {
            certificate: "/home/me/cert.pem".into(),
            key: "/etc/key.pem".into(),
        },
        trusted_proxies: ["10.0.0.1", "fd00::/8"]
            .map(|text| Network::parse(text).unwrap())
            .to_vec(),
        allowed_origins: vec!["https://yabby.example".to_owned(), "http://box:8080".to_owned()],
    };
    assert_eq!(gateway(body, &[("GATE", "a-token")]), (expected, Vec::new()));
}

#[test]
fn the_owners_key_and_the_port_come_from_the_environment_as_in_openclaw() {
    let all = [
        ("YABBY_GATEWAY_TOKEN", "own"),
        ("OPENCLAW_GATEWAY_TOKEN", "openclaw"),
        ("OPENCLAW_GATEWAY_PASSWORD", "password"),
        ("OPENCLAW_GATEWAY_PORT", "19001"),
    ];
    let owner = |body: &str, vars: &[(&str, &str)]| {
        let owner = gateway(body, vars).0.auth.owner;
        owner.map(|secret| secret.expose().to_owned())
    };
    for (body, vars, expected) in [
        ("{}", &all[..], Some("own")),
        ("{}", &all[1..], Some("openclaw")),
        ("{}", &all[2..], None),
        ("{auth: {mode: 'password'}}", &all, Some("password")),
        ("{auth: {token: 'written-down'}}", &all, Some("written-down")),
        ("{auth: {password: 'written-down'}}", &all, Some("written-down")),
        ("{auth: {password: 'written-down', mode: 'token'}}", &all, Some("own")),
        // What is written and cannot be had is not replaced by something else.
        ("{auth: {token: '${UNSET}'}}", &all, None),
    ] {
        assert_eq!(owner(body, vars).as_deref(), expected, "{body} {vars:?}");
    }
    assert_eq!(gateway("{port: 8080}", &all).0.port, Some(19001));
    assert_eq!(
        gateway("{port: 8080}", &[("OPENCLAW_GATEWAY_PORT", "x")]).0.port,
        Some(8080)
    );
}

#[test]
fn where_no_certificate_is_named_it_is_yabbys_own() {
    for (tls, expected) in [
        ("{enabled: true}", GatewayTls::Own),
        ("{enabled: true, autoGenerate: true}", GatewayTls::Own),
        ("{autoGenerate: true}", GatewayTls::Off),
        (
            "{enabled: true, autoGenerate: true, certPath: '/c.pem', keyPath: '/k.pem'}",
            GatewayTls::Files {
                certificate: "/c.pem".into(),
                key: "/k.pem".into(),
            },
        ),
    ] {
        let (settings, found) = gateway(&format!("{{tls: {tls}}}"), &[]);
        assert_eq!((settings.tls, found), (expected, Vec::new()), "{tls}");
    }
}

#[test]
fn a_mistake_opens_nothing() {
    let mut told = String::new();
    for body in [
        "{auth: {mode: 'open'}}",
        "{auth: {mode: 'none'}}",
        "{auth: {mode: 'trusted-proxy', trustedProxy: {userHeader: 'x'}}}",
        "{auth: {token: 'one', password: 'two'}}",
        "{auth: 'none'}",
        "{bind: '0.0.0.0'}",
        "{bind: 'custom'}",
        "{bind: 'custom', customBindHost: 'box.local'}",
        "{tls: {enabled: true, certPath: '/c.pem'}}",
        "{tls: {enabled: true, autoGenerate: false}}",
        "{tls: {enabled: true, autoGenerate: 'yes'}}",
        "{tls: {enabled: true, certPath: 5, keyPath: 5}}",
        "{tls: {autoGenerate: true, enabled: 'yes'}}",
        "{tls: {enabled: true, certPath: 'cert.pem', keyPath: '/k.pem'}}",
        "{tls: {enabled: 'yes', certPath: '/c.pem', keyPath: '/k.pem'}}",
        "{port: 'http', tls: {enabled: true, certPath: '/c.pem', keyPath: '/k.pem'}}",
        "{trustedProxies: ['10.0.0.0/99', 'proxy', '10.0.0.1']}",
        "{controlUi: {allowedOrigins: ['*', 'null', 'box', 'https://a.example/path', 'file:///x']}}",
        "{auth: {rateLimit: {maxAttempts: 0}}}",
    ] {
        let (settings, found) = gateway(body, &[]);
        let is_open = settings.auth.open && body != "{auth: {mode: 'none'}}";
        let wants_tls = body.contains("enabled");
        assert!(!is_open && settings.bind == Bind::Loopback, "{body}");
        assert!(
            !wants_tls || !matches!(settings.tls, GatewayTls::Off | GatewayTls::Own),
            "{body}"
        );
        assert!(settings.allowed_origins.is_empty(), "{body}");
        let _ = writeln!(told, "{body}");
        for finding in found {
            let _ = writeln!(told, "  {finding}");
        }
    }
    insta::assert_snapshot!(told);
}
