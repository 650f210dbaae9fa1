//! What elements are: which have text, which a browser shows, which end without a tag.

use html5gum::StartTag;

/// An element that is left out with all that is in it.
pub(super) struct Skip {
    pub(super) name: Vec<u8>,
    /// Elements of the same name within.
    depth: usize,
    /// Whether the end tag may be missing, so that what comes next can end it.
    loose: bool,
    /// Other elements that are open within a loose one.
    within: usize,
}

/// Left out with all that is in them: what is no text, or nothing without scripts.
pub(super) const NO_TEXT: [&[u8]; 25] = [
    b"script",
    b"style",
    b"template",
    b"noscript",
    b"svg",
    b"canvas",
    b"iframe",
    b"object",
    b"audio",
    b"video",
    b"map",
    b"select",
    b"datalist",
    b"button",
    b"textarea",
    b"dialog",
    b"noframes",
    b"noembed",
    b"applet",
    b"frameset",
    b"meter",
    b"progress",
    b"rp",
    b"rt",
    b"xmp",
];
/// Left out when the page has enough else.
pub(super) const BESIDE: [&[u8]; 4] = [b"nav", b"footer", b"aside", b"menu"];
pub(super) const VOID: [&[u8]; 14] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param", b"source",
    b"track", b"wbr",
];
/// Their end tags are often left out.
pub(super) const LOOSE: [&[u8]; 13] = [
    b"p", b"li", b"td", b"th", b"tr", b"dt", b"dd", b"option", b"tbody", b"thead", b"tfoot", b"body", b"html",
];

impl Skip {
    pub(super) fn new(name: &[u8]) -> Self {
        Self {
            name: name.to_vec(),
            depth: 0,
            loose: LOOSE.contains(&name),
            within: 0,
        }
    }

    /// Whether an element cannot stand within this one, so that this one is over.
    pub(super) fn ends_before(&self, name: &[u8]) -> bool {
        self.loose
            && self.within == 0
            && match self.name.as_slice() {
                b"p" => {
                    name == b"p" || is_block(name) || matches!(name, b"ul" | b"ol" | b"table" | b"pre" | b"blockquote")
                }
                b"dt" | b"dd" => matches!(name, b"dt" | b"dd"),
                b"td" | b"th" => matches!(name, b"td" | b"th" | b"tr" | b"tbody" | b"tfoot"),
                b"tr" => matches!(name, b"tr" | b"tbody" | b"tfoot"),
                own => own == name,
            }
    }

    pub(super) fn enter(&mut self, name: &[u8], is_void: bool) {
        if self.loose {
            self.within += usize::from(!is_void && !LOOSE.contains(&name));
        } else {
            self.depth += usize::from(self.name == name);
        }
    }

    /// Whether an end tag belongs to something within.
    pub(super) fn leave(&mut self, name: &[u8]) -> bool {
        let count = if self.loose {
            if self.name == name && self.within == 0 {
                return false;
            }
            if LOOSE.contains(&name) {
                return true;
            }
            &mut self.within
        } else if self.name == name {
            &mut self.depth
        } else {
            return true;
        };
        let inside = *count > 0;
        *count = count.saturating_sub(1);
        inside
    }
}

pub(super) fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    let value = tag.attributes.get(name)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Whether a browser would not show an element, as far as its own tag says.
pub(super) fn is_hidden(tag: &StartTag<()>) -> bool {
    let style = || {
        let style = attribute(tag, b"style").unwrap_or_default();
        let style: String = style.chars().filter(|char| !char.is_whitespace()).collect();
        let style = style.to_ascii_lowercase();
        let says = |what: &str| style.split(';').any(|one| one.trim_end_matches("!important") == what);
        [
            "display:none",
            "visibility:hidden",
            "opacity:0",
            "font-size:0",
            "font-size:0px",
        ]
        .into_iter()
        .any(says)
    };
    tag.attributes.contains_key(b"hidden".as_slice())
        || attribute(tag, b"aria-hidden").is_some_and(|hidden| hidden.eq_ignore_ascii_case("true"))
        || style()
}

pub(super) fn is_block(name: &[u8]) -> bool {
    matches!(
        name,
        b"p" | b"div"
            | b"section"
            | b"article"
            | b"main"
            | b"header"
            | b"footer"
            | b"nav"
            | b"aside"
            | b"form"
            | b"fieldset"
            | b"figure"
            | b"details"
            | b"address"
            | b"center"
            | b"dl"
            | b"hr"
            | b"hgroup"
            | b"body"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
    )
}
