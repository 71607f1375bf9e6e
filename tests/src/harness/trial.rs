//! How functions become tests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use libtest_mimic::{Failed, Trial};

use super::failure;
use super::node;
use super::plugin::Side;

/// A test: its name below the module's, and what it does.
pub struct Test {
    pub name: String,
    pub body: Box<dyn FnOnce() + Send>,
    /// Why it cannot run on this kernel; it is then reported as ignored.
    pub unless: Option<&'static str>,
}

impl Test {
    /// A test that makes its own nodes.
    pub fn new(name: impl Into<String>, body: impl FnOnce() + Send + 'static) -> Self {
        Test { name: name.into(), body: Box::new(body), unless: None }
    }

    /// A test for kernels that can filter VLANs on bridges (CONFIG_BRIDGE_VLAN_FILTERING), or that cannot.
    #[must_use]
    pub fn vlan_filtering(mut self, wanted: bool) -> Self {
        if node::vlan_filtering() != wanted {
            self.unless = Some(if wanted { "needs vlan" } else { "needs no vlan" });
        }
        self
    }
}

/// The tests of one module.
pub fn trials(module: &str, tests: Vec<Test>) -> Vec<Trial> {
    let module = module.rsplit("suite::").next().unwrap_or(module).to_owned();
    let trial = |Test { name, body, unless }| {
        let trial = Trial::test(format!("{module}::{name}"), move || {
            catch_unwind(AssertUnwindSafe(body)).map_err(|payload| Failed::from(failure::describe(&*payload)))
        });
        match unless {
            Some(why) => trial.with_kind(why).with_ignored_flag(true),
            None => trial,
        }
    };
    tests.into_iter().map(trial).collect()
}

/// Lists functions of a module as its tests.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::harness::Test::new(stringify!($name), $name)),*]
    };
}

/// Lists functions that take a node of their own.
#[macro_export]
macro_rules! node_tests {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::harness::Test::new(stringify!($name), || $crate::harness::on_node($name))),*]
    };
}

/// Leaves the host, and refuses to run without the programs: a suite that skips itself proves nothing.
pub fn prepare() {
    let programs = [
        (Side::Ours, "make build", "TRESTLE_BIN", vec!["bridge", "host-local"]),
        (
            Side::Theirs,
            "make reference",
            "REFERENCE_BIN",
            vec!["bridge", "host-local", "portmap", "firewall", "tuning", "static", "cnitool"],
        ),
    ];
    let mut missing = false;
    for (side, target, variable, names) in programs {
        for path in names.iter().map(|name| side.folder().join(name)).filter(|path| !path.is_file()) {
            eprintln!("{} is missing: run `{target}`, or set {variable}", path.display());
            missing = true;
        }
        for hidden in ["/run/", "/var/lib/"] {
            if side.folder().starts_with(hidden) {
                eprintln!(
                    "{variable} lies below {hidden}, which tests cover with their own: choose another place"
                );
                missing = true;
            }
        }
    }
    if missing {
        std::process::exit(2);
    }
    failure::quiet_panics();
    node::isolate_process();
}
