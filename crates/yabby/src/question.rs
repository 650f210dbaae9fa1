//! The question of `yabby ask`: its words, what is piped in, and pictures.

use std::{
    io::{self, IsTerminal, Read},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{fs, io::AsyncReadExt, task::spawn_blocking, time::timeout};
use yabby_core::{Image, Message, Text, text};

use crate::app::App;

/// Piped input beyond this is refused: no model that Yabby knows reads as much.
const LONGEST_INPUT: u64 = 8 * 1024 * 1024;

/// A picture beyond this is refused: no server takes as much, and it is sent with every turn.
const LARGEST_PICTURE: u64 = 20 * 1024 * 1024;

/// How long piped input is waited for in silence.
const SILENCE: Duration = Duration::from_secs(2);

/// Why there is no question.
pub(crate) enum Trouble {
    Nothing,
    TooLong,
    Unreadable(io::Error),
    NoFile(PathBuf, io::Error),
    TooLarge(PathBuf),
    NoPicture(PathBuf),
}

/// The question as the person's message.
pub(crate) async fn question(app: &App, words: String, pictures: &[PathBuf]) -> Result<Message, Trouble> {
    // Before standard input is waited for: a misspelt file name is told at once.
    let mut images = Vec::with_capacity(pictures.len());
    for file in pictures {
        images.push(picture(file).await?);
    }
    Ok(Message::User {
        text: self::words(app, words).await?,
        images,
    })
}

/// A file, or a pipe (`--image <(convert …)`); a device may have no end.
async fn picture(file: &Path) -> Result<Image, Trouble> {
    let missing = |error| Trouble::NoFile(file.to_owned(), error);
    let data = fs::metadata(file).await.map_err(missing)?;
    if data.file_type().is_char_device() || data.file_type().is_block_device() {
        return Err(Trouble::NoPicture(file.to_owned()));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).await.map_err(missing)?;
    opened
        .take(LARGEST_PICTURE + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(missing)?;
    if bytes.len() as u64 > LARGEST_PICTURE {
        return Err(Trouble::TooLarge(file.to_owned()));
    }
    Image::new(&bytes).ok_or_else(|| Trouble::NoPicture(file.to_owned()))
}

/// The words of the question, with piped input below them.
async fn words(app: &App, question: String) -> Result<String, Trouble> {
    let piped = if question.trim().is_empty() {
        !io::stdin().is_terminal()
    } else {
        is_piped()
    };
    let mut input = String::new();
    if piped {
        let mut read = spawn_blocking(|| {
            let mut input = String::new();
            io::stdin().take(LONGEST_INPUT + 1).read_to_string(&mut input)?;
            Ok(input)
        });
        let read = if let Ok(read) = timeout(SILENCE, &mut read).await {
            read
        } else {
            app.terminal.notice(&text!(
                "waiting for the end of standard input; without piped input, run with < /dev/null"
            ));
            read.await
        };
        input = read
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            .map_err(Trouble::Unreadable)?;
        if input.len() as u64 > LONGEST_INPUT {
            return Err(Trouble::TooLong);
        }
    }
    match (question.trim(), input.trim()) {
        ("", "") => Err(Trouble::Nothing),
        ("", input) => Ok(input.to_owned()),
        (question, "") => Ok(question.to_owned()),
        (question, input) => Ok(format!("{question}\n\n{input}")),
    }
}

/// Whether standard input is a pipe or a file. A socket or device that never ends (cron, ssh, a service manager)
/// must not keep a question waiting that was given as an argument.
fn is_piped() -> bool {
    use std::os::fd::AsFd;
    let Ok(fd) = io::stdin().as_fd().try_clone_to_owned() else {
        return false;
    };
    std::fs::File::from(fd)
        .metadata()
        .is_ok_and(|data| data.file_type().is_fifo() || data.is_file())
}

// === impl Trouble ===

impl Trouble {
    pub(crate) fn reason(&self) -> Text {
        match self {
            Self::Nothing => text!("there is no question"),
            Self::TooLong => text!(
                "the piped input is longer than {megabytes} MB",
                megabytes = LONGEST_INPUT >> 20
            ),
            Self::Unreadable(error) => text!("standard input cannot be read: {error}", error = error),
            Self::NoFile(file, error) => text!("{file} cannot be read: {error}", file = file.display(), error = error),
            Self::TooLarge(file) => text!(
                "{file} is larger than {megabytes} MB",
                file = file.display(),
                megabytes = LARGEST_PICTURE >> 20
            ),
            Self::NoPicture(file) => text!("{file} is no picture that models can read", file = file.display()),
        }
    }

    pub(crate) fn hint(&self) -> Text {
        match self {
            Self::Nothing => text!("give it as an argument or on standard input: yabby ask \"Why is the sky blue?\""),
            Self::TooLong => text!("pipe only the part that the question is about"),
            Self::Unreadable(_) => text!("it must be UTF-8 text"),
            Self::NoFile(..) => text!("check its name and who may read it"),
            Self::TooLarge(_) => text!("make it smaller; models look at a picture with about a thousand pixels a side"),
            Self::NoPicture(_) => text!("they read PNG, JPEG, WebP and GIF; convert it to one of these"),
        }
    }
}
