//! Plain tables: columns as wide as their widest cell on the screen.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Lines of `rows` under `head`, without trailing spaces.
pub(crate) fn table(head: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
    widths.resize(widths.len().max(rows.iter().map(Vec::len).max().unwrap_or_default()), 0);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    std::iter::once(head)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// Takes out the columns in which no row has anything.
pub(crate) fn without_empty_columns(head: &mut Vec<String>, rows: &mut [Vec<String>]) {
    for column in (0..head.len()).rev() {
        if rows.iter().all(|row| row.get(column).is_none_or(String::is_empty)) {
            head.remove(column);
            for row in &mut *rows {
                row.remove(column);
            }
        }
    }
}

/// The beginning of a text that takes so many columns at the most, with … where something is missing.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |letter: &char| {
        let width = letter.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let beginning: String = text.chars().take_while(fits).collect();
    format!("{}…", beginning.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_are_counted() {
        let lines = table(
            &["模型".into(), "b".into()],
            &[vec!["x".into(), "1".into()], vec!["longer".into(), String::new()]],
        );
        assert_eq!(lines, ["模型    b", "x       1", "longer"]);
    }

    #[test]
    fn texts_are_cut_by_their_width() {
        for (text, most, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("早安你好", 8, "早安你好"),
            ("早安你好", 7, "早安你…"),
            ("早安你好", 6, "早安…"),
            ("ab cd", 4, "ab…"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(cut(text, most), expected, "{text} {most}");
        }
    }
}
