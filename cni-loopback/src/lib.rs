//! The `loopback` plugin: a plan with one resource.

use cni_common::driver::{self, Addressing, NetworkPlugin, Plugin, Subject};
use cni_common::kernel::Node;
use cni_common::plan::Plan;
use cni_common::resources::{Loopback, Loopbacks};
use cni_common::spec::{CniError, CniResult, Code, Interface, IpConfig, Request};

/// The plugin, for the program that carries it.
pub const PLUGIN: Plugin =
    Plugin { name: "loopback", about: "switches on the container's loopback interface", run };

/// Runs one call.
///
/// # Errors
/// The error for the runtime.
pub fn run(request: &Request, plugins: &[Plugin]) -> Result<Option<CniResult>, CniError> {
    driver::run::<Lo>(request, &[&Loopbacks], plugins)
}

/// A configuration of lo: nothing but what the chain brought.
#[derive(Debug)]
struct Lo {
    previous: Option<CniResult>,
}

impl NetworkPlugin for Lo {
    fn configure(request: &Request) -> Result<Self, CniError> {
        Ok(Lo { previous: request.conf.prev_result()? })
    }

    fn ipam(&self) -> Option<&str> {
        None
    }

    fn plan(&self, _: &Subject, _: &Addressing) -> Result<Plan, CniError> {
        let mut plan = Plan::default();
        plan.push(Loopback::new().map_err(|why| CniError::new(Code::INTERNAL, why))?);
        Ok(plan)
    }

    /// The previous result where there is one, as in the reference.
    fn result(&self, subject: &Subject, _: Addressing, node: &mut Node) -> CniResult {
        if let Some(previous) = &self.previous {
            return previous.clone();
        }
        let lo = Interface {
            name: Loopback::NAME.into(),
            mac: "00:00:00:00:00:00".into(),
            sandbox: subject.netns.display().to_string(),
            ..Interface::default()
        };
        let config = |address| IpConfig { interface: Some(0), address, gateway: None };
        let ips = Loopback::addresses(node).into_iter().map(config).collect();
        CniResult { interfaces: vec![lo], ips, ..CniResult::default() }
    }

    /// Whatever CNI_IFNAME says, lo is there already.
    fn makes_interface(&self) -> bool {
        false
    }

    fn ready(&self, _: &mut Node) -> Result<(), CniError> {
        Ok(())
    }
}
