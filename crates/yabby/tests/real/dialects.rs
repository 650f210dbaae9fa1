//! The same questions in the three dialects that llama.cpp serves.

use std::time::Instant;

use crate::{
    llama::Llama,
    place::{err, home, json, out, run, start, yabby},
};

const QUESTION: &str = "What is the capital of France? Answer in one short sentence.";

#[test]
fn ask_streams_in_every_dialect() {
    let llama = Llama::start();
    let home = home(&llama.config());
    for provider in ["chat", "resp", "msgs"] {
        let model = format!("{provider}/smollm2");
        let arguments = [
            "ask",
            "-m",
            &model,
            "--max-tokens",
            "48",
            "--temperature",
            "0",
            "Tell me a story.",
        ];
        let begin = Instant::now();
        let mut running = start(&mut yabby(home.path(), &arguments));
        let (mut pieces, mut first) = (0, None);
        while running.piece().is_some() {
            first.get_or_insert(begin.elapsed());
            pieces += 1;
        }
        let total = begin.elapsed();
        let ran = running.ended();
        assert_eq!(ran.status.code(), Some(0), "{provider}: {}", err(&ran));
        // A story is longer than it was allowed to be, and that is all there is to tell.
        let told = err(&ran);
        assert!(told.contains("cut") && told.lines().count() == 1, "{provider}: {told}");
        assert!(ran.stdout.len() > 20 && ran.stdout.ends_with(b"\n"), "{provider}");
        assert!(pieces > 5, "{provider}: the answer came in {pieces} pieces");
        println!(
            "{provider}: first piece after {:?} of {total:?}, {pieces} pieces",
            first.unwrap()
        );
    }
}

#[test]
fn the_dialects_agree_streamed_and_whole() {
    let llama = Llama::start();
    let home = home(&llama.config());
    let mut texts = Vec::new();
    for provider in ["chat", "resp", "msgs"] {
        for delivery in [&[] as &[&str], &["--no-stream"]] {
            let model = format!("{provider}/smollm2");
            let arguments = [
                "ask",
                "-m",
                &model,
                "--json",
                "--max-tokens",
                "24",
                "--temperature",
                "0",
                QUESTION,
            ];
            let ran = run(yabby(home.path(), &arguments).args(delivery));
            let answer = json(&ran);
            assert_eq!(ran.status.code(), Some(0), "{provider}: {answer}");
            let attempt = &answer["attempts"][0];
            assert_eq!(
                (attempt["outcome"].as_str(), attempt["phase"].as_str()),
                (Some("answered"), Some("done"))
            );
            let counted = answer["usage"]["output_tokens"].as_u64();
            assert!(
                counted.is_some_and(|tokens| (1..=24).contains(&tokens)),
                "{provider}: {answer}"
            );
            assert!(
                answer["usage"]["input_tokens"].as_u64() > Some(10),
                "{provider}: {answer}"
            );
            texts.push(answer["text"].as_str().unwrap().to_owned());
        }
    }
    assert!(texts.iter().all(|text| text == &texts[0]), "{texts:#?}");
    println!("{:?}", texts[0]);
}

#[test]
fn models_and_doctor_tell_the_served_window() {
    let llama = Llama::start();
    let home = home(&llama.config());
    let rows = json(&run(&mut yabby(home.path(), &["models", "--json"])));
    let mut seen = Vec::new();
    for row in rows.as_array().unwrap() {
        seen.push(row["model"].as_str().unwrap());
        assert_eq!(row["server"], "llama.cpp", "{row}");
        let window = &row["window"];
        assert_eq!(
            (&window["value"], &window["source"]),
            (&2048.into(), &"probe".into()),
            "{row}"
        );
        assert_eq!(row["state"], "ready");
    }
    seen.sort_unstable();
    assert_eq!(seen, ["chat/smollm2", "msgs/smollm2", "resp/smollm2"]);
    let ran = run(&mut yabby(home.path(), &["doctor", "--deep"]));
    let text = out(&ran);
    assert_eq!(ran.status.code(), Some(0), "{text}");
    assert!(
        text.contains("serves a window of 2048 tokens, the config says 8192"),
        "{text}"
    );
    assert!(text.contains("chat/smollm2 answers"), "{text}");
}

#[test]
fn a_server_on_a_known_port_is_found() {
    let llama = Llama::start();
    let home = home("{}");
    let place = format!("llamacpp:{}", llama.port());
    let ran = run(yabby(home.path(), &["ask", "--json", "--max-tokens", "8", "Hello?"]).env("YABBY_DISCOVER", place));
    assert_eq!(json(&ran)["model"], "llamacpp/smollm2", "{}", err(&ran));
}
