//! Plain tables: columns as wide as their widest cell on the screen.

use unicode_width::UnicodeWidthStr;

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
}
