//! Whether a summary says something of the conversation: small models now and then give back what they were told to do.

use std::collections::BTreeSet;

use yabby_core::Message;

/// Texts are compared by so many words in a row.
const ROW: usize = 4;
/// Words with fewer letters are in everything.
const TELLING: usize = 4;
/// A conversation with fewer telling words in the script of the summary says little of it: it may be in another language.
const ENOUGH: usize = 40;

/// Whether `summary` is for the most part a copy of the instructions, or has none of the words of the conversation.
pub(super) fn says_nothing(summary: &str, instructions: &[&str], conversation: &[Message]) -> bool {
    let lines: Vec<&str> = summary
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let said = words(&lines.join("\n"));
    if said.is_empty() {
        return true;
    }
    let told: Vec<Vec<String>> = instructions.iter().map(|text| words(text)).collect();
    let known: BTreeSet<&[String]> = told.iter().flat_map(|words| rows(words)).collect();
    let own = rows(&said).filter(|row| !known.contains(row)).count();
    let all = rows(&said).count();
    if own * 2 <= all {
        return true;
    }
    let told: BTreeSet<&str> = told.iter().flatten().map(String::as_str).collect();
    let telling = |word: &&str| is_telling(word) && !told.contains(*word);
    let said: BTreeSet<&str> = said.iter().map(String::as_str).filter(telling).collect();
    let is_ascii = said.iter().filter(|word| word.is_ascii()).count() * 2 >= said.len();
    let heard: Vec<String> = conversation.iter().flat_map(|message| words(text(message))).collect();
    let alike = |word: &&str| is_telling(word) && word.is_ascii() == is_ascii;
    let heard: BTreeSet<&str> = heard.iter().map(String::as_str).filter(alike).collect();
    heard.len() >= ENOUGH && !said.is_empty() && said.is_disjoint(&heard)
}

fn text(message: &Message) -> &str {
    match message {
        Message::User { text, .. } | Message::Assistant { text, .. } => text,
        Message::ToolResult { content, .. } => content,
    }
}

/// The words of a text; of scripts without spaces, each letter is one.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for piece in text.split(|c: char| !c.is_alphanumeric()) {
        if piece.is_ascii() {
            words.extend((!piece.is_empty()).then(|| piece.to_ascii_lowercase()));
        } else {
            words.extend(piece.chars().map(|letter| letter.to_lowercase().collect::<String>()));
        }
    }
    words
}

/// All rows of words, each beginning one later; a short text is one.
fn rows(words: &[String]) -> impl Iterator<Item = &[String]> {
    words.windows(ROW.min(words.len()).max(1))
}

fn is_telling(word: &str) -> bool {
    !word.is_ascii() || word.len() >= TELLING || word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_summary_is_told_from_one() {
        let question = crate::compact::ask::question(512, &["the trip"]);
        let system = "You are a personal assistant. You run on your owner's own machine and work for them.";
        let conversation = [
            Message::user("We leave for Tainan on 3 May by train; Ann brings the green suitcase and her camera."),
            Message::assistant("Noted. I will remind you to book seats for the high speed train two weeks before."),
            Message::user(
                "Also find a small hotel close to the old harbour with breakfast, not above ninety euros each night, where \
                 bicycles can be rented. Our neighbour Miss Chen waters the tomatoes and feeds both cats meanwhile, and \
                 wants fresh mangoes afterwards. The dentist on Thursday must move to another week.",
            ),
            Message::user(
                "記得帶護照，還有相機的電池要先充好，我們早上七點在車站見，不要忘了鄰居的鑰匙放在門口花盆下面，回來以後再去看牙醫。",
            ),
        ];
        let nothing = |summary: &str| says_nothing(summary, &[&question, system], &conversation);
        let parrot = question.split_once("summary, which").unwrap().1;
        for text in [
            &question,
            parrot,
            "## Decisions\n## Open tasks\n## Constraints",
            "## Decisions\n- You are a personal assistant. You run on your owner's own machine.",
            "Copy paths, names, numbers, ids and dates exactly. Write the summary only.",
            "Certainly! Here is everything important, nicely arranged.",
            "",
        ] {
            assert!(nothing(text), "{text}");
        }
        for text in [
            "## Decisions\n- Train to Tainan on 3 May.",
            "They plan a trip.\nSuitcase: Ann.",
            "## Facts about the person\n- 要帶護照和相機電池",
            // Most of the instructions, and then a summary.
            "## Decisions\nTainan, 3 May, by train, Ann brings her camera and the green suitcase, seats two weeks before",
        ] {
            assert!(!nothing(text), "{text}");
        }
        // In another language than the little that was said.
        assert!(!says_nothing(
            "The person has said hello.",
            &[&question],
            &[Message::user("你好嗎")]
        ));
    }
}
