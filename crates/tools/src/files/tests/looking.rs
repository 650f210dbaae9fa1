//! Reading, listing, searching.

use serde_json::json;

use super::*;

async fn read(place: &Place, arguments: Value, room: usize) -> String {
    let at = At { room, ..testing::at() };
    match place.run_at("read", arguments, at).await {
        Ok(output) => output.text,
        Err(error) => format!("{:?}: {error}", error.kind),
    }
}

#[tokio::test]
async fn a_long_file_is_cut_with_a_line_that_says_how_to_go_on() {
    let place = Place::new();
    let lines: String = (1..=100)
        .map(|number| format!("this is line {number}\n"))
        .collect::<Vec<_>>()
        .concat();
    place.put("long.txt", &lines);
    place.put("wide.txt", format!("{}\nsecond\n", "é".repeat(5000)));
    place.put("crlf.txt", b"a\r\nb\xff\r\nc");
    place.put("empty.txt", "");
    place.put("data.bin", b"\x7fELF\0\0\0");
    let all = 20_000;
    assert_eq!(read(&place, json!({"path": "long.txt"}), all).await, lines);
    // Going on as it says shows each line once.
    let (mut offset, mut seen) = (1, String::new());
    loop {
        let text = read(&place, json!({"path": "long.txt", "offset": offset}), 600).await;
        assert!(text.chars().count() <= 600);
        let (shown, note) = text.split_once('[').unwrap_or((&text, ""));
        seen += shown;
        match note.split_once("offset=") {
            Some((_, next)) => offset = next.trim_end_matches(']').parse().unwrap(),
            None => break,
        }
    }
    assert_eq!(seen, lines);
    let wide = read(&place, json!({"path": "wide.txt"}), 600).await.replace('é', "");
    insta::assert_snapshot!(
        [
            read(&place, json!({"path": "long.txt", "offset": 99, "limit": 1}), all).await,
            read(&place, json!({"path": "long.txt", "offset": 101}), all).await,
            wide,
            read(&place, json!({"path": "wide.txt", "offset": 2}), all).await,
            read(&place, json!({"path": "crlf.txt"}), all).await,
            read(&place, json!({"path": "empty.txt"}), all).await,
            read(&place, json!({"path": "data.bin"}), all).await,
            read(&place, json!({"path": 1}), all).await,
        ]
        .join("\n--\n")
    );
}

#[tokio::test]
async fn a_picture_is_shown_unless_it_is_too_large() {
    let place = Place::new();
    let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; 20_000]].concat();
    place.put("a.png", &picture);
    let output = place.run("read", json!({"path": "a.png"})).await.unwrap();
    assert_eq!(output.text, "a.png: image/png, 20008 bytes");
    assert_eq!(
        output.images,
        yabby_core::Image::new(&picture).into_iter().collect::<Vec<_>>()
    );
    place.put("b.png", [picture, vec![0; 5 << 20]].concat());
    assert_eq!(
        place.told("read", json!({"path": "b.png"})).await,
        "TooLarge: b.png has more than 5242880 bytes, which is too much for this tool"
    );
}

fn project(place: &Place) {
    place.put(".gitignore", "target/\n*.log\n!keep.log\n");
    place.put("src/.gitignore", "/made.rs\n");
    place.put("src/main.rs", "fn main() {\n    greet(\"world\");\n}\n");
    place.put("src/made.rs", "fn greet() {}\n");
    place.put(
        "src/deep/er/greet.md",
        format!("{}greet{}\n", "x".repeat(300), "y".repeat(300)),
    );
    place.put("target/greet.rs", "greet\n");
    place.put("a.log", "greet\n");
    place.put("keep.log", "greet\r\nGreet\n");
    place.put(".git/config", "greet\n");
    place.put("bin", b"greet\0");
}

#[tokio::test]
async fn what_git_ignores_is_not_searched() {
    let place = Place::new();
    project(&place);
    let search = |arguments| place.told("search", arguments);
    insta::assert_snapshot!(
        [
            search(json!({"pattern": "greet"})).await,
            search(json!({"pattern": "(?i)^greet$"})).await,
            search(json!({"pattern": "greet", "glob": "*.rs"})).await,
            search(json!({"pattern": "greet", "glob": "src/**/*.md"})).await,
            search(json!({"pattern": "greet", "path": "src"})).await,
            search(json!({"pattern": "greet", "path": "src/made.rs"})).await,
            search(json!({"pattern": "greet(\""})).await,
            search(json!({"pattern": "nowhere"})).await,
            search(json!({"pattern": "a", "glob": "{"})).await,
            search(json!({"pattern": "(\\w{1000}){1000}"})).await,
            search(json!({"pattern": "book", "path": "~/books"})).await,
        ]
        .join("\n--\n")
    );
}

#[tokio::test]
async fn a_search_that_finds_much_says_so() {
    let place = Place::new();
    place.put("many.txt", "line\n".repeat(1000));
    let told = place.told("search", json!({"pattern": "line"})).await;
    assert_eq!(told.lines().count(), 101);
    assert!(told.ends_with("many.txt:100: line\n[there are more; narrow it with path or glob]"));
    let at = At {
        room: 400,
        ..testing::at()
    };
    let output = place.run_at("search", json!({"pattern": "line"}), at).await.unwrap();
    assert!(output.text.chars().count() <= 400);
}

#[tokio::test]
async fn a_list_shows_what_is_there_as_deep_as_asked() {
    let place = Place::new();
    project(&place);
    let shallow = place.told("list", json!({})).await;
    let deep = place.told("list", json!({"depth": 8})).await;
    let inner = place.told("list", json!({"path": "src/deep"})).await;
    insta::assert_snapshot!([shallow, deep, inner].join("--\n"));
    let at = At {
        room: 200,
        ..testing::at()
    };
    let output = place.run_at("list", json!({"depth": 8}), at).await.unwrap();
    assert!(
        output
            .text
            .ends_with("more are not shown; list a folder of these, or use search]")
    );
}
