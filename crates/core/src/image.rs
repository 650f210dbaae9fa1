//! Pictures in a conversation.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// A picture in one of the formats that model servers take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The format.
    pub media_type: ImageType,
    /// The bytes of the file, as base64 with padding: the form in which every API takes it.
    base64: String,
}

/// A format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageType {
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
    /// GIF.
    #[serde(rename = "image/gif")]
    Gif,
}

/// How many letters of base64 hold the bytes that tell the format.
const HEAD_CHARS: usize = 16;

impl Image {
    /// A picture from the bytes of a file, whose format is told by its first bytes; `None` when it is none of the four.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            media_type: ImageType::of(bytes)?,
            base64: STANDARD.encode(bytes),
        })
    }

    /// A picture from base64, with or without padding and line ends; `None` when it is no base64, or none of the four
    /// formats.
    pub fn from_base64(mut base64: String) -> Option<Self> {
        if base64.bytes().any(|byte| byte.is_ascii_whitespace()) {
            base64.retain(|c| !c.is_ascii_whitespace());
        }
        base64.truncate(base64.trim_end_matches('=').len());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        if !base64.bytes().all(is_plain) {
            return None;
        }
        base64.extend(std::iter::repeat_n('=', (4 - base64.len() % 4) % 4));
        // The letters are right; what else can be wrong is wrong at the end.
        STANDARD.decode(base64.get(base64.len().saturating_sub(4)..)?).ok()?;
        let head = STANDARD.decode(base64.get(..base64.len().min(HEAD_CHARS))?).ok()?;
        Some(Self {
            media_type: ImageType::of(&head)?,
            base64,
        })
    }

    /// The bytes as base64.
    pub fn base64(&self) -> &str {
        &self.base64
    }

    /// The picture as a `data:` URL.
    pub fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.media_type.name(), self.base64)
    }
}

impl ImageType {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    /// The media type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_format() {
        let png = Image::new(b"\x89PNG\r\n\x1a\n").unwrap();
        assert_eq!(png.data_url(), "data:image/png;base64,iVBORw0KGgo=");
        let names = [
            b"\xff\xd8\xff\xe0".as_slice(),
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"GIF89a",
            b"<svg/>",
            b"",
        ];
        let told = names.map(|bytes| Image::new(bytes).map(|image| image.media_type.name()));
        assert_eq!(
            told,
            [Some("image/jpeg"), Some("image/webp"), Some("image/gif"), None, None]
        );
    }

    #[test]
    fn base64_is_taken_as_it_comes() {
        for bytes in [
            b"\x89PNG\r\n\x1a\n".as_slice(),
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"GIF89a",
            b"GIF89a1",
        ] {
            let image = Image::new(bytes).unwrap();
            let written = image.base64().to_owned();
            let broken = format!("{}\r\n{}", &written[..4], &written[4..]);
            let bare = written.trim_end_matches('=').to_owned();
            for form in [written, broken, bare] {
                assert_eq!(Image::from_base64(form), Some(image.clone()));
            }
        }
        for wrong in [
            "",
            "=",
            "iVBO",
            "PHN2Zy8+",
            "iVBORw0KGgo=iVBORw0KGgo=",
            "iVBORw0KGgp=",
            "iVBORw0KG\u{e9}o=",
            "iVBORw0K-_o=",
        ] {
            assert_eq!(Image::from_base64(wrong.to_owned()), None, "{wrong}");
        }
    }
}
