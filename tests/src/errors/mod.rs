//! Failing well: what is wrong is said with its code, key, value and remedy, and nothing was touched.

mod bridge;
mod environment;
mod host_local;
mod ipam;
mod stdin;

use crate::harness::{Call, Node, Output, Pod, Snapshot, Test, on_node};

/// Makes the call ready on a node with a pod.
type MakeCall = Box<dyn FnOnce(&Node, &Pod) -> Call + Send>;

/// One bad call.
struct Row {
    name: String,
    /// The codes that are right; more than one where the specification leaves it open.
    codes: Vec<u64>,
    /// Words that the message (or the details) must contain.
    words: Vec<String>,
    call: MakeCall,
}

impl Row {
    fn new(
        name: impl Into<String>,
        codes: &[u64],
        words: &[&str],
        call: impl FnOnce(&Node, &Pod) -> Call + Send + 'static,
    ) -> Self {
        let words = words.iter().map(|w| (*w).to_owned()).collect();
        Row { name: name.into(), codes: codes.to_vec(), words, call: Box::new(call) }
    }
}

pub fn tests() -> Vec<Test> {
    let rows = [environment::rows(), stdin::rows(), bridge::rows(), host_local::rows(), ipam::rows()];
    let mut tests: Vec<Test> = rows.into_iter().flatten().map(row_test).collect();
    tests.extend(bridge::tests());
    tests.extend(host_local::tests());
    tests.extend(ipam::tests());
    tests
}

/// The call fails as it should, and the kernel, the rules and the files are as before.
fn row_test(row: Row) -> Test {
    Test::new(row.name.clone(), move || {
        on_node(|node| {
            let pod = node.pod("a");
            let call = (row.call)(node, &pod);
            let before = untouched(node);
            let output = call.run();
            refused(output, &row.codes, &row.words);
            before.assert_same(&untouched(node), "the refused call");
        });
    })
}

/// The kernel, and every lease. An address that was tried and given back moves the cursor: that is no change.
fn untouched(node: &Node) -> Snapshot {
    node.snapshot().only(|fact| {
        !fact.starts_with("directory ") && !fact.starts_with("file ")
            || fact.split("/networks/").nth(1).is_some_and(is_lease)
    })
}

/// Text behind .../networks/: the network, the address, and more.
fn is_lease(text: &str) -> bool {
    let name = text.split(&['/', ' ']).nth(1);
    name.unwrap_or_default().parse::<std::net::IpAddr>().is_ok()
}

/// The answer must be an error with one of these codes, and name these words.
#[track_caller]
fn refused(output: Output, codes: &[u64], words: &[String]) {
    let error = output.failed();
    assert!(codes.contains(&error.code), "code {} where {codes:?} was expected: {error:?}", error.code);
    let text = format!("{}\n{}", error.msg, error.details).to_lowercase();
    for word in words {
        assert!(text.contains(&word.to_lowercase()), "the error does not say {word:?}: {error:?}");
    }
    assert!(!text.contains("panic"), "a panic: {error:?}");
}
