//! The dialects one by one, and mixes of them.

use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

use super::{
    super::{Splitter, Start, tags::DIALECTS},
    check, split,
};

/// Name and source of a dialect, an answer, what is said and what is thought.
const ANSWERS: [(&str, &str, &str, &str); 25] = [
    (
        "Qwen 3, DeepSeek R1: wire-facts.md §4",
        "<think>\nLet me see.\n</think>\n\nFour.",
        "Four.",
        "\nLet me see.\n",
    ),
    ("wire-facts.md §4", "<thinking>a</thinking>b", "b", "a"),
    ("wire-facts.md §4", "<reasoning>a</reasoning>b", "b", "a"),
    ("wire-facts.md §4", "<thought>a</thought>b", "b", "a"),
    (
        "Seed-OSS: wire-facts.md §4; vLLM's seedoss_reasoning_parser",
        "<seed:think>\n2 + 2</think>\n</seed:think>Four.",
        "Four.",
        "\n2 + 2</think>\n",
    ),
    (
        "Magistral: wire-facts.md §4; the model card of Magistral Small 2507",
        "[THINK]2 + 2 [/think][/THINK]Four, see [THINK] and\n[this].",
        "Four, see [THINK] and\n[this].",
        "2 + 2 [/think]",
    ),
    (
        "Command A: wire-facts.md §4; the chat template of command-a-reasoning-08-2025",
        "<|START_THINKING|>2 + 2<|END_THINKING|><|START_RESPONSE|>Four.<|END_RESPONSE|>",
        "Four.",
        "2 + 2",
    ),
    (
        "Command A, code at the end: wire-facts.md §4",
        "<|START_RESPONSE|>```\n4\n```<|END_RESPONSE|>\n<|START_THINKING|>a",
        "```\n4\n```",
        "a",
    ),
    (
        "Gemma 4: wire-facts.md §4; vLLM's gemma4_reasoning_parser",
        "<|channel>thought\n2 + 2<channel|>Four.",
        "Four.",
        "\n2 + 2",
    ),
    (
        "Gemma 4 that was told not to think: wire-facts.md §4",
        "<|channel>thought\n<channel|>Four.",
        "Four.",
        "\n",
    ),
    (
        "gpt-oss: wire-facts.md §4",
        "<|channel|>analysis<|message|>2 + 2<|end|><|start|>assistant<|channel|>final<|message|>Four.<|return|>",
        "Four.",
        "2 + 2",
    ),
    (
        "gpt-oss without the end of a message",
        "<|channel|>analysis<|message|>a < b<|start|>assistant<|channel|>final<|message|>Four.<|end|>",
        "Four.",
        "a < b",
    ),
    (
        "gpt-oss, a preamble: wire-facts.md §3, §4",
        "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>analysis<|message|>a<|end|>\
         <|start|>assistant<|channel|>final<|message|>Four.<|return|>",
        "I look.\n\nFour.",
        "a",
    ),
    (
        "gpt-oss, a call: wire-facts.md §3",
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=functions.f \
         <|constrain|>json<|message|>{\n<think>1}<|call|>",
        "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\n<think>1}<|call|>",
        "a",
    ),
    (
        "gpt-oss, a call in the wrong channel: wire-facts.md §3",
        "<|channel|>analysis to=exec<|message|>{}<|call|><|start|>assistant<|channel|>analysis<|message|>a",
        "<|channel|>analysis to=exec<|message|>{}<|call|>",
        "a",
    ),
    (
        "gpt-oss, cut in a header",
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>fin",
        "",
        "a",
    ),
    (
        "no header of harmony",
        "<|start|>user<|message|>a <|channel|>other\n<|message|>b <|im_end|> <|start_x|>",
        "<|start|>user<|message|>a <|channel|>other\n<|message|>b <|im_end|> <|start_x|>",
        "",
    ),
    ("wrapper: wire-facts.md §4", "<final>Four.</final>", "Four.", ""),
    (
        "wrapper after a block: wire-facts.md §4",
        "<think>a</think>\n<final>\nUse <final> here.</final>\n",
        "Use <final> here.\n",
        "a",
    ),
    (
        "no wrapper",
        "Use\n<final>a</final> here.",
        "Use\n<final>a</final> here.",
        "",
    ),
    (
        "stray opener: llama.cpp issue 27733",
        "<think>a</think>Four.<think>",
        "Four.",
        "a",
    ),
    (
        "stray opener before white space: llama.cpp issue 27733",
        "Four. <think>\n\n",
        "Four. ",
        "",
    ),
    (
        "no closer",
        "<|START_THINKING|>never\n[/THINK] closed",
        "",
        "never\n[/THINK] closed",
    ),
    (
        "special tokens in a line",
        "Well<|START_THINKING|>a<|END_THINKING|>, yes",
        "Well, yes",
        "a",
    ),
    (
        "special tokens in code",
        "```\n<|channel|>analysis<|message|>\n<|START_THINKING|>\n```\n",
        "```\n<|channel|>analysis<|message|>\n<|START_THINKING|>\n```\n",
        "",
    ),
];

#[test]
fn answers() {
    for (source, input, text, reasoning) in ANSWERS {
        println!("{source}");
        check(Start::Text, input, text, reasoning);
        // What begins with a tag tells where it begins.
        if input.starts_with(['<', '[']) {
            check(Start::MaybeReasoning, input, text, reasoning);
        }
    }
}

#[test]
fn all_closers_count_when_the_opener_is_missing() {
    for closer in DIALECTS.map(|dialect| dialect.closer) {
        let input = format!("let me [see] <this>{closer}\nFour.");
        check(Start::MaybeReasoning, &input, "Four.", "let me [see] <this>");
        check(Start::MaybeReasoning, &format!("all{closer}"), "", "all");
    }
    check(
        Start::MaybeReasoning,
        "2 + 2<|end|><|start|>assistant<|channel|>final<|message|>Four.<|return|>",
        "Four.",
        "2 + 2",
    );
    check(
        Start::MaybeReasoning,
        "2 + 2<|start|>assistant<|channel|>final<|message|>Four.",
        "Four.",
        "2 + 2",
    );
    // It may have been the whole answer.
    check(Start::MaybeReasoning, "Four.<|end|>\n", "Four.", "");
    check(Start::MaybeReasoning, "Four.\n<think>a", "Four.\n", "a");
}

#[test]
fn a_header_is_held_back_only_while_it_can_be_one() {
    for (input, held) in [
        ("a<|", "<|"),
        ("a<|channel|>analysis", "<|channel|>analysis"),
        ("a<|start|>ass", "<|start|>ass"),
        ("a<|start|>user", ""),
        ("a<|channel|>x\n", ""),
        ("a <think>\n", "<think>\n"),
        ("a <think>\nb", ""),
        ("a <b", ""),
    ] {
        let mut splitter = Splitter::new(Start::Text);
        splitter.push(input, &mut Vec::new());
        assert_eq!(splitter.held, held, "{input:?}");
    }
    for (tag, filler) in [("<|channel|>", "x"), ("<think>", "\n")] {
        let input = format!("a{tag}{}", filler.repeat(10_000));
        check_text(&input);
    }
}

/// Goes through unchanged, and is not held back to the end.
fn check_text(input: &str) {
    let mut splitter = Splitter::new(Start::Text);
    let mut out = Vec::new();
    for at in 0..input.len() {
        splitter.push(&input[at..=at], &mut out);
        assert!(splitter.held.len() <= 300);
    }
    assert_eq!(splitter.held, "");
    assert_eq!(split(Start::Text, false, &[input]), (input.to_owned(), String::new()));
}

/// `input` cut there.
fn cut<'a>(input: &'a str, cuts: &[Index]) -> Vec<&'a str> {
    let mut at: Vec<usize> = cuts
        .iter()
        .map(|cut| cut.index(input.len() + 1))
        .filter(|at| input.is_char_boundary(*at))
        .collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect()
}

/// What opens and closes a block, harmony's among them.
fn pairs() -> Vec<(&'static str, &'static str)> {
    let mut pairs = DIALECTS.map(|dialect| (dialect.opener, dialect.closer)).to_vec();
    pairs.push(("<|channel|>analysis<|message|>", "<|end|>"));
    pairs.push(("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>"));
    pairs
}

/// Pieces that have something to do with each other.
fn scraps() -> Vec<&'static str> {
    let mut scraps = vec![
        "a",
        "é b",
        "\n",
        "\n\n",
        " ",
        "    ",
        "\t",
        "\r\n",
        "`",
        "```",
        "~~~",
        "<",
        "[",
        "|",
        ">",
        "<|",
        "</",
        "<final>",
        "</final>",
        "<|start|>",
        "assistant",
        "<|channel|>",
        "final",
        "analysis",
        "commentary",
        " to=f ",
        "<|message|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<|START_RESPONSE|>",
        "<|END_RESPONSE|>",
        "```\ncode\n```",
        "<|start|>assistant<|channel|>final<|message|>",
        "<|channel|>commentary to=f<|message|>",
    ];
    scraps.extend(pairs().into_iter().flat_map(|(opener, closer)| [opener, closer]));
    scraps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_cut_gives_the_same(
        scraps in vec(select(scraps()), 0..24),
        cuts in vec(any::<Index>(), 0..12),
        maybe in any::<bool>(),
        limit in any::<bool>(),
    ) {
        let input = scraps.concat();
        let start = if maybe { Start::MaybeReasoning } else { Start::Text };
        let whole = split(start, limit, &[&input]);
        prop_assert_eq!(&split(start, limit, &cut(&input, &cuts)), &whole, "{:?}", input);
        let chars: Vec<String> = input.chars().map(String::from).collect();
        let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
        prop_assert_eq!(&split(start, limit, &chars), &whole, "{:?}", input);
    }

    #[test]
    fn no_reasoning_of_any_dialect_in_the_text(
        parts in vec(
            (
                // Text, also fenced code with tags in it.
                prop_oneof![
                    "[a-zé \n]{0,12}",
                    Just("\n```\n<think>\n<|START_THINKING|>\n```".to_owned()),
                    Just("see <think> and [THINK] there".to_owned()),
                ],
                select(pairs()),
                "[R<>/|\\[\\] \n`]{0,12}",
            ),
            1..6,
        ),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        // Reasoning is written in `R`, which visible text never has.
        let mut input = String::new();
        let (mut visible, mut thought) = (0, 0);
        for (text, (opener, closer), reasoning) in &parts {
            visible += text.matches(char::is_alphabetic).count();
            thought += reasoning.matches('R').count();
            input.push_str(text);
            input.push('\n');
            input.extend([*opener, reasoning, closer]);
        }
        let (text, reasoning) = split(Start::Text, false, &cut(&input, &cuts));
        let capitals = "<|START_THINKING|>".matches('R').count();
        let shown = text.matches("<|START_THINKING|>").count() * capitals;
        prop_assert_eq!(text.matches('R').count(), shown, "{:?} -> {:?}", input, text);
        prop_assert_eq!(text.matches(char::is_alphabetic).count(), visible, "{:?} -> {:?}", input, text);
        prop_assert_eq!(reasoning.matches('R').count(), thought, "{:?} -> {:?}", input, reasoning);
    }
}
