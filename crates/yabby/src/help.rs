//! The command line's help in the person's language.

use clap::Command;
use yabby_core::{Lang, text::translate};

/// Headings that clap would print in English.
const COMMANDS: &str = "Commands";
const OPTIONS: &str = "Options";
const ARGUMENTS: &str = "Arguments";

/// The same command with its help texts in `lang`.
pub(crate) fn translated(command: Command, lang: Lang) -> Command {
    if lang == Lang::En {
        return command;
    }
    in_language(command.build_all(), lang)
}

trait BuildAll {
    fn build_all(self) -> Self;
}

impl BuildAll for Command {
    /// Adds the flags that clap makes itself, so that they can be translated too.
    fn build_all(mut self) -> Self {
        self.build();
        self
    }
}

fn in_language(command: Command, lang: Lang) -> Command {
    let say = |english: &str| translate(english, lang).to_owned();
    let about = command.get_about().map(|about| say(&about.to_string()));
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut command = command
        .subcommand_help_heading(translate(COMMANDS, lang))
        .mut_args(|argument| {
            let help = argument.get_help().map(|help| say(&help.to_string()));
            let heading = if argument.is_positional() { ARGUMENTS } else { OPTIONS };
            let argument = argument.help_heading(translate(heading, lang));
            match help {
                Some(help) => argument.help(help),
                None => argument,
            }
        });
    if let Some(about) = about {
        command = command.about(about);
    }
    for name in names {
        command = command.mut_subcommand(name, |sub| in_language(sub, lang));
    }
    command
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use yabby_core::text::catalogue;

    use super::*;
    use crate::arguments::Arguments;

    fn texts(command: &Command, found: &mut Vec<String>) {
        if command.is_hide_set() {
            return;
        }
        found.extend(command.get_about().map(ToString::to_string));
        found.extend(
            command
                .get_arguments()
                .filter_map(|argument| argument.get_help().map(ToString::to_string)),
        );
        for sub in command.get_subcommands() {
            texts(sub, found);
        }
    }

    #[test]
    fn every_help_text_is_translated() {
        let mut found = vec![COMMANDS.to_owned(), OPTIONS.to_owned(), ARGUMENTS.to_owned()];
        texts(&Arguments::command().build_all(), &mut found);
        let missing: Vec<_> = found
            .iter()
            .filter(|text| !catalogue().any(|(english, _)| english == text.as_str()))
            .collect();
        assert!(missing.is_empty(), "no translation in zh_tw/cli.txt: {missing:#?}");
    }
}
