//! What a page says, as plain Markdown.
//!
//! The page is read as a stream of tags and words and no tree is made: a tree of a million open tags takes minutes (the
//! well-known builders look through all open tags at each one), and a recursive walk over it takes the stack. What a tag
//! does to the lines needs no tree.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use reqwest::Url;

use super::{
    elements::{BESIDE, NO_TEXT, Skip, VOID, attribute, is_block, is_hidden},
    lines::Lines,
};

/// A page as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Readable {
    /// Its title, or nothing.
    pub(super) title: String,
    /// Its words, with links.
    pub(super) text: String,
    /// Whether there was more than the limit.
    pub(super) cut: bool,
}

/// How much of the page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// What the page is about.
    Main,
    /// Menus and footers too.
    All,
}

struct Reader<'a> {
    want: Want,
    /// Where links start from.
    base: Option<Url>,
    page: Option<&'a Url>,
    lines: Lines,
    title: Option<String>,
    in_title: bool,
    description: String,
    skip: Option<Skip>,
    main: Part,
    article: Part,
    articles: usize,
    href: Option<String>,
}

/// A part of the text: where it begins and ends.
#[derive(Default)]
struct Part {
    name: Vec<u8>,
    depth: usize,
    start: Option<usize>,
    end: Option<usize>,
}

/// A page with fewer bytes of words is looked at again: perhaps its words stand where others have menus.
const FEW: usize = 200;
/// A target that is longer says something other than where to go.
const LONGEST_TARGET: usize = 1000;

/// Reads a page that came from `url`, up to `limit` bytes of text.
pub(super) fn readable(html: &str, url: &Url, limit: usize) -> Readable {
    let main = read(html, Some(url), limit, Want::Main);
    if main.text.len() >= FEW {
        return main;
    }
    let all = read(html, Some(url), limit, Want::All);
    if all.text.len() > main.text.len() { all } else { main }
}

/// The words of a few lines that may have tags, such as the title of a search result.
pub(super) fn words(html: &str) -> String {
    let text = read(html, None, html.len().saturating_mul(2), Want::All).text;
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(html: &str, page: Option<&Url>, limit: usize, want: Want) -> Readable {
    let mut emitter = DefaultEmitter::default();
    // Scripts and styles hold what looks like tags.
    emitter.naively_switch_states(true);
    let mut reader = Reader {
        want,
        base: page.cloned(),
        page,
        lines: Lines::default(),
        title: None,
        in_title: false,
        description: String::new(),
        skip: None,
        main: Part::default(),
        article: Part::default(),
        articles: 0,
        href: None,
    };
    let mut cut = false;
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => reader.start(&tag),
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
        if reader.lines.len() > limit {
            cut = true;
            break;
        }
    }
    let mut read = reader.finish(cut);
    // The last words alone may be as long as the page.
    read.text.truncate(read.text.floor_char_boundary(limit));
    read
}

impl Reader<'_> {
    fn text(&mut self, text: &str) {
        if self.in_title {
            let title = self.title.get_or_insert_default();
            title.push_str(text);
        } else if self.skip.is_none() {
            self.lines.text(text);
        }
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let name: &[u8] = &tag.name;
        let is_void = VOID.contains(&name);
        if let Some(skip) = &mut self.skip {
            if !skip.ends_before(name) {
                skip.enter(name, is_void);
                return;
            }
            self.skip = None;
        }
        // Within a drawing, a slash ends an element; elsewhere it means nothing.
        let empty = is_void || (tag.self_closing && name == b"svg");
        if !empty && self.leaves_out(tag) {
            self.skip = Some(Skip::new(name));
            return;
        }
        self.parts(name, tag);
        match name {
            b"title" => self.in_title = self.title.is_none(),
            b"base" => self.set_base(tag),
            b"meta" => self.meta(tag),
            b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => {
                let level = name.last().map_or(1, |digit| usize::from(digit.saturating_sub(b'0')));
                self.lines.heading(level);
            }
            b"ul" | b"menu" | b"dir" => self.lines.list(None),
            b"ol" => {
                let from = attribute(tag, b"start").and_then(|start| start.trim().parse().ok());
                self.lines.list(Some(from.unwrap_or(1)));
            }
            b"li" => self.lines.item(),
            b"blockquote" => self.lines.quote(),
            b"pre" | b"listing" => self.lines.pre(),
            b"code" | b"kbd" | b"samp" | b"tt" => self.lines.mark('`'),
            b"table" => self.lines.table(),
            b"tr" => self.lines.row(),
            b"td" => self.lines.cell(false),
            b"th" => self.lines.cell(true),
            b"a" => {
                self.end_link();
                self.href = attribute(tag, b"href");
                self.lines.link();
            }
            b"img" => {
                let alt = attribute(tag, b"alt").unwrap_or_default();
                if !alt.trim().is_empty() && !is_hidden(tag) {
                    self.lines.text(&format!("(image: {})", alt.trim()));
                }
            }
            b"br" | b"dt" | b"dd" | b"summary" | b"caption" | b"figcaption" | b"legend" => self.lines.line(),
            name if is_block(name) => self.lines.paragraph(),
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8]) {
        if name == b"title" {
            self.in_title = false;
        }
        if let Some(skip) = &mut self.skip {
            if skip.leave(name) {
                return;
            }
            let own = skip.name == name;
            self.skip = None;
            if own {
                return;
            }
        }
        match name {
            b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => self.lines.end_heading(),
            b"ul" | b"ol" | b"menu" | b"dir" => self.lines.end_list(),
            b"blockquote" => self.lines.end_quote(),
            b"pre" | b"listing" => self.lines.end_pre(),
            b"code" | b"kbd" | b"samp" | b"tt" => self.lines.mark('`'),
            b"table" => self.lines.end_table(),
            b"tr" => self.lines.end_row(),
            b"td" | b"th" => self.lines.end_cell(),
            b"a" => self.end_link(),
            b"li" | b"dt" | b"dd" | b"summary" | b"caption" | b"figcaption" | b"legend" => self.lines.line(),
            name if is_block(name) => self.lines.paragraph(),
            _ => {}
        }
        let here = self.lines.len();
        self.main.leave(name, here);
        self.article.leave(name, here);
    }

    fn leaves_out(&self, tag: &StartTag<()>) -> bool {
        let name: &[u8] = &tag.name;
        let menu = || {
            matches!(
                attribute(tag, b"role").as_deref(),
                Some("navigation" | "search" | "complementary" | "contentinfo" | "dialog")
            )
        };
        NO_TEXT.contains(&name) || is_hidden(tag) || (self.want == Want::Main && (BESIDE.contains(&name) || menu()))
    }

    /// Notices where the page says that its main part is.
    fn parts(&mut self, name: &[u8], tag: &StartTag<()>) {
        let here = self.lines.len();
        let within = self.article.start.is_some() && self.article.end.is_none();
        self.articles += usize::from(name == b"article" && !within);
        self.article.enter(name, name == b"article", here);
        let is_main = name == b"main" || attribute(tag, b"role").as_deref() == Some("main");
        self.main.enter(name, is_main && !VOID.contains(&name), here);
    }

    fn set_base(&mut self, tag: &StartTag<()>) {
        let target = attribute(tag, b"href").filter(|target| target.len() <= LONGEST_TARGET);
        let base = target.and_then(|target| self.page?.join(&target).ok());
        if base.is_some() {
            self.base = base;
        }
    }

    fn meta(&mut self, tag: &StartTag<()>) {
        let says = attribute(tag, b"name").or_else(|| attribute(tag, b"property"));
        if matches!(says.as_deref(), Some("description" | "og:description")) && self.description.is_empty() {
            self.description = words_of(&attribute(tag, b"content").unwrap_or_default());
        }
    }

    fn end_link(&mut self) {
        let href = self.href.take();
        let base = self.base.as_ref();
        let page = self.page;
        self.lines.end_link(|words| {
            let href = href.filter(|href| href.len() <= LONGEST_TARGET)?;
            let target = base?.join(href.trim()).ok()?;
            let goes_elsewhere = page.is_none_or(|page| {
                let without = |url: &Url| url.as_str().split('#').next().map(str::to_owned);
                without(page) != without(&target)
            });
            let wanted = matches!(target.scheme(), "http" | "https" | "mailto") && goes_elsewhere;
            (wanted && words != target.as_str()).then(|| target.into())
        });
    }

    fn finish(mut self, cut: bool) -> Readable {
        self.end_link();
        let part = self.wanted_part();
        let text = self.lines.into_text();
        let chosen = part
            .and_then(|(start, end)| text.get(start..end.min(text.len())))
            .map(str::trim)
            .filter(|part| part.len() >= FEW);
        let text = match chosen {
            Some(part) => part.to_owned(),
            None if text.len() < FEW && !self.description.is_empty() && !text.contains(&self.description) => {
                format!("{}\n\n{text}", self.description).trim_end().to_owned()
            }
            None => text,
        };
        Readable {
            title: words_of(&self.title.unwrap_or_default()),
            text,
            cut,
        }
    }

    /// The part that the page calls its main one, or its one article.
    fn wanted_part(&self) -> Option<(usize, usize)> {
        let end = self.lines.len();
        match (self.want, self.main.start, self.article.start) {
            (Want::Main, Some(start), _) => Some((start, self.main.end.unwrap_or(end))),
            (Want::Main, None, Some(start)) if self.articles == 1 => Some((start, self.article.end.unwrap_or(end))),
            _ => None,
        }
    }
}

impl Part {
    fn enter(&mut self, name: &[u8], begins: bool, here: usize) {
        if self.start.is_some() {
            self.depth += usize::from(self.end.is_none() && self.name == name);
        } else if begins {
            self.name = name.to_vec();
            self.start = Some(here);
        }
    }

    fn leave(&mut self, name: &[u8], here: usize) {
        if self.start.is_some() && self.end.is_none() && self.name == name {
            if self.depth == 0 {
                self.end = Some(here);
            }
            self.depth = self.depth.saturating_sub(1);
        }
    }
}

fn words_of(text: &str) -> String {
    let mut lines = Lines::default();
    lines.text(text);
    lines.into_text()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(html: &str) -> String {
        let url = Url::parse("https://example.com/a/b").unwrap();
        readable(html, &url, 1_000_000).text
    }

    #[test]
    fn what_a_browser_does_not_show_is_left_out() {
        let hidden = [
            "<p hidden>X</p>",
            "<p hidden>X",
            "<ul><li hidden>X<b>X</b></ul>",
            "<table><tr><td hidden>X</table>",
            "<div hidden>X<div>X</div>X</div>",
            "<div style='Display : None !important'>X<p>X</div>",
            "<span style=\"color:red; visibility: hidden\">X</span>",
            "<b aria-hidden=true>X</b>",
            "<script>document.write('<p>X</p>')</script>",
            "<style>p::before{content:'X'}</style>",
            "<template><p>X</p></template>",
            "<noscript><img alt=X></noscript>",
            "<svg><text>X</text><title>X</title></svg>",
            "<textarea>X</textarea>",
            "<select><option>X</select>",
            "<!-- X -->",
            "<img alt=X style='display:none'>",
            "<iframe>X</iframe>",
        ];
        for hidden in hidden {
            assert_eq!(page(&format!("<div>a</div>{hidden}<div>b</div>")), "a\n\nb", "{hidden}");
        }
        assert_eq!(page("a\u{200b}b\u{202e}c\u{e0041}\u{feff}d e\u{ad}f"), "abcd ef");
    }

    #[test]
    fn links_say_where_they_go() {
        let cases = [
            ("<a href=c>x</a>", "[x](https://example.com/a/c)"),
            (
                "<a href='//other.org/?q=1&amp;r=2'>x <b>y</b></a>",
                "[x y](https://other.org/?q=1&r=2)",
            ),
            ("see <a href=c> x </a>.", "see [x](https://example.com/a/c) ."),
            ("<a href='#top'>x</a>", "x"),
            ("<a href='javascript:alert(1)'>x</a>", "x"),
            ("<a href='data:text/html,x'>x</a>", "x"),
            ("<a href=c></a>x", "x"),
            (
                "<a href=c><h2>Title</h2><p>Words</p></a>",
                "## [Title Words](https://example.com/a/c)",
            ),
            (
                "<a href=c>x<a href=d>y",
                "[x](https://example.com/a/c)[y](https://example.com/a/d)",
            ),
            (
                "<a href=https://example.com/c>https://example.com/c</a>",
                "https://example.com/c",
            ),
            ("<base href=/z/><a href=c>x</a>", "[x](https://example.com/z/c)"),
            (
                "<a href=c><img src=i alt='A cat'></a>",
                "[(image: A cat)](https://example.com/a/c)",
            ),
        ];
        for (html, expected) in cases {
            assert_eq!(page(html), expected, "{html}");
        }
    }

    #[test]
    fn lines_of_many_kinds() {
        let cases = [
            ("<h1> A  title </h1>b<br>c<p>d", "# A title\n\nb\nc\n\nd"),
            (
                "<ul><li>a<li><p>b</p><ul><li>c</ul><li>d</ul>e",
                "- a\n- b\n  - c\n- d\n\ne",
            ),
            ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
            ("<blockquote>a<p>b</blockquote>c", "> a\n>\n> b\n\nc"),
            ("<pre>\n  x &lt; y\n\n  z\n</pre>w", "```\n  x < y\n\n  z\n```\n\nw"),
            ("use <code>a_b</code>!", "use `a_b`!"),
            (
                "<table><tr><th>a<th>b</tr> <tr><td>1</td> <td><p>2</p><p>3</p></td></tr><tr><td><td>4</table>z",
                "a | b\n--- | ---\n1 | 2 3\n| 4\n\nz",
            ),
            ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "a\nb\nc\nd"),
            ("&lt;p&gt; &copy; &#x4e2d;", "<p> © 中"),
        ];
        for (html, expected) in cases {
            assert_eq!(page(html), expected, "{html}");
        }
    }

    #[test]
    fn the_main_part_when_there_is_one() {
        let words = "Words of the article. ".repeat(20);
        let words = words.trim_end();
        for around in [
            format!("<nav>menu</nav><p>{words}</p><footer>end</footer>"),
            format!("<div>menu</div><main><p>{words}</p></main><div>end</div>"),
            format!("<div>menu</div><div role=main><div>{words}</div></div><div>end</div>"),
            format!("<div>menu</div><article>{words}<article></article></article><div>end</div>"),
        ] {
            assert_eq!(page(&around), words, "{around}");
        }
        let two = format!("<article>{words}</article><article>{words}</article>");
        assert_eq!(page(&two), format!("{words}\n\n{words}"));
        // A page that is nothing but its menu is its menu, and one that a script would fill has its description at least.
        assert_eq!(page("<nav><a href=/c>c</a></nav>"), "[c](https://example.com/c)");
        assert_eq!(
            page("<meta name=description content='What it is.'><div id=root></div>"),
            "What it is."
        );
    }

    #[test]
    fn monsters_are_read_in_linear_time_and_bounded_space() {
        let long = "x".repeat(2_000);
        let url = Url::parse(&format!("https://example.com/{long}/")).unwrap();
        let monsters = [
            "<div>".repeat(80_000),
            "<b id=x><p>".repeat(36_000),
            "<table><tr><td>".repeat(26_000),
            "<ul><li>x".repeat(40_000),
            "<blockquote>x".repeat(30_000),
            "<a href=x>y".repeat(36_000),
            format!("<a {}>", "b=1 c ".repeat(60_000)),
            "<pre>x".repeat(60_000),
            "<p hidden>".repeat(40_000),
            "<svg>".repeat(80_000),
            "<h1>".repeat(100_000),
            "&amp".repeat(100_000),
            "<!--".repeat(100_000),
        ];
        for monster in monsters {
            let read = readable(&monster, &url, 100_000);
            assert!(read.text.len() <= 100_000);
        }
    }

    proptest! {
        #[test]
        fn any_soup_is_read(pieces in prop::collection::vec(prop_oneof![
            "\\PC{0,8}",
            prop::sample::select(vec![
                "<table>", "</table>", "<tr>", "<td>", "<th>", "</td>", "<ul>", "<li>", "</ul>", "<a href=x>", "</a>", "<pre>",
                "</pre>", "<blockquote>", "</blockquote>", "<h2>", "</h2>", "<p hidden>", "<div hidden>", "</div>", "<main>",
                "</main>", "<article>", "</article>", "<svg>", "</svg>", "<title>", "</title>", "<br>", "\n", " ", "臺", "<b",
            ]).prop_map(str::to_owned),
        ], 0..60)) {
            let html = pieces.concat();
            let text = page(&html);
            prop_assert_eq!(text.trim_end(), &text);
            prop_assert!(!text.contains(|char: char| char.is_control() && char != '\n' && char != '\t'));
        }
    }
}
