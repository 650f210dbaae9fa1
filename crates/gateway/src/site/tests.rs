use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, StatusCode,
    body::Bytes,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, LOCATION, SET_COOKIE},
};

use super::{ASSETS, assets::FILES, assets::INDEX, headers::POLICY, respond};

/// All of the page, compressed.
const BUDGET: usize = 150_000;

fn asked(headers: &[(hyper::header::HeaderName, &'static str)]) -> HeaderMap {
    let pair =
        |(name, value): &(_, &'static str)| (hyper::header::HeaderName::clone(name), HeaderValue::from_static(value));
    headers.iter().map(pair).collect()
}

async fn get(path: &str, headers: &HeaderMap) -> (StatusCode, HeaderMap, Bytes) {
    let (head, body) = respond(path, headers).expect("one of the page").into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    (head.status, head.headers, body)
}

fn asset(name: &str) -> String {
    format!("/assets/{}/{name}", ASSETS.hash)
}

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(web()).unwrap().to_str().unwrap().replace('\\', "/");
        if path.is_dir() {
            if !["tests", "vendor/make"].contains(&name.as_str()) {
                files(&path, found);
            }
        } else if !["index.html", "policy.txt"].contains(&name.as_str()) {
            found.insert(name);
        }
    }
}

#[test]
fn every_file_of_the_page_is_in_the_binary() {
    let mut there = BTreeSet::new();
    files(&web(), &mut there);
    let known: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known, there);
}

#[test]
fn the_page_is_small() {
    // The licences travel with the binary; no page loads them.
    let served = FILES.iter().filter(|(name, _)| *name != "vendor/LICENSES.txt");
    let files = served.map(|(name, _)| ASSETS.find(&format!("{}/{name}", ASSETS.hash)).unwrap());
    let size: usize = files.map(|asset| asset.compressed().len()).sum::<usize>() + ASSETS.index.compressed().len();
    assert!(size < BUDGET, "the page has {size} bytes, and {BUDGET} are allowed");
}

#[tokio::test]
async fn the_page_names_files_that_there_are() {
    let (status, headers, body) = get("/", &HeaderMap::new()).await;
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(
        (status, &headers[CONTENT_TYPE]),
        (StatusCode::OK, &HeaderValue::from_static("text/html; charset=utf-8"))
    );
    let named: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(named.len() > 5 && !text.contains('@'), "{text}");
    for path in named {
        assert_eq!(get(path, &HeaderMap::new()).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_file_comes_compressed_to_whoever_takes_that() {
    let path = asset("js/main.js");
    let (_, plain_headers, plain) = get(&path, &asked(&[(ACCEPT_ENCODING, "br, gzip;q=0")])).await;
    let (_, headers, packed) = get(&path, &asked(&[(ACCEPT_ENCODING, "br;q=1, gzip;q=0.8")])).await;
    assert_eq!(
        (
            plain_headers.get(CONTENT_ENCODING),
            headers[CONTENT_ENCODING].as_bytes()
        ),
        (None, &b"gzip"[..])
    );
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(packed.as_ref()), &mut unpacked).unwrap();
    assert!(packed.len() < plain.len() && unpacked == plain.as_ref());
}

#[tokio::test]
async fn a_file_that_a_browser_has_is_not_sent_again() {
    let path = asset("css/base.css");
    let (_, headers, _) = get(&path, &HeaderMap::new()).await;
    let mut again = HeaderMap::new();
    let known = format!("\"other\", W/{}", headers[ETAG].to_str().unwrap());
    again.insert(IF_NONE_MATCH, known.parse().unwrap());
    let (status, headers, body) = get(&path, &again).await;
    assert_eq!(
        (status, body.len(), headers["cache-control"].as_bytes()),
        (StatusCode::NOT_MODIFIED, 0, &b"public, max-age=31536000, immutable"[..])
    );
}

/// H14: a path is a name in a table, and never one of a file system.
#[tokio::test]
async fn nothing_but_the_files_of_the_page_is_served() {
    let hash = &ASSETS.hash;
    for path in [
        "/assets/".to_owned(),
        format!("/assets/{hash}"),
        format!("/assets/{hash}/"),
        format!("/assets/{hash}/../Cargo.toml"),
        format!("/assets/{hash}/js/../js/main.js"),
        format!("/assets/{hash}/js%2Fmain.js"),
        format!("/assets/{hash}/js\\main.js"),
        format!("/assets/{hash}/js/main.js/"),
        format!("/assets/{hash}//js/main.js"),
        format!("/assets/{hash}/JS/MAIN.JS"),
        format!("/assets/{hash}/js/main.js%00"),
        format!("/assets/{hash}/%2e%2e/%2e%2e/etc/passwd"),
        format!("/assets/{hash}/policy.txt"),
        format!("/assets/{hash}/tests/package.json"),
        "/assets/0000000000000000/js/main.js".to_owned(),
        "/assets/@/js/main.js".to_owned(),
        "/assets/../v1/models".to_owned(),
    ] {
        let (status, headers, _) = get(&path, &HeaderMap::new()).await;
        assert_eq!((status, headers.get(LOCATION)), (StatusCode::NOT_FOUND, None), "{path}");
    }
    for path in [
        "",
        "/index.html",
        "//",
        "/..",
        "/api/me",
        "/v1/models",
        "/assets",
        "/%61ssets/x",
        "/favicon.ico",
    ] {
        assert!(respond(path, &HeaderMap::new()).is_none(), "{path}");
    }
}

/// H15, H16: no script but the page's own runs, and nobody frames it or hears from whom a link was followed.
#[tokio::test]
async fn every_answer_keeps_others_out() {
    for path in ["/".to_owned(), asset("js/main.js"), "/assets/none".to_owned()] {
        let (_, headers, _) = get(&path, &HeaderMap::new()).await;
        let said: BTreeMap<&str, &str> = [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "x-frame-options",
        ]
        .into_iter()
        .map(|name| (name, headers[name].to_str().unwrap()))
        .collect();
        let wanted = BTreeMap::from([
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ]);
        assert_eq!((said, headers.contains_key(SET_COOKIE)), (wanted, false), "{path}");
    }
}

#[test]
fn the_policy_allows_nothing_from_elsewhere() {
    let directives: BTreeSet<&str> = POLICY.split("; ").collect();
    for needed in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(directives.contains(needed), "{needed}");
    }
    assert!(!POLICY.contains("unsafe") && !POLICY.contains('*') && !POLICY.contains("http"));
}

/// What the policy would refuse at run time is not written in the first place.
#[test]
fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
    assert!(!INDEX.contains("style=") && !INDEX.contains("<style") && !INDEX.contains(" on"));
    for script in INDEX.split("<script").skip(1) {
        assert!(
            script.split('>').next().unwrap().contains("src=\"/assets/@/"),
            "{script}"
        );
    }
    let own = FILES
        .iter()
        .filter(|(name, _)| !name.starts_with("vendor/") && *name != "icon.svg");
    for (name, bytes) in own {
        let text = std::str::from_utf8(bytes).unwrap();
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "dangerouslySetInnerHTML",
            "eval(",
            "//cdn",
            "@import",
        ] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn both_languages_say_the_same() {
    let read = |name: &str| -> BTreeMap<String, String> {
        let text = fs::read_to_string(web().join("i18n").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    // The values that a sentence takes, in any order.
    let takes = |text: &String| -> BTreeSet<String> {
        let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
        parts.map(|(name, _)| name.to_owned()).collect()
    };
    let shape = |table: &BTreeMap<String, String>| -> BTreeMap<String, BTreeSet<String>> {
        table.iter().map(|(key, text)| (key.clone(), takes(text))).collect()
    };
    let (english, chinese) = (read("en.json"), read("zh-TW.json"));
    assert_eq!(shape(&english), shape(&chinese));
    assert!(
        english
            .values()
            .chain(chinese.values())
            .all(|text| !text.trim().is_empty())
    );
}

/// A sentence that is asked for in the code and stands in no table would be shown as its key.
#[test]
fn every_sentence_of_the_page_is_there() {
    let table: BTreeMap<String, String> =
        serde_json::from_slice(FILES.iter().find(|(name, _)| *name == "i18n/en.json").unwrap().1).unwrap();
    for (name, bytes) in FILES.iter().filter(|(name, _)| name.starts_with("js/")) {
        let text = std::str::from_utf8(bytes).unwrap();
        for call in text.split("t(\"").skip(1) {
            let before = text[..call.as_ptr() as usize - text.as_ptr() as usize - 3]
                .chars()
                .next_back();
            let key = call.split('"').next().unwrap();
            if before.is_some_and(|c| !c.is_alphanumeric() && c != '.' && c != '_') {
                assert!(table.contains_key(key), "{name}: {key}");
            }
        }
    }
}
