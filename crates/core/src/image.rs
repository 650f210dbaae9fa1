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

impl Image {
    /// A picture from the bytes of a file, whose format is told by its first bytes; `None` when it is none of the four.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            media_type: ImageType::of(bytes)?,
            base64: STANDARD.encode(bytes),
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
}
