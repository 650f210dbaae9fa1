//! Whether a text is an answer, or stands instead of something that was not done.
//!
//! Small models say that they have done something, announce it, or say that they cannot, where they should call a tool. They
//! are told once. It is a hint for the model, never a decision about what may happen.

/// What a text says instead of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It was done.
    Claimed,
    /// It will be done.
    Announced,
    /// It cannot be done.
    Denied,
}

/// Claims, after "I have", "I've" or "I".
const DONE: [&str; 26] = [
    "sent",
    "saved",
    "created",
    "deleted",
    "removed",
    "updated",
    "edited",
    "changed",
    "replaced",
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
    "reminded",
];
/// What is announced, after "I will", "I'll" or "let me".
const WILL: [&str; 22] = [
    "use", "call", "read", "write", "edit", "replace", "create", "delete", "search", "look", "check", "find", "run",
    "execute", "open", "list", "fetch", "send", "set", "save", "update", "start",
];
/// What cannot be done, after "I cannot", "I can't", "unable to" and the like.
const CANNOT: [&str; 29] = [
    "access",
    "accessing",
    "read",
    "reading",
    "open",
    "opening",
    "view",
    "viewing",
    "write",
    "writing",
    "edit",
    "editing",
    "modify",
    "create",
    "save",
    "delete",
    "search",
    "searching",
    "browse",
    "browsing",
    "run",
    "running",
    "execute",
    "executing",
    "send",
    "sending",
    "fetch",
    "interact",
    "retrieve",
];
/// What may stand before it: "the ability to directly".
const BEFORE_CANNOT: [&str; 21] = [
    "the",
    "a",
    "any",
    "direct",
    "directly",
    "actually",
    "currently",
    "physically",
    "ability",
    "abilities",
    "capability",
    "capabilities",
    "capacity",
    "permission",
    "permissions",
    "means",
    "way",
    "tools",
    "or",
    "to",
    "of",
];
/// "I cannot directly …", "direct access": what is wanted is something that a tool does.
const DIRECT: [&str; 2] = ["direct", "directly"];
/// The same in Chinese, each as a whole.
const ZH: [(&str, Undone); 30] = [
    ("已寄出", Undone::Claimed),
    ("已發送", Undone::Claimed),
    ("已傳送", Undone::Claimed),
    ("已儲存", Undone::Claimed),
    ("已保存", Undone::Claimed),
    ("已建立", Undone::Claimed),
    ("已刪除", Undone::Claimed),
    ("已更新", Undone::Claimed),
    ("已修改", Undone::Claimed),
    ("已寫入", Undone::Claimed),
    ("已加入", Undone::Claimed),
    ("已設定", Undone::Claimed),
    ("已執行", Undone::Claimed),
    ("已搜尋", Undone::Claimed),
    ("我將讀取", Undone::Announced),
    ("我會讀取", Undone::Announced),
    ("我將使用", Undone::Announced),
    ("我會使用", Undone::Announced),
    ("請稍等", Undone::Announced),
    ("請稍候", Undone::Announced),
    ("無法存取", Undone::Denied),
    ("無法讀取", Undone::Denied),
    ("無法直接", Undone::Denied),
    ("沒有權限", Undone::Denied),
    ("没有权限", Undone::Denied),
    ("无法访问", Undone::Denied),
    ("无法读取", Undone::Denied),
    ("无法直接", Undone::Denied),
    ("沒有讀取", Undone::Denied),
    ("沒有能力讀取", Undone::Denied),
];

impl Undone {
    /// What the model is told.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Claimed => {
                "[You say that something was done, but you have called no tool, so it was not. If it should be done, call \
                 the tool now. Otherwise say plainly that it was not done.]"
            }
            Self::Announced => {
                "[You have said what you would do and called no tool, so nothing happens. Call the tool now.]"
            }
            Self::Denied => {
                "[You have tools: look through them. If one of them can do it, call it now. If none can, say so.]"
            }
        }
    }
}

/// What a text says instead of a call, if it does. `tools` are the names of those that its writer could call.
pub fn undone(text: &str, tools: &[&str]) -> Option<Undone> {
    let plain = text.replace('’', "'").to_lowercase();
    let words: Vec<&str> = plain
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '_')))
        .filter(|word| !word.is_empty())
        .collect();
    let english = (0..words.len()).find_map(|at| said(&words[at..]));
    // "Done." alone.
    let short = (words.len() <= 3 && words.contains(&"done")).then_some(Undone::Claimed);
    let names = |name: &&str| plain.contains(&format!("`{name}`")) || plain.contains(&format!("{name}("));
    let named = tools.iter().any(names).then_some(Undone::Announced);
    let chinese = text.replace("已經", "已");
    let chinese = ZH
        .iter()
        .find(|(words, _)| chinese.contains(words))
        .map(|(_, undone)| *undone);
    english.or(short).or(chinese).or(named)
}

/// What words begin with.
fn said(words: &[&str]) -> Option<Undone> {
    const BEGINNINGS: [(&[&str], Undone); 17] = [
        (&["i", "have"], Undone::Claimed),
        (&["i've"], Undone::Claimed),
        (&["i", "will"], Undone::Announced),
        (&["i'll"], Undone::Announced),
        (&["let", "me"], Undone::Announced),
        (&["i", "am", "going", "to"], Undone::Announced),
        (&["i'm", "going", "to"], Undone::Announced),
        (&["i", "cannot"], Undone::Denied),
        (&["i", "can't"], Undone::Denied),
        (&["unable", "to"], Undone::Denied),
        (&["not", "able", "to"], Undone::Denied),
        (&["don't", "have"], Undone::Denied),
        (&["do", "not", "have"], Undone::Denied),
        (&["not", "capable"], Undone::Denied),
        (&["not", "possible", "for", "me"], Undone::Denied),
        (&["i", "lack"], Undone::Denied),
        (&["i"], Undone::Claimed),
    ];
    let (rest, undone) = BEGINNINGS
        .iter()
        .find_map(|(begin, undone)| Some((words.strip_prefix(*begin)?, *undone)))?;
    let verbs: &[&str] = match undone {
        Undone::Claimed => &DONE,
        Undone::Announced => &WILL,
        Undone::Denied => {
            let between = rest.iter().take_while(|word| BEFORE_CANNOT.contains(word)).count();
            let (between, rest) = rest.split_at(between);
            let denied = between.iter().any(|word| DIRECT.contains(word))
                || rest.first().is_some_and(|word| CANNOT.contains(word));
            return denied.then_some(undone);
        }
    };
    let rest = match rest.split_first() {
        Some((&("just" | "now" | "already" | "successfully" | "first" | "directly"), rest)) => rest,
        _ => rest,
    };
    rest.first().is_some_and(|word| verbs.contains(word)).then_some(undone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_told_from_answers() {
        let cases = [
            ("Done! I've sent the message to Ann.", Some(Undone::Claimed)),
            ("I have now saved the file.", Some(Undone::Claimed)),
            ("I created notes.md for you", Some(Undone::Claimed)),
            ("I’ve already deleted it.", Some(Undone::Claimed)),
            ("Done", Some(Undone::Claimed)),
            ("好的，我已經將它寫好，已儲存到 notes.md。", Some(Undone::Claimed)),
            (
                "To find the code word, I will use the `read` function. Please wait for the result.",
                Some(Undone::Announced),
            ),
            ("Let me check that.", Some(Undone::Announced)),
            ("You could call `read` for that.", Some(Undone::Announced)),
            ("我會讀取這個檔案，請稍等。", Some(Undone::Announced)),
            (
                "I'm sorry, but I don't have access to the notes.txt file.",
                Some(Undone::Denied),
            ),
            ("Unfortunately I can't read files.", Some(Undone::Denied)),
            (
                "As an AI, I don't have the ability to read files on your computer.",
                Some(Undone::Denied),
            ),
            (
                "I do not have the capability to directly open notes.txt.",
                Some(Undone::Denied),
            ),
            ("I'm not capable of accessing files.", Some(Undone::Denied)),
            ("I am not able to directly do that.", Some(Undone::Denied)),
            ("I lack the tools to browse the web.", Some(Undone::Denied)),
            ("抱歉，我無法讀取檔案。", Some(Undone::Denied)),
            ("I can send it when you like.", None),
            ("Should I delete the file?", None),
            ("I have a question.", None),
            ("You have sent it yourself.", None),
            ("The capital of France is Paris.", None),
            ("I do not have an opinion on that.", None),
            ("I don't have the ability to feel joy.", None),
            ("I don't have any tools to recommend for that.", None),
            ("The work is done by four people in a week.", None),
            ("要我刪除嗎？", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(undone(text, &["read", "write"]), expected, "{text}");
        }
    }
}
