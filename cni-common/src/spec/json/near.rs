//! Keys that look like a slip of the pen.

/// The key of the type that is one slip away from `key`: two edits at most, and fewer than half its length.
pub(super) fn closest(key: &str, fields: &'static [&'static str]) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let near = |f: &&&str| {
        // No nearer than the difference of their lengths; most keys end here.
        if f.len().abs_diff(key.len()) > 2 {
            return false;
        }
        let d = distance(&key, &f.to_ascii_lowercase());
        d <= 2 && d * 2 < f.len()
    };
    fields.iter().filter(near).min_by_key(|f| distance(&key, &f.to_ascii_lowercase())).copied()
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
