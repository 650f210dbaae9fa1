//! Questions to a person at a terminal. Enter takes what is recommended.

use std::io::{self, IsTerminal};

use tokio::task::spawn_blocking;
use yabby_core::{Text, text};

use crate::{chat::read_line, terminal::Terminal};

/// The person has left: the end of the input.
pub(crate) struct Gone;

/// Whether somebody can answer.
pub(crate) fn somebody(terminal: Terminal) -> bool {
    terminal.watched && io::stdin().is_terminal()
}

/// One of `count` numbered things; 0 is none of them.
pub(crate) async fn number(
    terminal: Terminal,
    question: &Text,
    default: usize,
    fits: impl Fn(usize) -> bool,
) -> Result<usize, Gone> {
    loop {
        let said = line(
            terminal,
            &text!("{question} [{default}]", question = question, default = default),
        )
        .await?;
        if said.is_empty() {
            return Ok(default);
        }
        match said.parse() {
            Ok(number) if fits(number) => return Ok(number),
            _ => terminal.notice(&text!(
                "type one of the numbers above, or press Enter for {default}",
                default = default
            )),
        }
    }
}

/// Yes or no.
pub(crate) async fn yes(terminal: Terminal, question: &Text, default: bool) -> Result<bool, Gone> {
    let choices = if default { "Y/n" } else { "y/N" };
    loop {
        let said = line(
            terminal,
            &text!("{question} [{default}]", question = question, default = choices),
        )
        .await?;
        match said.to_lowercase().as_str() {
            "" => return Ok(default),
            "y" | "yes" | "是" | "好" => return Ok(true),
            "n" | "no" | "否" | "不" => return Ok(false),
            _ => terminal.notice(&text!("type y or n")),
        }
    }
}

async fn line(terminal: Terminal, question: &Text) -> Result<String, Gone> {
    terminal.prompt(question);
    // On a thread of its own: connections that were used are closed meanwhile.
    if let Ok(Ok(Some(line))) = spawn_blocking(read_line).await {
        return Ok(line.trim().to_owned());
    }
    terminal.line("");
    Err(Gone)
}
