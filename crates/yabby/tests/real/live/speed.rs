//! How fast a real server is, and what that is good for.

use std::time::Duration;

use yabby_core::{Caller, Progress};
use yabby_route::Deadlines;

use super::{Here, PROBE, config, long_answer, provider, request, runtime};
use crate::llama::Llama;

/// Numbers that are alike on a machine on which other things run.
fn alike(one: f64, other: f64) -> bool {
    one < 4.0 * other && other < 4.0 * one
}

/// A prompt that no cache has.
fn prompt(number: usize, words: usize) -> String {
    let words: Vec<String> = (0..words)
        .map(|word| format!("{}", number * 7919 + word * 31))
        .collect();
    format!("{} Which number is the largest?", words.join(" "))
}

#[test]
fn speeds_come_from_answers_and_tell_how_long_a_prompt_takes() {
    let llama = Llama::start();
    let here = Here::of(&config(&[provider("here", llama.port(), "smollm2")], &[]));
    let (endpoint, model) = (here.endpoint("here"), Some("here/smollm2"));
    runtime().block_on(async {
        endpoint.refresh(&here.http, Duration::ZERO, PROBE).await;
        for number in 1..=2 {
            let told = here.ask(model, long_answer(&prompt(number, 40), 60)).await;
            assert_eq!(told.answer().usage.output_tokens, Some(60));
        }
        let speed = endpoint.observed("smollm2").speed;
        let (prefill, decode) = (speed.prefill.unwrap(), speed.decode.unwrap());
        let server = llama.load();
        println!(
            "prefill {prefill:.0} and {:.0}, decode {decode:.0} and {:.0} tokens/s",
            server.prefill, server.decode
        );
        assert!(alike(prefill, server.prefill), "{prefill} {server:?}");
        assert!(alike(decode, server.decode), "{decode} {server:?}");

        // The same again comes from the cache: it says nothing of the speed of reading.
        let told = here.ask(model, long_answer(&prompt(2, 40), 60)).await;
        let usage = told.answer().usage;
        let (input, cached) = (usage.input_tokens.unwrap(), usage.cached_tokens.unwrap());
        assert!(cached * 10 > input * 9, "{usage:?}");
        assert_eq!(endpoint.observed("smollm2").speed.prefill, speed.prefill);

        // A long prompt: whoever waits is told how long.
        let curious = |endpoint: &_| Deadlines {
            silence: Duration::from_millis(300),
            ..Deadlines::of(endpoint)
        };
        let long = request(&prompt(3, 200), 4);
        let told = here.ask_for(&Caller::default(), model, long, curious).await;
        let expected = told.progress.iter().find_map(|sign| match sign {
            Progress::Working { expected } => Some(*expected),
            _ => None,
        });
        let first = told.first.unwrap();
        println!(
            "{:?} tokens: {first:?}, expected {expected:?}",
            told.answer().usage.input_tokens
        );
        let expected = expected.flatten().unwrap_or_else(|| panic!("{told:?}"));
        assert!(
            alike(expected.as_secs_f64(), first.as_secs_f64()),
            "{expected:?} {first:?}"
        );
    });
}
