//! What OpenClaw has compressed with zstd.

use std::io::Read as _;

use ruzstd::decoding::StreamingDecoder;

/// An entry is no larger; OpenClaw itself unpacks less.
pub(super) const LARGEST_ENTRY: usize = 64 << 20;
/// Nor is the archive of a session. It is also what the decoder, like zstd itself, keeps in memory at the most.
pub(super) const LARGEST_ARCHIVE: usize = 128 << 20;

/// The bytes again; `None` when they are damaged, or more than `most`: a few bytes may stand for any number.
pub(super) fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    let mut rest = packed;
    // There may be several pieces, one after another.
    while !rest.is_empty() {
        let decoder = StreamingDecoder::new(&mut rest).ok()?;
        let room = most.saturating_sub(unpacked.len()) as u64;
        decoder.take(room + 1).read_to_end(&mut unpacked).ok()?;
        if unpacked.len() > most {
            return None;
        }
    }
    Some(unpacked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf '{"type":"message"}' | zstd -19`
    const SMALL: &[u8] = include_bytes!("../../tests/store/packed/small.zst");
    /// `head -c 3000000 /dev/zero | zstd -19 --no-check`
    const ZEROS: &[u8] = include_bytes!("../../tests/store/packed/zeros.zst");

    #[test]
    fn what_zstd_has_packed_is_unpacked() {
        let text = b"{\"type\":\"message\"}".to_vec();
        assert_eq!(unpack(SMALL, 1000), Some(text.clone()));
        assert_eq!(unpack(&[SMALL, SMALL].concat(), 1000), Some(text.repeat(2)));
        assert_eq!(unpack(ZEROS, 3_000_000), Some(vec![0; 3_000_000]));
        assert_eq!(unpack(b"", 1000), Some(Vec::new()));
    }

    #[test]
    fn what_is_too_large_or_damaged_is_not() {
        assert!(ZEROS.len() < 500, "{}", ZEROS.len());
        assert_eq!(unpack(ZEROS, 2_999_999), None);
        assert_eq!(unpack(&[SMALL, SMALL].concat(), 20), None);
        for length in 1..SMALL.len() - 4 {
            assert_eq!(unpack(&SMALL[..length], 1000), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300_usize) {
            let _ = unpack(&bytes, 10_000);
            // Behind the beginning of something that is packed.
            let mut damaged = SMALL[..at.min(SMALL.len())].to_vec();
            damaged.extend(&bytes);
            let _ = unpack(&damaged, 10_000);
        }
    }
}
