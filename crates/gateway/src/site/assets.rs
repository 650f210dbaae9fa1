//! The files of the page, as the binary has them.

use std::{collections::HashMap, fmt::Write as _, io::Write as _, sync::OnceLock};

use flate2::{Compression, write::GzEncoder};
use hyper::{body::Bytes, header::HeaderValue};
use sha2::{Digest, Sha256};

/// In `index.html`, stands for the hash of all files.
const PLACE: &str = "/assets/@/";

macro_rules! files {
    ($($name:literal,)*) => {
        [$(($name, include_bytes!(concat!("../../web/", $name)).as_slice())),*]
    };
}

pub(super) const INDEX: &str = include_str!("../../web/index.html");

/// All files of `web/` that a browser may ask for; a test looks that none is missing.
pub(super) const FILES: [(&str, &[u8]); 72] = files![
    "css/base.css",
    "css/chat.css",
    "css/shell.css",
    "css/text.css",
    "css/views.css",
    "i18n/en.json",
    "i18n/zh-TW.json",
    "icon.svg",
    "js/chat/announce.js",
    "js/chat/answer.js",
    "js/chat/approval.js",
    "js/chat/attempts.js",
    "js/chat/chat.js",
    "js/chat/commands.js",
    "js/chat/composer.js",
    "js/chat/images.js",
    "js/chat/models.js",
    "js/chat/progress.js",
    "js/chat/question.js",
    "js/chat/scroll.js",
    "js/chat/thinking.js",
    "js/chat/thread.js",
    "js/chat/tool.js",
    "js/chat/welcome.js",
    "js/early.js",
    "js/i18n.js",
    "js/main.js",
    "js/net/api.js",
    "js/net/live.js",
    "js/net/sign-in.js",
    "js/net/stream.js",
    "js/prefs.js",
    "js/shell/app.js",
    "js/shell/drawer.js",
    "js/shell/help.js",
    "js/shell/preferences.js",
    "js/shell/route.js",
    "js/shell/shortcuts.js",
    "js/shell/sidebar.js",
    "js/shell/sign-in.js",
    "js/shell/view.js",
    "js/state/chat.js",
    "js/state/entries.js",
    "js/state/frames.js",
    "js/state/house.js",
    "js/state/outbox.js",
    "js/state/running.js",
    "js/state/title.js",
    "js/text/markdown.js",
    "js/text/prose.js",
    "js/text/sanitize.js",
    "js/ui/chart.js",
    "js/ui/clock.js",
    "js/ui/copy.js",
    "js/ui/dialog.js",
    "js/ui/format.js",
    "js/ui/icons.js",
    "js/ui/menu.js",
    "js/ui/problem.js",
    "js/ui/spark.js",
    "js/ui/toast.js",
    "js/views/keys.js",
    "js/views/logs.js",
    "js/views/reading.js",
    "js/views/servers.js",
    "js/views/settings.js",
    "js/views/sums.js",
    "js/views/usage.js",
    "vendor/LICENSES.txt",
    "vendor/highlight.js",
    "vendor/markdown.js",
    "vendor/ui.js",
];

/// A file, ready to be sent.
pub(super) struct Asset {
    pub(super) bytes: Bytes,
    pub(super) content_type: &'static str,
    pub(super) etag: HeaderValue,
    compressed: OnceLock<Bytes>,
}

/// All of them.
pub(super) struct Assets {
    pub(super) index: Asset,
    /// The hash of all files: part of every path.
    pub(super) hash: String,
    files: HashMap<&'static str, Asset>,
}

// === impl Assets ===

impl Assets {
    pub(super) fn new() -> Self {
        let mut all = Sha256::new_with_prefix(INDEX);
        for (name, bytes) in FILES {
            all.update(name);
            all.update(bytes);
        }
        let hash = hex(&all.finalize());
        let index = INDEX.replace(PLACE, &format!("/assets/{hash}/"));
        let files = FILES
            .into_iter()
            .map(|(name, bytes)| (name, Asset::new(name, Bytes::from_static(bytes))));
        Self {
            index: Asset::new("index.html", index.into()),
            files: files.collect(),
            hash,
        }
    }

    /// A file by the hash and its name, as they stand in the path behind `/assets/`.
    pub(super) fn find(&self, path: &str) -> Option<&Asset> {
        let (hash, name) = path.split_once('/')?;
        self.files.get(name).filter(|_| hash == self.hash)
    }
}

// === impl Asset ===

impl Asset {
    fn new(name: &str, bytes: Bytes) -> Self {
        let tag = format!("\"{}\"", hex(&Sha256::digest(&bytes)));
        Self {
            content_type: content_type(name),
            // Hex digits between quotes always are a value.
            etag: HeaderValue::from_maybe_shared(Bytes::from(tag)).unwrap_or(HeaderValue::from_static("\"?\"")),
            bytes,
            compressed: OnceLock::new(),
        }
    }

    /// It is compressed once, when somebody first asks for it: a few milliseconds for the largest.
    pub(super) fn compressed(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            // Memory takes everything.
            let written = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
            written.map(Bytes::from).unwrap_or_default()
        };
        self.compressed.get_or_init(compress).clone()
    }
}

/// Sixteen digits are enough to tell versions apart.
fn hex(digest: &[u8]) -> String {
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}
