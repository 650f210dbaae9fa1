//! The words of a query and of a tool.

/// What people ask for in Chinese, and the English words that descriptions have for it. Both ways of writing it.
const CHINESE: [(&str, &str); 63] = [
    ("檔", "file"),
    ("档", "file"),
    ("文件", "file document"),
    ("資料夾", "folder directory"),
    ("文件夹", "folder directory"),
    ("讀", "read"),
    ("读", "read"),
    ("寫", "write"),
    ("写", "write"),
    ("編輯", "edit"),
    ("编辑", "edit"),
    ("修改", "edit change"),
    ("刪", "delete remove"),
    ("删", "delete remove"),
    ("列", "list"),
    ("看", "list read show"),
    ("搜", "search find"),
    ("找", "search find"),
    ("查", "search look"),
    ("網", "web url"),
    ("网", "web url"),
    ("新聞", "news web"),
    ("新闻", "news web"),
    ("下載", "download fetch"),
    ("下载", "download fetch"),
    ("記憶", "memory"),
    ("记忆", "memory"),
    ("記得", "memory remember"),
    ("记得", "memory remember"),
    ("提醒", "remind reminder timer"),
    ("鬧鐘", "remind timer alarm"),
    ("闹钟", "remind timer alarm"),
    ("定時", "timer schedule cron"),
    ("定时", "timer schedule cron"),
    ("排程", "schedule cron"),
    ("行事曆", "calendar event"),
    ("日曆", "calendar event"),
    ("日历", "calendar event"),
    ("會議", "calendar meeting event"),
    ("会议", "calendar meeting event"),
    ("訊息", "message"),
    ("消息", "message"),
    ("簡訊", "message sms"),
    ("傳", "send"),
    ("發", "send"),
    ("发", "send"),
    ("郵件", "mail email"),
    ("邮件", "mail email"),
    ("信", "mail email"),
    ("程式", "program run exec"),
    ("程序", "program run exec"),
    ("執行", "run exec"),
    ("执行", "run exec"),
    ("命令", "command exec"),
    ("天氣", "weather"),
    ("天气", "weather"),
    ("時間", "time"),
    ("时间", "time"),
    ("圖", "image picture"),
    ("图", "image picture"),
    ("翻譯", "translate"),
    ("翻译", "translate"),
    ("地圖", "map place"),
];

/// Words that say nothing of a tool.
const EMPTY: [&str; 20] = [
    "a", "an", "and", "for", "in", "is", "it", "me", "my", "of", "on", "or", "that", "the", "to", "tool", "use",
    "with", "i", "you",
];

/// The words of a text: runs of letters and digits in lower case and without the ends of grammar, `camelCase` and
/// `snake_case` taken apart; pairs of Chinese characters, and what they are in English.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (chinese, english) in CHINESE {
        if text.contains(chinese) {
            words.extend(english.split(' ').map(stem));
        }
    }
    let mut word = String::new();
    let mut before: Option<char> = None;
    for letter in text.chars() {
        let own = is_own_word(letter);
        let hump = before.is_some_and(char::is_lowercase) && letter.is_uppercase();
        if own || hump || !letter.is_alphanumeric() {
            close(&mut word, &mut words);
        }
        if own {
            if let Some(first) = before.filter(|first| is_own_word(*first)) {
                words.push([first, letter].iter().collect());
            }
        } else if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        before = Some(letter);
    }
    close(&mut word, &mut words);
    words
}

fn close(word: &mut String, words: &mut Vec<String>) {
    let word = std::mem::take(word);
    if !word.is_empty() && !EMPTY.contains(&word.as_str()) {
        words.push(stem(&word));
    }
}

/// Whether a character is a word without a space around it: Chinese, kana.
fn is_own_word(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// A word without the commonest ends: `files`, `searching` and `reminder` are to be found too.
fn stem(word: &str) -> String {
    let ends = ["ing", "ers", "ies", "er", "ed", "es", "s"];
    let end = ends
        .iter()
        .find_map(|end| word.strip_suffix(end).filter(|rest| rest.len() >= 3));
    let rest = end.unwrap_or(word);
    // `write` and `writing`, `message` and `messages` are one.
    rest.strip_suffix('e')
        .filter(|rest| rest.len() >= 3)
        .unwrap_or(rest)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_apart() {
        assert_eq!(
            words("web_search getWeather the Files"),
            ["web", "search", "get", "weath", "fil"]
        );
        assert_eq!(words("writes a message"), words("write messages"));
        assert_eq!(words("reminders"), words("remind"));
        assert_eq!(words("搜尋 PDF"), ["search", "find", "搜尋", "pdf"]);
        assert_eq!(words("  —!"), Vec::<String>::new());
    }
}
