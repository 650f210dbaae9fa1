//! What the first bytes of an input choose.

/// How the rest of an input is read.
///
/// The first byte holds flags; `@` has none of them, and the letters after it count up from there. Each of the next
/// three gives the size of every third piece: `@` is 1 byte, `A` 2, `B` 5, `C` 10, and so on to 962.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    flags: u8,
    sizes: [usize; 3],
}

// === impl Head ===

impl Head {
    /// Takes the head off an input, unless the input is shorter than that.
    pub(crate) fn take(input: &[u8]) -> Option<(Self, &[u8])> {
        let (&[flags, sizes @ ..], rest) = input.split_first_chunk::<4>()?;
        let sizes = sizes.map(|byte| usize::from(byte % 32).pow(2) + 1);
        Some((Self { flags, sizes }, rest))
    }

    /// The flags in `mask`.
    pub(crate) fn flags(&self, mask: u8) -> u8 {
        self.flags & mask
    }

    /// Whether a flag in `mask` is set.
    pub(crate) fn has(&self, mask: u8) -> bool {
        self.flags(mask) != 0
    }

    /// Cuts bytes into pieces.
    pub(crate) fn pieces<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = bytes;
        self.sizes.into_iter().cycle().map_while(move |size| {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Cuts text into pieces of whole characters.
    pub(crate) fn texts<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let mut rest = text;
        self.sizes.into_iter().cycle().map_while(move |size| {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(size));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
