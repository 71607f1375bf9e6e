//! The table at the end: what was called, what failed, what was left, and how long it took.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::accounting;
use crate::calls::{Call, median};
use crate::node::Node;
use crate::programs::Side;

/// Counts by runtime, way of asking, and side, in the order in which they came.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

struct Row {
    runtime: String,
    what: String,
    side: Side,
    sandboxes: usize,
    verbs: BTreeMap<String, usize>,
    failures: usize,
    leaks: usize,
    adds: Vec<f64>,
    dels: Vec<f64>,
}

impl Report {
    fn row(&mut self, runtime: &str, what: &str, side: Side) -> &mut Row {
        let place = self.rows.iter().position(|r| r.runtime == runtime && r.what == what && r.side == side);
        let place = place.unwrap_or_else(|| {
            self.rows.push(Row {
                runtime: runtime.to_owned(),
                what: what.to_owned(),
                side,
                sandboxes: 0,
                verbs: BTreeMap::new(),
                failures: 0,
                leaks: 0,
                adds: Vec::new(),
                dels: Vec::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[place]
    }

    /// Counts these calls. `meant` tells whether a failure is one that the scenario wanted.
    fn count(&mut self, runtime: &str, what: &str, side: Side, calls: &[Call], meant: fn(&Call) -> bool) {
        let row = self.row(runtime, what, side);
        let sandboxes: BTreeSet<&String> =
            calls.iter().filter(|c| c.verb == "ADD" && c.plugin == "bridge").map(|c| &c.container).collect();
        row.sandboxes += sandboxes.len();
        for call in calls {
            *row.verbs.entry(call.verb.clone()).or_default() += 1;
            row.failures += usize::from(call.failed() && !meant(call));
            if call.plugin != "bridge" || call.failed() {
                continue;
            }
            match (call.verb.as_str(), call.netns.as_str()) {
                ("ADD", _) => row.adds.push(call.ms),
                // Runtimes call DEL again, with no namespace: then there is hardly anything left to do.
                ("DEL", "there") => row.dels.push(call.ms),
                _ => {}
            }
        }
    }

    /// The pods of a node are gone: counts what was called there and fails if anything failed or is left.
    #[track_caller]
    pub fn close(&mut self, runtime: &str, what: &str, side: Side, node: &Node) {
        self.close_with(runtime, what, side, node, |_| false);
    }

    /// The same where some failures are meant.
    #[track_caller]
    pub fn close_with(
        &mut self,
        runtime: &str,
        what: &str,
        side: Side,
        node: &Node,
        meant: fn(&Call) -> bool,
    ) {
        let calls = node.calls();
        self.count(runtime, what, side, &calls, meant);
        node.forget_calls();
        let left = accounting::left(node);
        self.row(runtime, what, side).leaks += left.len();
        let bad: Vec<&Call> = calls.iter().filter(|call| call.failed() && !meant(call)).collect();
        assert!(bad.is_empty(), "calls that failed: {bad:#?}");
        assert!(left.is_empty(), "left on the node:\n{}", left.join("\n"));
    }

    /// Counts what was done where no call is recorded.
    pub fn tally(&mut self, runtime: &str, what: &str, sandboxes: usize, leaks: usize) {
        let row = self.row(runtime, what, Side::Ours);
        row.sandboxes += sandboxes;
        row.leaks += leaks;
    }

    /// Takes over what another has counted, but not its times: others ran beside it.
    pub fn add(&mut self, other: Report) {
        for theirs in other.rows {
            let row = self.row(&theirs.runtime, &theirs.what, theirs.side);
            row.sandboxes += theirs.sandboxes;
            for (verb, count) in theirs.verbs {
                *row.verbs.entry(verb).or_default() += count;
            }
            row.failures += theirs.failures;
            row.leaks += theirs.leaks;
        }
    }

    /// In Markdown, so that it can be read here and in a page.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| runtime | what | plugins | sandboxes | verbs called | failures | leaks | ADD, ms | DEL, ms |\n\
             |---|---|---|---:|---|---:|---:|---:|---:|\n",
        );
        for row in &self.rows {
            let verbs: Vec<String> =
                row.verbs.iter().map(|(verb, count)| format!("{verb} {count}")).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                row.runtime,
                row.what,
                row.side.name(),
                row.sandboxes,
                verbs.join(", "),
                row.failures,
                row.leaks,
                shown(&row.adds),
                shown(&row.dels),
            );
        }
        let sum = |of: fn(&Row) -> usize| self.rows.iter().map(of).sum::<usize>();
        let _ = writeln!(
            text,
            "\n{} sandboxes, {} calls of plugins, {} failures, {} leaks. ADD and DEL: median of bridge, from the start of \
             its process to its end; DEL is the one with the namespace there.",
            sum(|r| r.sandboxes),
            sum(|r| r.verbs.values().sum()),
            sum(|r| r.failures),
            sum(|r| r.leaks),
        );
        text
    }
}

fn shown(samples: &[f64]) -> String {
    median(samples.iter().copied()).map_or(String::new(), |ms| format!("{ms:.1}"))
}
