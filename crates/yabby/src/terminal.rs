//! What is written where: answers to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use yabby_config::Environment;
use yabby_core::{Lang, ModelError, Text, text};

/// The person's terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) lang: Lang,
    /// Whether standard error takes colours.
    color: bool,
    /// Whether somebody watches standard error, so that progress may be drawn.
    pub(crate) watched: bool,
}

const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();

/// The colour of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Note,
    Bad,
}

impl Terminal {
    pub(crate) fn new(env: &Environment, lang: Lang) -> Self {
        let watched = io::stderr().is_terminal() && env.get("TERM") != Some("dumb");
        Self {
            lang,
            color: watched && env.get("NO_COLOR").is_none(),
            watched,
        }
    }

    /// Without colours and progress.
    pub(crate) fn plain(lang: Lang) -> Self {
        Self {
            lang,
            color: false,
            watched: false,
        }
    }

    pub(crate) fn color(self) -> bool {
        self.color
    }

    /// A text in the person's language.
    pub(crate) fn say(self, text: &Text) -> String {
        visible(&text.render(self.lang))
    }

    /// A line on standard error.
    pub(crate) fn line(self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// A question on standard error; the answer stands in the same line.
    pub(crate) fn prompt(self, question: &Text) {
        let _ = write!(io::stderr(), "{} ", self.say(question));
        let _ = io::stderr().flush();
    }

    /// Something that the person should know.
    pub(crate) fn notice(self, text: &Text) {
        self.line(&self.styled(DIM, &format!("· {}", self.say(text))));
    }

    /// Something that went wrong, and what to do about it.
    pub(crate) fn error(self, message: &Text, hint: Option<&Text>) {
        let error = self.styled(RED, &self.say(&text!("error")));
        self.line(&format!("{error}: {}", self.say(message)));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    pub(crate) fn model_error(self, error: &ModelError) {
        self.error(&error.message, error.hint.as_ref());
    }

    pub(crate) fn hint(self, hint: &Text) {
        let word = self.styled(YELLOW, &self.say(&text!("hint")));
        self.line(&format!("{word}: {}", self.say(hint)));
    }

    /// A piece of a model's reasoning, dimmed.
    pub(crate) fn reasoning(self, piece: &str) {
        let _ = write!(io::stderr(), "{}", self.styled(DIM, &visible(piece)));
        let _ = io::stderr().flush();
    }

    /// A piece of an answer. Fails when nobody reads standard output any more.
    pub(crate) fn answer(self, piece: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(visible(piece).as_bytes())?;
        out.flush()
    }

    /// A line of a result, to standard output.
    pub(crate) fn out(self, line: &str) {
        let _ = writeln!(io::stdout(), "{line}");
    }

    /// ✓, · or ✗ with a colour, where standard error takes one.
    pub(crate) fn mark(self, mark: Mark) -> String {
        match mark {
            Mark::Good => self.styled(GREEN, "✓"),
            Mark::Note => self.styled(YELLOW, "·"),
            Mark::Bad => self.styled(RED, "✗"),
        }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.styled(DIM, text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.styled(BOLD, text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Text from a model or server without characters that steer a terminal: a model that was told to could otherwise
/// retitle the window, write to the clipboard or hide what it did. Direction overrides go for the same reason.
pub(crate) fn visible(text: &str) -> String {
    text.chars().filter(|&letter| !steers(letter)).collect()
}

fn steers(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t')
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(
            visible("a\x1b]52;c;ZXZpbA==\x07b\r\n\tc\u{202e}d"),
            "a]52;c;ZXZpbA==b\n\tcd"
        );
        assert_eq!(visible("你好 🦘"), "你好 🦘");
    }
}
