//! A server that dies and comes back with a smaller window.

use std::time::Duration;

use yabby_core::{ErrorKind, Fact, FactSource};
use yabby_servers::{BreakerState, Keeper};

use super::{Here, PROBE, TEXT, config, long_answer, provider, runtime, tried};
use crate::{
    chat::Chat,
    llama::{Llama, SMOLLM2, Served},
    place::{eventually, home, start, yabby},
};

/// The same server with less room.
const SMALLER: Served = Served { window: 512, ..SMOLLM2 };

/// Some 850 tokens.
fn long() -> String {
    [TEXT; 7].join("\n\n")
}

#[test]
fn while_it_is_down_another_answers_and_then_its_new_window_counts() {
    let (mut first, second) = (Llama::start(), Llama::start());
    let here = Here::of(&config(
        &[
            provider("one", first.port(), "smollm2"),
            provider("two", second.port(), "smollm2"),
        ],
        &["one/smollm2", "two/smollm2"],
    ));
    runtime().block_on(async {
        let _keeper = Keeper::start(&here.http, &here.fleet, &[]);
        let one = here.endpoint("one");
        let short = || long_answer("Say yes.", 8);
        let told = here.ask(None, long_answer(&long(), 8)).await;
        assert_eq!(told.tried(), tried(&[("one/smollm2", "answered")]));

        first.kill();
        let told = here.ask(None, short()).await;
        assert_eq!(
            told.tried(),
            tried(&[("one/smollm2", "Refused"), ("two/smollm2", "answered")])
        );
        let told = here.ask(None, short()).await;
        assert_eq!(
            told.tried(),
            tried(&[("two/smollm2", "answered")]),
            "it is not asked again"
        );
        assert!(
            told.notices.iter().any(|notice| notice.contains("is not asked")),
            "{told:?}"
        );
        assert_ne!(one.breaker().state, BreakerState::Closed);

        first.again(&SMALLER);
        // Nobody asks it but the keeper.
        let back = std::time::Instant::now();
        while one.breaker().state != BreakerState::Closed {
            assert!(back.elapsed() < Duration::from_mins(2), "it is back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("seen again after {:?}", back.elapsed());
        let told = here.ask(None, short()).await;
        assert_eq!(told.tried(), tried(&[("one/smollm2", "answered")]));
        let smaller = Some(Fact::new(512, FactSource::Probe));
        assert_eq!(one.window("smollm2"), smaller);

        // What fitted before does not now.
        let told = here.ask(Some("one/smollm2"), long_answer(&long(), 8)).await;
        let errors = told.end.as_ref().unwrap_err();
        let (_, error) = &errors.errors[0];
        assert_eq!(
            (errors.errors.len(), error.kind, error.details.numbers.window),
            (1, ErrorKind::ContextOverflow, Some(512)),
            "{errors:?}"
        );
        assert!(
            error.details.numbers.prompt_tokens.is_some_and(|tokens| tokens > 700),
            "{error:?}"
        );
        one.refresh(&here.http, Duration::ZERO, PROBE).await;
        assert_eq!(one.window("smollm2"), smaller);
        // In the chain the other one has room for it, and the first is not asked in vain.
        let told = here.ask(None, long_answer(&long(), 8)).await;
        assert_eq!(told.tried(), tried(&[("two/smollm2", "answered")]));
        let (_, error) = &told.answer().errors[0];
        assert_eq!(error.kind, ErrorKind::ContextOverflow);
        let told = here.ask(None, short()).await;
        assert_eq!(told.tried(), tried(&[("one/smollm2", "answered")]));
    });
}

/// Who has not seen that it was started again learns the window from the refusal, until the server says it itself.
#[test]
fn a_refusal_tells_the_new_window() {
    let mut llama = Llama::start();
    let here = Here::of(&config(&[provider("one", llama.port(), "smollm2")], &[]));
    let (one, model) = (here.endpoint("one"), Some("one/smollm2"));
    runtime().block_on(async {
        one.refresh(&here.http, Duration::ZERO, PROBE).await;
        assert_eq!(one.window("smollm2"), Some(Fact::new(2048, FactSource::Probe)));
        // A fact is as old as its second.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        llama.again(&SMALLER);
        // A probe beside the question might see it first.
        let request = long_answer(&long(), 8);
        let dialect = one.dialect_of("smollm2", &request);
        let refused = one.ask(&here.http, dialect, "smollm2", &request).await;
        one.failed("smollm2", &refused.err().unwrap());
        assert_eq!(one.window("smollm2"), Some(Fact::new(512, FactSource::Learned)));
        let told = here.ask(model, long_answer("Say yes.", 8)).await;
        assert_eq!(told.tried(), tried(&[("one/smollm2", "answered")]));
        one.refresh(&here.http, Duration::from_mins(1), PROBE).await;
        assert_eq!(one.window("smollm2"), Some(Fact::new(512, FactSource::Probe)));
    });
}

/// A person who chats keeps what still fits.
#[test]
fn a_chat_goes_on_with_less_of_its_beginning() {
    let mut llama = Llama::start();
    let home = home(&format!(
        "{{ models: {{ providers: {{ one: {{ baseUrl: 'http://127.0.0.1:{}/v1', \
         models: [{{ id: 'smollm2', maxTokens: 8 }}] }} }} }}, \
         tools: {{ deny: ['*'] }}, \
         agents: {{ defaults: {{ systemPromptOverride: 'You are brief.', models: {{ 'one/smollm2': {{ params: {{ extra_body: {{ ignore_eos: true }} }} }} }} }} }} }}",
        llama.port()
    ));
    let mut chat = Chat::of(&mut yabby(home.path(), &["up", "-m", "one/smollm2"]), start);
    chat.ask(&[TEXT; 7].join(" "));
    eventually("all is said", || llama.busy() == 0);
    llama.again(&SMALLER);
    chat.ask("Say yes.");
    let told = chat.leave();
    assert!(
        told.contains("the conversation does not fit the window of one/smollm2"),
        "{told}"
    );
}
