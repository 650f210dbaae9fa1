//! Whether a text claims that something was done.

/// English claims, after "I have", "I've" or "I".
const DONE: [&str; 24] = [
    "sent",
    "saved",
    "created",
    "deleted",
    "removed",
    "updated",
    "edited",
    "changed",
    "written",
    "wrote",
    "added",
    "scheduled",
    "set",
    "run",
    "ran",
    "executed",
    "searched",
    "looked",
    "read",
    "checked",
    "downloaded",
    "moved",
    "renamed",
    "installed",
];
/// The same in Chinese, each as a whole.
const DONE_ZH: [&str; 16] = [
    "已寄出",
    "已發送",
    "已傳送",
    "已儲存",
    "已保存",
    "已建立",
    "已刪除",
    "已更新",
    "已修改",
    "已寫入",
    "已加入",
    "已設定",
    "已排程",
    "已執行",
    "已搜尋",
    "已讀取",
];

/// Whether a text claims that its writer has done something that only a tool can do. It is a hint for the model, never a
/// decision about what may happen.
pub fn promises(text: &str) -> bool {
    let plain: String = text.replace('’', "'").to_lowercase();
    let words: Vec<&str> = plain
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .collect();
    let english = words.windows(4).chain(words.len().lt(&4).then_some(&words[..])).any(claims)
        // The last words of a text are in no window of their own.
        || words.len() >= 4 && (1..3).any(|skip| claims(&words[words.len() - 4 + skip..]));
    english || DONE_ZH.iter().any(|claim| text.replace("已經", "已").contains(claim))
}

/// Whether words begin with a claim: `I have now sent`, `I've sent`, `I sent`.
fn claims(words: &[&str]) -> bool {
    let begin: [&[&str]; 3] = [&["i", "have"], &["i've"], &["i"]];
    let Some(rest) = begin.iter().find_map(|begin| words.strip_prefix(*begin)) else {
        return false;
    };
    let rest = match rest.split_first() {
        Some((&("just" | "now" | "already" | "successfully"), rest)) => rest,
        _ => rest,
    };
    rest.first().is_some_and(|word| DONE.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_told_from_plans_and_questions() {
        let claims = [
            "Done! I've sent the message to Ann.",
            "I have now saved the file.",
            "I created notes.md for you",
            "I’ve already deleted it.",
            "好的，我已經將它寫好，已儲存到 notes.md。",
            "已傳送訊息。",
        ];
        let others = [
            "I can send it when you like.",
            "Should I delete the file?",
            "I have a question.",
            "I will send it.",
            "You have sent it yourself.",
            "要我刪除嗎？",
            "",
        ];
        assert_eq!(claims.map(promises), [true; 6]);
        assert_eq!(others.map(promises), [false; 7]);
    }
}
