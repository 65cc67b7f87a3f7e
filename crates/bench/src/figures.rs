//! A figure that was measured several times.

/// The values of all runs, in order of size; there is one at least.
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    /// Of these runs.
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// A row of a table in Markdown: the median, and the spread from the least to the most.
    pub(crate) fn row(&self, name: &str, unit: &str) -> String {
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        let median = self.median();
        let digits = usize::from(median < 1000.0);
        format!("| {name} | {median:.digits$} {unit} | {least:.digits$} to {most:.digits$} |\n")
    }

    fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        if self.0.len() % 2 == 1 {
            self.0[middle]
        } else {
            f64::midpoint(self.0[middle - 1], self.0[middle])
        }
    }
}
