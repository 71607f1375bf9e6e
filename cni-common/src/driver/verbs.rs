//! ADD, CHECK, DEL, GC and STATUS, once for all plugins that make an interface.

use std::path::PathBuf;

use crate::kernel::{Errno, Node};
use crate::mutation;
use crate::plan::{Doomed, Owned, OwnerTag, Plan};
use crate::spec::{
    Attachment, CniError, CniResult, Code, Dns, Interface, IpConfig, NetworkName, Request, Route,
    ValidAttachments, Verb,
};

use super::refusal::{collected, refuse_conflict, refused};
use super::{Ipam, Plugin, container, log};

/// Whose interface, in which network.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The network.
    pub network: NetworkName,
    /// The container and the interface in it.
    pub attachment: Attachment,
    /// Derived from both.
    pub tag: OwnerTag,
    /// Path of the container's namespace, as the runtime gave it.
    pub netns: PathBuf,
}

/// Addresses and routes: from the IPAM plugin, or from the previous result.
#[derive(Clone, Debug, Default)]
pub struct Addressing {
    /// Addresses of the container.
    pub ips: Vec<IpConfig>,
    /// Routes of the container.
    pub routes: Vec<Route>,
    /// For the runtime.
    pub dns: Dns,
    /// Interfaces of the previous result; empty in ADD.
    pub interfaces: Vec<Interface>,
}

/// A plugin that makes an interface. It describes; the verbs here do.
pub trait NetworkPlugin: Sized {
    /// Reads the configuration and rejects whatever ADD could not do. No system call.
    ///
    /// # Errors
    /// Code 2, 4, 6 or 7, naming key, value and remedy.
    fn configure(request: &Request) -> Result<Self, CniError>;

    /// The IPAM plugin's name; none for a layer-2 attachment.
    fn ipam(&self) -> Option<&str>;

    /// The wanted state, and the result to be returned once it is reached. Pure.
    ///
    /// # Errors
    /// Code 7 or 103 when the addressing does not fit the configuration.
    fn plan(&self, subject: &Subject, addressing: &Addressing) -> Result<Plan, CniError>;

    /// The result of ADD; `node` knows the addresses of shared links.
    fn result(&self, subject: &Subject, addressing: Addressing, node: &mut Node) -> CniResult;

    /// The plugin makes CNI_IFNAME: it must not be there before ADD, and CHECK needs the previous result.
    fn makes_interface(&self) -> bool {
        true
    }

    /// Keys of the configuration that look like slips of the pen, one sentence each: told in the log, and in
    /// the details of STATUS.
    fn suspects(&self) -> &[String] {
        &[]
    }

    /// Asks the kernel what an ADD would need, changing nothing.
    ///
    /// # Errors
    /// Code 50 or 51.
    fn ready(&self, node: &mut Node) -> Result<(), CniError>;
}

/// The kinds of things that a plugin's attachments own, in the order in which they go.
pub type Kinds = [&'static dyn Owned];

/// Runs one call of a plugin.
///
/// # Errors
/// The error for the runtime.
pub fn run<P: NetworkPlugin>(
    request: &Request,
    kinds: &Kinds,
    plugins: &[Plugin],
) -> Result<Option<CniResult>, CniError> {
    match request.verb {
        Verb::Add => add::<P>(request, plugins).map(Some),
        Verb::Check => check::<P>(request, plugins).map(|()| None),
        Verb::Del => del(request, kinds, plugins).map(|()| None),
        Verb::Gc => gc(request, kinds, plugins).map(|()| None),
        Verb::Status => status::<P>(request, plugins).map(|()| None),
        Verb::Version => Ok(None),
    }
}

fn add<P: NetworkPlugin>(request: &Request, plugins: &[Plugin]) -> Result<CniResult, CniError> {
    let plugin = configure::<P>(request)?;
    let ipam = plugin.ipam().map(|name| Ipam::find(name, request, plugins)).transpose()?;
    let subject = subject(request)?;
    let mut node = container::required(request)?;
    if plugin.makes_interface() {
        refuse_conflict(&subject, &mut node)?;
    }
    let Some(ipam) = ipam else {
        return attach(&plugin, &subject, Addressing::default(), &mut node);
    };
    log::step("prepare");
    let result = ipam.add(request)?;
    log::step("ipam");
    let addressing =
        Addressing { ips: result.ips, routes: result.routes, dns: result.dns, interfaces: Vec::new() };
    let attached = if addressing.ips.is_empty() {
        Err(CniError::new(Code::IPAM, format!("the IPAM plugin {:?} returned no address", ipam.name())))
    } else {
        attach(&plugin, &subject, addressing, &mut node)
    };
    attached.map_err(|error| match ipam.call(request, Verb::Del) {
        Ok(()) => error.detail("rolled back: the addresses were given back"),
        Err(e) => error.detail(format!("not rolled back: giving back the addresses failed: {e}")),
    })
}

/// Applies the plan. When a shared resource vanishes under it (another ADD rolled its bridge back), it is
/// applied once more from the start.
fn attach<P: NetworkPlugin>(
    plugin: &P,
    subject: &Subject,
    addressing: Addressing,
    node: &mut Node,
) -> Result<CniResult, CniError> {
    let plan = plugin.plan(subject, &addressing)?;
    let applied = plan.apply(node).or_else(|rolled_back| {
        if rolled_back.cause.error.errno == Errno::ENODEV && rolled_back.left.is_empty() {
            tracing::warn!(cause = %rolled_back.cause, "applied once more");
            node.forget_links();
            return plan.apply(node);
        }
        Err(rolled_back)
    });
    log::step("apply");
    applied.map_err(|rolled_back| refused(&rolled_back))?;
    Ok(plugin.result(subject, addressing, node))
}

fn check<P: NetworkPlugin>(request: &Request, plugins: &[Plugin]) -> Result<(), CniError> {
    let plugin = configure::<P>(request)?;
    let ipam = plugin.ipam().map(|name| Ipam::find(name, request, plugins)).transpose()?;
    let previous = match request.conf.prev_result()? {
        Some(previous) => previous,
        None if !plugin.makes_interface() => CniResult::default(),
        None => {
            let msg = "CHECK needs \"prevResult\": put the result of ADD into the network configuration";
            return Err(CniError::config(msg));
        }
    };
    let subject = subject(request)?;
    let mut node = container::required(request)?;
    if let Some(ipam) = &ipam {
        ipam.call(request, Verb::Check)?;
    }
    log::step("ipam");
    let addressing = Addressing {
        ips: of_interface(&previous, &subject),
        routes: previous.routes,
        dns: previous.dns,
        interfaces: previous.interfaces,
    };
    let plan = plugin.plan(&subject, &addressing)?;
    let drifts = plan.check(&mut node).map_err(|failure| {
        CniError::new(Code::KERNEL, format!("cannot check \"{}\": {}", failure.line, failure.error))
    })?;
    log::step("check");
    let Some((line, drift)) = drifts.first() else { return Ok(()) };
    let error = CniError::new(Code::DRIFT, format!("drift: {}: {}", line.trim_end(), drift.0));
    Err(drifts.iter().fold(error, |error, (line, drift)| error.detail(format!("{line}: {}", drift.0))))
}

/// Addresses of the previous result that are on our interface: others of the chain may have added more.
fn of_interface(previous: &CniResult, subject: &Subject) -> Vec<IpConfig> {
    let ours = |ip: &&IpConfig| {
        let Some(index) = ip.interface else { return true };
        let interface = usize::try_from(index).ok().and_then(|i| previous.interfaces.get(i));
        interface.is_none_or(|i| i.name == subject.attachment.ifname.as_str() && !i.sandbox.is_empty())
    };
    previous.ips.iter().filter(ours).cloned().collect()
}

fn del(request: &Request, kinds: &Kinds, plugins: &[Plugin]) -> Result<(), CniError> {
    let mut node = container::if_there(request)?;
    let doomed = Doomed::One(request.attachment()?.clone());
    let mut errors = sweep(&mut node, kinds, request, &doomed);
    log::step("remove");
    errors.extend(ask_ipam(request, Verb::Del, plugins).err());
    log::step("ipam");
    node.close_nft();
    collected(errors)
}

fn gc(request: &Request, kinds: &Kinds, plugins: &[Plugin]) -> Result<(), CniError> {
    let doomed = match request.conf.valid_attachments()? {
        ValidAttachments::Only(list) => Doomed::AllBut(list),
        ValidAttachments::Unknown => Doomed::Dead,
    };
    let mut errors = sweep(&mut container::none()?, kinds, request, &doomed);
    errors.extend(ask_ipam(request, Verb::Gc, plugins).err());
    collected(errors)
}

fn status<P: NetworkPlugin>(request: &Request, plugins: &[Plugin]) -> Result<(), CniError> {
    let unavailable = |error: CniError| match error.code {
        Code::UNAVAILABLE | Code::LIMITED => error,
        _ => CniError { code: Code::UNAVAILABLE, ..error },
    };
    let plugin = configure::<P>(request).map_err(unavailable)?;
    let asked = match plugin.ipam() {
        Some(name) => Ipam::find(name, request, plugins)
            .and_then(|ipam| ipam.call(request, Verb::Status))
            .map_err(unavailable),
        None => Ok(()),
    };
    let outcome = asked.and_then(|()| plugin.ready(&mut container::none()?));
    outcome.map_err(|error| plugin.suspects().iter().fold(error, CniError::detail))
}

/// The plugin's configuration, with a warning for every key that looks wrong.
fn configure<P: NetworkPlugin>(request: &Request) -> Result<P, CniError> {
    let plugin = P::configure(request)?;
    plugin.suspects().iter().for_each(|suspect| tracing::warn!("{suspect}"));
    Ok(plugin)
}

/// Removes, kind after kind; what fails does not keep the rest.
fn sweep(node: &mut Node, kinds: &Kinds, request: &Request, doomed: &Doomed) -> Vec<CniError> {
    let mut errors = Vec::new();
    if mutation::is_broken("sweep") {
        return errors;
    }
    for kind in kinds {
        match kind.sweep(node, &request.conf.name, doomed) {
            Ok(0) => {}
            Ok(count) => tracing::debug!(kind = kind.name(), count, "removed"),
            Err(error) => {
                errors.push(CniError::new(Code::KERNEL, format!("cannot remove {}: {error}", kind.name())));
            }
        }
    }
    errors
}

/// DEL and GC of the IPAM plugin need its name and no more of the configuration.
fn ask_ipam(request: &Request, verb: Verb, plugins: &[Plugin]) -> Result<(), CniError> {
    let name = request.conf.json.get("ipam").and_then(|ipam| ipam.get("type")).and_then(|name| name.as_str());
    match name.filter(|name| !name.is_empty()) {
        Some(name) => Ipam::find(name, request, plugins)?.call(request, verb),
        None => Ok(()),
    }
}

fn subject(request: &Request) -> Result<Subject, CniError> {
    let attachment = request.attachment()?.clone();
    Ok(Subject {
        tag: OwnerTag::new(&request.conf.name, &attachment),
        network: request.conf.name.clone(),
        attachment,
        netns: request.netns.clone().unwrap_or_default(),
    })
}
