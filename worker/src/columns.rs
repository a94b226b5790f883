//! Tables as commands print them. Pure.

/// The headings and, below them, these cells, a line each, as wide as the widest of a column.
pub(crate) fn columns<const N: usize>(headings: [&str; N], cells: Vec<[String; N]>) -> Vec<String> {
    let lines: Vec<_> = std::iter::once(headings.map(str::to_owned)).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = std::array::from_fn::<_, N, _>(width);
    let line = |cells: &[String; N]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect()
}
