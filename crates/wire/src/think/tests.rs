use proptest::prelude::*;

use super::*;

mod dialects;

fn split(start: Start, cut: bool, pieces: &[&str]) -> (String, String) {
    let mut splitter = Splitter::new(start);
    let mut out = Vec::new();
    for piece in pieces {
        splitter.push(piece, &mut out);
    }
    splitter.finish(cut, &mut out);
    let (mut text, mut reasoning) = (String::new(), String::new());
    for event in out {
        match event {
            ModelEvent::Text(piece) => text.push_str(&piece),
            ModelEvent::Reasoning(piece) => reasoning.push_str(&piece),
            other => panic!("{other:?}"),
        }
    }
    (text, reasoning)
}

/// Asserts (text, reasoning) for the whole, for single characters, and for every cut in two.
fn check(start: Start, input: &str, text: &str, reasoning: &str) {
    let expected = (text.to_owned(), reasoning.to_owned());
    assert_eq!(split(start, false, &[input]), expected, "{input:?}");
    let chars: Vec<String> = input.chars().map(String::from).collect();
    let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
    assert_eq!(split(start, false, &chars), expected, "{input:?} by characters");
    for (at, _) in input.char_indices() {
        let (a, b) = input.split_at(at);
        assert_eq!(split(start, false, &[a, b]), expected, "{a:?} + {b:?}");
    }
}

#[test]
fn blocks() {
    for (input, text, reasoning) in [
        ("<think>a</think>b", "b", "a"),
        ("\n <think>\na\n</think>\n\nb\n", "b\n", "\na\n"),
        ("<Thinking>a</THINKING>\r\n  b", "  b", "a"),
        ("<reasoning>a</think>b</reasoning>c", "c", "a</think>b"),
        ("<thought>1</thought><thought>2</thought>x", "x", "12"),
        ("Hello\n<think>a</think>\nworld", "Hello\nworld", "a"),
        ("<think>never closed", "", "never closed"),
        ("answer\n<think>", "answer\n", ""),
        ("<think></think>\n\n", "", ""),
        ("<think>a < b </thin k></think>c", "c", "a < b </thin k>"),
        ("<think>a</think></think>b", "b", "a"),
    ] {
        check(Start::Text, input, text, reasoning);
    }
}

#[test]
fn text_about_tags_stays() {
    for input in [
        "Use <think> to open",
        "a <thinker> b",
        "<thinkers>",
        "<th",
        "<",
        "`<think>` opens",
        "```xml\n<think>\nx\n</think>\n```\nend",
        "~~~\n<think>\n```\n<think>\n~~~",
        "````\n```\n<think>\n````\n",
        "text\n    <think>indented code",
        "\n\n plain\n",
        "   ",
    ] {
        check(Start::Text, input, input, "");
    }
}

#[test]
fn fences_end() {
    check(
        Start::Text,
        "```\ncode\n```\n<think>a</think>b",
        "```\ncode\n```\nb",
        "a",
    );
    check(
        Start::Text,
        "```\ncode\n```  \n<think>a</think>b",
        "```\ncode\n```  \nb",
        "a",
    );
    check(
        Start::Text,
        "```one line```\n<think>a</think>b",
        "```one line```\nb",
        "a",
    );
    check(
        Start::Text,
        "```\n```rust\n<think>\n```\n",
        "```\n```rust\n<think>\n```\n",
        "",
    );
}

#[test]
fn stray_closers() {
    check(Start::Text, "text\n</think>\n\nmore", "text\nmore", "");
    check(Start::Text, "</think>\n\nmore", "more", "");
    check(Start::Text, "say </think> here", "say </think> here", "");
}

#[test]
fn an_answer_that_may_begin_inside_a_block() {
    let start = Start::MaybeReasoning;
    check(start, "let me see\n</think>\n\nanswer", "answer", "let me see\n");
    check(start, "inline </think>answer <think> x", "answer <think> x", "inline ");
    check(start, "<think>a</think>b", "b", "a");
    check(start, "  <think>a", "", "a");
    check(start, "no block at all", "no block at all", "");
    assert_eq!(
        split(start, true, &["still thin", "king"]),
        (String::new(), "still thinking".into())
    );
    let long = "思".repeat(UNDECIDED_BYTES);
    assert_eq!(split(start, false, &[&long, "</think>", "b"]), ("b".into(), long));
}

#[test]
fn only_a_beginning_tag_is_held_back() {
    let mut splitter = Splitter::new(Start::Text);
    let mut out = Vec::new();
    splitter.push("Hello <tha", &mut out);
    assert_eq!(out, [ModelEvent::Text("Hello <tha".into())]);
    splitter.push("\n<thi", &mut out);
    assert_eq!(out.last(), Some(&ModelEvent::Text("\n".into())));
    splitter.push("s>", &mut out);
    assert_eq!(out.last(), Some(&ModelEvent::Text("<this>".into())));
}

proptest! {
    #[test]
    fn no_reasoning_in_the_text(
        parts in prop::collection::vec(
            ("[a-z é\n]{0,12}", prop::sample::select(vec!["think", "thinking", "reasoning", "thought"]), "[R<>/ \n]{0,12}"),
            1..6,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        // Reasoning is written in `R`, which visible text never has.
        let mut input = String::new();
        let mut visible = 0;
        for (text, tag, reasoning) in &parts {
            visible += text.matches(char::is_alphabetic).count();
            input.push_str(text);
            if !input.is_empty() && !input.ends_with('\n') && !input.ends_with('>') {
                input.push('\n');
            }
            input.extend(["<", tag, ">", reasoning, "</", tag, ">"]);
        }
        let mut at: Vec<usize> = cuts
            .iter()
            .map(|cut| cut.index(input.len() + 1))
            .filter(|at| input.is_char_boundary(*at))
            .collect();
        at.extend([0, input.len()]);
        at.sort_unstable();
        let pieces: Vec<&str> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let (text, reasoning) = split(Start::Text, false, &pieces);
        prop_assert!(!text.contains('R'), "{:?} -> {:?}", input, text);
        prop_assert!(!text.contains('<'), "{:?} -> {:?}", input, text);
        prop_assert_eq!(text.matches(char::is_alphabetic).count(), visible, "{:?} -> {:?}", input, text);
        prop_assert!(reasoning.chars().all(|c| !c.is_lowercase()));
        prop_assert_eq!(split(Start::Text, false, &[&input]), (text, reasoning));
    }
}

#[test]
fn reasoning_in_its_own_field_decides_that_text_is_text() {
    let mut splitter = Splitter::new(Start::MaybeReasoning);
    let mut out = Vec::new();
    splitter.push("\n", &mut out);
    assert_eq!(out, []);
    splitter.told_apart(&mut out);
    assert_eq!(out, []);
    splitter.push("Hello", &mut out);
    assert_eq!(out, [ModelEvent::Text("\nHello".to_owned())]);
    splitter.push(", world", &mut out);
    assert_eq!(out.last(), Some(&ModelEvent::Text(", world".to_owned())));
    // What came before a tag could be told from text is text too.
    let mut splitter = Splitter::new(Start::MaybeReasoning);
    let mut out = Vec::new();
    splitter.push("Well, <tha", &mut out);
    assert_eq!(out, []);
    splitter.told_apart(&mut out);
    assert_eq!(out, [ModelEvent::Text("Well, <tha".to_owned())]);
    // Once it is decided, it changes nothing.
    splitter.told_apart(&mut out);
    assert_eq!(out.len(), 1);
}

/// `wire-facts.md` §4; the form is OpenClaw's.
#[test]
fn reasoning_in_words() {
    let bold = "\n**Reasoning:**\n_First._\n_Then_ that_\n\n\nIt is _5_.";
    let fenced = "Reasoning:\n_a_\n```\n<think>\n```";
    let tagged = "Reasoning:\n_a_\n\n<think>b</think>c";
    for start in [Start::Text, Start::MaybeReasoning] {
        check(start, "Reasoning:\n_I think._\n\nYes.", "Yes.", "I think.");
        check(start, bold, "It is _5_.", "First.\nThen_ that");
        check(start, "Reasoning:\n_a_\nNo.\n_b_\n", "No.\n_b_\n", "a");
        check(start, "Reasoning:\n_a_\n_b\nc_", "_b\nc_", "a");
        check(start, "Reasoning:\n_a_\n\n_b_", "_b_", "a");
    }
    check(Start::Text, tagged, "c", "ab");
    check(Start::Text, fenced, "```\n<think>\n```", "a");
    for text in [
        "Reasoning:\n_Only this._\n\n",
        "Reasoning:\n_Only this._",
        "Reasoning:\n_Not closed.\n\nYes.",
        "Reasoning:\n\n_Late._\n\nYes.",
        "Reasoning: because.\n_a_\n\nYes.",
        "Reasoning:\n- a\n- b\n\nYes.",
        "So.\nReasoning:\n_a_\n\nYes.",
        "    Reasoning:\n_a_\n\nYes.",
        "**Reasoning",
        "Really? *Yes*.",
        "* a\n* b\n",
    ] {
        check(Start::Text, text, text, "");
    }
    // Only as much is held back as anybody thinks so.
    let long = format!("Reasoning:\n{}\nYes.", "_a_\n".repeat(40_000));
    let pieces: Vec<&str> = long.split_inclusive('\n').collect();
    assert_eq!(split(Start::Text, false, &pieces), (long.clone(), String::new()));
    assert_eq!(split(Start::Text, false, &[&long]), (long, String::new()));
}

proptest! {
    #[test]
    fn reasoning_in_words_cut_anywhere(input in "(\\*\\*)?Reasoning:(\\*\\*)?( |\r)?\n(_[a é_]{0,4}_\r?\n|\n| |[ab]|_|\n<think>){0,6}") {
        let chars: Vec<String> = input.chars().map(String::from).collect();
        let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
        let whole = split(Start::Text, false, &[&input]);
        prop_assert_eq!(&split(Start::Text, false, &chars), &whole);
        if whole.1.is_empty() && !input.contains("<think>") {
            prop_assert_eq!(&whole.0, &input);
        } else if !input.contains("<think>") {
            prop_assert!(!whole.0.trim().is_empty());
        }
    }
}

#[test]
fn a_new_block_begins_a_line() {
    let blocks = |pieces: &[&str]| {
        let mut splitter = Splitter::new(Start::Text);
        let mut out = Vec::new();
        for piece in pieces {
            splitter.block(&mut out);
            splitter.push(piece, &mut out);
        }
        splitter.finish(false, &mut out);
        out
    };
    let said = |text: &str| ModelEvent::Text(text.to_owned());
    let thought = |text: &str| ModelEvent::Reasoning(text.to_owned());
    assert_eq!(
        blocks(&["a", "<think>b</think>c"]),
        [said("a"), thought("b"), said("c")]
    );
    assert_eq!(
        blocks(&["```\na", "<think>b</think>c"]),
        [said("```\na"), thought("b"), said("c")]
    );
    // The end of a block is no tag, and an open one goes on.
    assert_eq!(blocks(&["a\n<thi", "nk>b"]), [said("a\n"), said("<thi"), said("nk>b")]);
    assert_eq!(
        blocks(&["<think>a", "b</think>c"]),
        [thought("a"), thought("b"), said("c")]
    );
    assert_eq!(blocks(&["\n", "a"]), [said("\na")]);
}
