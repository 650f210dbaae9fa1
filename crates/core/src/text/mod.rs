//! Texts that a person reads, in the person's language.
//!
//! A [`Text`] is an English template with named values, made with [`text!`](crate::text!). It is rendered where it
//! is shown, in the language of whoever reads it; `zh_tw/` holds the Traditional Chinese templates, a file a room. A test in
//! the `yabby` crate reads all sources and fails when a template has no translation.

mod kept;

use std::{collections::HashMap, fmt, sync::LazyLock};

/// A language that Yabby speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Traditional Chinese as written in Taiwan.
    ZhTw,
}

impl Lang {
    /// Reads a locale name such as `zh_TW.UTF-8` or `zh-Hant`; anything else is English.
    pub fn from_locale(locale: &str) -> Self {
        let name = locale.to_ascii_lowercase().replace('_', "-");
        let traditional = ["zh-tw", "zh-hk", "zh-mo", "zh-hant"];
        if traditional.iter().any(|prefix| name.starts_with(prefix)) {
            Self::ZhTw
        } else {
            Self::En
        }
    }
}

/// A sentence for a person: a template and the values of its `{names}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    template: &'static str,
    values: Vec<(&'static str, Value)>,
}

/// A value of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The same in every language: a name, a number, a server's words.
    Plain(String),
    /// A sentence of its own, rendered in the language of the whole.
    Text(Text),
}

/// What can stand in a [`Text`]: everything that can be displayed, and another `Text`.
pub trait ToValue {
    /// The value.
    fn to_value(&self) -> Value;
}

impl<T: fmt::Display + ?Sized> ToValue for T {
    fn to_value(&self) -> Value {
        Value::Plain(self.to_string())
    }
}

// `Text` has no `Display` of its own: it would let a sentence into another one in the wrong language.
impl ToValue for Text {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Text {
    /// Use [`text!`](crate::text!) instead, which the translation test can see.
    #[doc(hidden)]
    pub const fn from_parts(template: &'static str, values: Vec<(&'static str, Value)>) -> Self {
        Self { template, values }
    }

    /// The same with each plain value changed.
    #[must_use]
    pub fn with_values(mut self, change: &dyn Fn(&str) -> String) -> Self {
        for (_, value) in &mut self.values {
            *value = match std::mem::replace(value, Value::Plain(String::new())) {
                Value::Plain(plain) => Value::Plain(change(&plain)),
                Value::Text(text) => Value::Text(text.with_values(change)),
            };
        }
        self
    }

    /// The text in `lang`.
    pub fn render(&self, lang: Lang) -> String {
        fill(translate(self.template, lang), &self.values, lang)
    }

    /// The text in English, for logs and JSON.
    pub fn english(&self) -> String {
        self.render(Lang::En)
    }
}

/// Makes a [`Text`] from an English template and named values.
///
/// ```
/// let text = yabby_core::text!("nothing listens at {url}", url = "127.0.0.1:1234");
/// assert_eq!(text.english(), "nothing listens at 127.0.0.1:1234");
/// ```
#[macro_export]
macro_rules! text {
    ($template:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::Text::from_parts($template, vec![$((stringify!($name), { use $crate::text::ToValue as _; ($value).to_value() })),*])
    };
}

/// The template in `lang`; English where there is no translation.
pub fn translate(template: &str, lang: Lang) -> &str {
    match lang {
        Lang::En => template,
        Lang::ZhTw => ZH_TW.get(template).copied().unwrap_or(template),
    }
}

/// All templates that have a Traditional Chinese translation, with it.
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    ZH_TW.iter().map(|(english, chinese)| (*english, *chinese))
}

/// The translated texts of each room: an English line, then its translation.
const ZH_TW_FILES: [&str; 9] = [
    include_str!("zh_tw/config.txt"),
    include_str!("zh_tw/wire.txt"),
    include_str!("zh_tw/servers.txt"),
    include_str!("zh_tw/route.txt"),
    include_str!("zh_tw/gateway.txt"),
    include_str!("zh_tw/store.txt"),
    include_str!("zh_tw/agent.txt"),
    include_str!("zh_tw/tools.txt"),
    include_str!("zh_tw/cli.txt"),
];

fn zh_tw_lines() -> impl Iterator<Item = &'static str> {
    ZH_TW_FILES
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| !line.trim().is_empty() && !line.starts_with("##"))
}

static ZH_TW: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let mut lines = zh_tw_lines();
    let mut entries = HashMap::new();
    while let (Some(english), Some(chinese)) = (lines.next(), lines.next()) {
        entries.insert(english, chinese);
    }
    entries
});

/// Replaces each `{name}`; values are never read as templates.
fn fill(template: &str, values: &[(&'static str, Value)], lang: Lang) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        out.push_str(before);
        let Some(close) = after.find('}') else {
            rest = after;
            break;
        };
        let name = &after[1..close];
        match values.iter().find(|(key, _)| *key == name) {
            Some((_, Value::Plain(value))) => out.push_str(value),
            Some((_, Value::Text(text))) => out.push_str(&text.render(lang)),
            None => out.push_str(&after[..=close]),
        }
        rest = &after[close + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(template: &str) -> BTreeSet<&str> {
        template
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn translations_use_the_same_names() {
        for (english, chinese) in catalogue() {
            assert_eq!(names(english), names(chinese), "{english}");
        }
    }

    #[test]
    fn the_catalogue_is_well_formed() {
        assert_eq!(
            zh_tw_lines().count(),
            catalogue().count() * 2,
            "an entry stands twice, or a pair is broken"
        );
    }

    #[test]
    fn values_are_not_templates() {
        let text = crate::text!("{a} and {b}", a = "{b}", b = "x");
        assert_eq!(text.english(), "{b} and x");
    }

    #[test]
    fn locales() {
        assert_eq!(Lang::from_locale("zh_TW.UTF-8"), Lang::ZhTw);
        assert_eq!(Lang::from_locale("zh-Hant-HK"), Lang::ZhTw);
        assert_eq!(Lang::from_locale("zh_CN.UTF-8"), Lang::En);
        assert_eq!(Lang::from_locale("C"), Lang::En);
    }
}
