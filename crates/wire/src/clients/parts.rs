//! What a message says: a string, or parts of text and pictures. One reader takes the parts of all three APIs.

use serde_json::Value;
use yabby_core::Image;

use super::{
    fields::{Fields, each, not_a},
    invalid::InvalidRequest,
};

/// The texts and the pictures of a message, each in order.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) texts: Vec<String>,
    pub(super) images: Vec<Image>,
}

/// A picture from a `data:` URL. Nothing is fetched: the address would be asked with this machine's rights.
fn picture_of_url(mut url: String) -> Result<Image, InvalidRequest> {
    if !url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        let problem = "pictures are taken as `data:` URLs with base64; no address is fetched";
        return Err(InvalidRequest::unsupported("", problem));
    }
    let is_base64 = |head: &str| head.to_ascii_lowercase().ends_with(";base64");
    match url.find(',').filter(|at| is_base64(&url[..*at])) {
        Some(at) => {
            url.drain(..=at);
            picture(url)
        }
        None => Err(InvalidRequest::wrong("", "must be a `data:` URL with base64")),
    }
}

/// A picture from base64. Its first bytes tell the format, whatever it is called.
fn picture(base64: String) -> Result<Image, InvalidRequest> {
    let problem = "must be base64 of a PNG, JPEG, WebP or GIF";
    Image::from_base64(base64).ok_or_else(|| InvalidRequest::wrong("", problem))
}

/// The picture under `image_url`: the URL itself, or an object with it.
fn linked(part: &mut Fields) -> Result<Image, InvalidRequest> {
    const NAME: &str = "image_url";
    match part.take(NAME) {
        Some(Value::String(url)) => picture_of_url(url).map_err(|error| error.within(NAME)),
        Some(value @ Value::Object(_)) => {
            let url = Fields::of(value)?.needed_text("url");
            let read = url.and_then(|url| picture_of_url(url).map_err(|error| error.within("url")));
            read.map_err(|error| error.within(NAME))
        }
        Some(other) => Err(not_a(NAME, "a string or an object", &other)),
        None if part.has("file_id") => Err(InvalidRequest::unsupported("file_id", "no files are kept here")),
        None => Err(InvalidRequest::missing(NAME)),
    }
}

// === impl Content ===

impl Content {
    /// Reads a `content`: a string, or a list of parts; null says nothing.
    pub(super) fn of(content: Option<Value>) -> Result<Self, InvalidRequest> {
        let mut read = Self::default();
        match content {
            None => {}
            Some(Value::String(text)) => read.say(text),
            Some(Value::Array(parts)) => each(parts, |part| read.part(part))?,
            Some(other) => return Err(not_a("", "a string or an array", &other)),
        }
        Ok(read)
    }

    fn say(&mut self, text: String) {
        if !text.is_empty() {
            self.texts.push(text);
        }
    }

    /// Reads one part.
    pub(super) fn part(&mut self, part: Value) -> Result<(), InvalidRequest> {
        if let Value::String(text) = part {
            self.say(text);
            return Ok(());
        }
        let mut part = Fields::of(part)?;
        let kind = part.needed_text("type")?;
        self.typed(&kind, &mut part)
    }

    /// Reads a part whose type is known.
    pub(super) fn typed(&mut self, kind: &str, part: &mut Fields) -> Result<(), InvalidRequest> {
        match kind {
            "text" | "input_text" | "output_text" | "summary_text" => self.say(part.needed_text("text")?),
            "refusal" => self.say(part.needed_text("refusal")?),
            "image_url" | "input_image" => self.images.push(linked(part)?),
            "image" => {
                let read = part.inside("source", |source| match source.needed_text("type")?.as_str() {
                    "base64" => {
                        let data = source.needed_text("data")?;
                        picture(data).map_err(|error| error.within("data"))
                    }
                    "url" => {
                        let url = source.needed_text("url")?;
                        picture_of_url(url).map_err(|error| error.within("url"))
                    }
                    other => Err(InvalidRequest::unsupported(
                        "type",
                        format!("a picture's source is `base64`, not `{other}`"),
                    )),
                })?;
                self.images.push(read.ok_or_else(|| InvalidRequest::missing("source"))?);
            }
            "document" => self.document(part)?,
            "search_result" => {
                let about = [part.text("title")?, part.text("source")?];
                self.texts.extend(about.into_iter().flatten());
                let found = Self::of(part.take("content")).map_err(|error| error.within("content"))?;
                self.add(found);
            }
            other => {
                let problem = format!("parts of type `{other}` are not taken; text and pictures are");
                return Err(InvalidRequest::unsupported("type", problem));
            }
        }
        Ok(())
    }

    /// A document of Messages, if it is text.
    fn document(&mut self, part: &mut Fields) -> Result<(), InvalidRequest> {
        self.texts.extend(part.text("title")?);
        let read = part.inside("source", |source| match source.needed_text("type")?.as_str() {
            "text" => Self::of(source.take("data")).map_err(|error| error.within("data")),
            "content" => Self::of(source.take("content")).map_err(|error| error.within("content")),
            other => Err(InvalidRequest::unsupported(
                "type",
                format!("a document's source is `text`, not `{other}`"),
            )),
        })?;
        self.add(read.ok_or_else(|| InvalidRequest::missing("source"))?);
        Ok(())
    }

    fn add(&mut self, more: Self) {
        self.texts.extend(more.texts);
        self.images.extend(more.images);
    }

    /// The texts as one, with `gap` between them.
    pub(super) fn text(&mut self, gap: &str) -> String {
        let mut texts = std::mem::take(&mut self.texts);
        if texts.len() > 1 {
            return texts.join(gap);
        }
        texts.pop().unwrap_or_default()
    }

    /// Nothing but text, or the error that pictures have no place here.
    pub(super) fn only_text(mut self, gap: &str) -> Result<String, InvalidRequest> {
        if self.images.is_empty() {
            return Ok(self.text(gap));
        }
        Err(InvalidRequest::unsupported("", "pictures are taken from the user only"))
    }
}
