//! The plan of one attachment. Pure: what comes in decides what comes out.

use cni_common::driver::{Addressing, NetworkPlugin, Subject};
use cni_common::kernel::rtnl::BridgeSpec;
use cni_common::kernel::{Node, Side};
use cni_common::plan::Plan;
use cni_common::resources::{
    Announcement, Bridge as BridgeLink, BridgePort, BridgeState, ContainerAddress, ContainerLink,
    ContainerRoute, GatewayAddress, IptablesMasquerade, Masquerade, SpoofCheck, Sysctls, VethPair,
    VlanGateway,
};
use cni_common::spec::{CniError, CniResult, Code, IfName, Interface, IpConfig, MacAddr, Request};

use crate::config::{Bridge, MasqueradeBackend};
use crate::{gateways, readiness};

impl NetworkPlugin for Bridge {
    fn configure(request: &Request) -> Result<Self, CniError> {
        let config = Bridge::read(request)?;
        // The name of a VLAN's gateway must fit, and that is known now.
        config.vlan_gateway()?;
        Ok(config)
    }

    fn ipam(&self) -> Option<&str> {
        self.ipam.as_deref()
    }

    fn plan(&self, subject: &Subject, addressing: &Addressing) -> Result<Plan, CniError> {
        let addressing = gateways::complete(self, addressing);
        let names = Names::new(self, subject, &addressing)?;
        let mut plan = Plan::default();
        self.plan_bridge(&mut plan, &addressing)?;
        self.plan_links(&mut plan, subject, &names);
        self.plan_ipv6(&mut plan, &names, &addressing);
        if !self.container_down {
            plan.push(ContainerLink { link: names.container.clone(), host: Some(names.host.clone()) });
        }
        self.plan_addresses(&mut plan, &names, &addressing);
        self.plan_rules(&mut plan, subject, &names, &addressing);
        self.plan_forwarding(&mut plan, &addressing);
        if !addressing.ips.is_empty() && !self.container_down {
            let addresses = addressing.ips.iter().map(|ip| ip.address.ip()).collect();
            let mac = names.container_mac.unwrap_or(self.container_mac);
            plan.push(Announcement { link: names.container, mac, addresses });
        }
        Ok(plan)
    }

    fn result(&self, subject: &Subject, addressing: Addressing, node: &mut Node) -> CniResult {
        let addressing = gateways::complete(self, &addressing);
        let node_link = |name: &IfName, mac: Option<MacAddr>| Interface {
            name: name.to_string(),
            mac: mac.map(|mac| mac.to_string()).unwrap_or_default(),
            ..Interface::default()
        };
        let mut interfaces = vec![node_link(&self.bridge, node.noted_mac(&self.bridge))];
        let host_mac = Some(subject.tag.host_mac(&subject.network));
        interfaces.extend(subject.tag.host_ifname().map(|host| node_link(&host, host_mac)));
        let container_index = u32::try_from(interfaces.len()).ok();
        let sandbox = subject.netns.display().to_string();
        interfaces
            .push(Interface { sandbox, ..node_link(&subject.attachment.ifname, Some(self.container_mac)) });
        if let (true, false, Ok(Some(gateway))) =
            (self.is_gateway, addressing.ips.is_empty(), self.vlan_gateway())
        {
            interfaces.push(node_link(&gateway.link, node.noted_mac(&gateway.link)));
        }
        let ips =
            addressing.ips.into_iter().map(|ip| IpConfig { interface: container_index, ..ip }).collect();
        let dns = self.dns.clone().unwrap_or(addressing.dns);
        CniResult { interfaces, ips, routes: addressing.routes, dns }
    }

    fn suspects(&self) -> &[String] {
        &self.suspects
    }

    fn ready(&self, node: &mut Node) -> Result<(), CniError> {
        readiness::ready(self, node)
    }
}

/// Names and addresses of the pair: this call's own, or what the previous result tells.
struct Names {
    host: IfName,
    container: IfName,
    /// Not known where the previous result does not tell it.
    container_mac: Option<MacAddr>,
}

impl Names {
    fn new(config: &Bridge, subject: &Subject, addressing: &Addressing) -> Result<Self, CniError> {
        let derived = subject
            .tag
            .host_ifname()
            .ok_or_else(|| CniError::new(Code::INTERNAL, "no name for the node's end of the pair"))?;
        let container = subject.attachment.ifname.clone();
        let previous = &addressing.interfaces;
        let on_node = |i: &&Interface| i.sandbox.is_empty();
        let gateway = config.vlan_gateway()?.map(|g| g.link);
        // The reference gives the node's end a random name, so a pod of its making is found by what it told.
        let is_pair = |i: &&Interface| {
            i.name != config.bridge.as_str() && gateway.as_ref().is_none_or(|g| i.name != g.as_str())
        };
        let mut ends = previous.iter().filter(on_node).filter(is_pair).map(|i| i.name.as_str());
        let host = match ends.clone().find(|name| *name == derived.as_str()).or_else(|| ends.next()) {
            Some(name) => IfName::from_key("prevResult.interfaces.name", name)?,
            None => derived,
        };
        let mac = |i: &Interface| MacAddr::bytes(&i.mac).map(MacAddr);
        let in_container = |i: &&Interface| !i.sandbox.is_empty() && i.name == container.as_str();
        let container_mac = match previous.is_empty() {
            true => Some(config.container_mac),
            false => previous.iter().find(in_container).and_then(mac),
        };
        Ok(Names { host, container, container_mac })
    }
}

impl Bridge {
    /// The node's place in the container's VLAN.
    fn vlan_gateway(&self) -> Result<Option<VlanGateway>, CniError> {
        let Some(vlan) = self.vlans.access.filter(|_| self.is_gateway) else { return Ok(None) };
        let name = format!("{}.{vlan}", self.bridge);
        let link = IfName::parse(&name).map_err(|why| {
            CniError::config(format!(
                "the gateway of \"vlan\" {vlan} would be named {name:?}, which {why}; give \"bridge\" a shorter name"
            ))
        })?;
        let port = IfName::parse(&cni_common::plan::short_name("veth", &name))
            .map_err(|why| CniError::new(Code::INTERNAL, why))?;
        Ok(Some(VlanGateway {
            link,
            port,
            bridge: self.bridge.clone(),
            vlan,
            keep_default_vlan: self.vlans.keep_default,
            mtu: self.mtu,
        }))
    }

    fn plan_bridge(&self, plan: &mut Plan, addressing: &Addressing) -> Result<(), CniError> {
        let told =
            addressing.interfaces.iter().find(|i| i.sandbox.is_empty() && i.name == self.bridge.as_str());
        let spec = BridgeSpec {
            name: self.bridge.clone(),
            mac: self.bridge_mac,
            mtu: self.mtu,
            vlan_filtering: self.vlans.filtering,
        };
        let told_mac = told.and_then(|i| MacAddr::bytes(&i.mac)).map(MacAddr);
        plan.push(BridgeLink::new(spec, self.promiscuous, told_mac));
        if self.is_gateway {
            self.plan_gateways(plan, addressing)?;
        }
        plan.push(BridgeState::new(self.bridge.clone(), self.promiscuous));
        Ok(())
    }

    fn plan_gateways(&self, plan: &mut Plan, addressing: &Addressing) -> Result<(), CniError> {
        let mut carrier = self.bridge.clone();
        if let Some(gateway) = self.vlan_gateway()?.filter(|_| !addressing.ips.is_empty()) {
            carrier = gateway.link.clone();
            plan.push(gateway);
        }
        for ip in &addressing.ips {
            if let Some(address) = gateways::gateway_address(ip)? {
                plan.push(GatewayAddress { link: carrier.clone(), address, force: self.force_address });
            }
        }
        Ok(())
    }

    fn plan_links(&self, plan: &mut Plan, subject: &Subject, names: &Names) {
        plan.push(VethPair {
            host: names.host.clone(),
            host_mac: Some(subject.tag.host_mac(&subject.network)),
            container: names.container.clone(),
            container_mac: names.container_mac,
            mtu: self.mtu,
        });
        plan.push(BridgePort {
            link: names.host.clone(),
            bridge: self.bridge.clone(),
            hairpin: self.hairpin,
            isolated: self.isolated,
            vlans: self.vlans.port.clone(),
            keep_default_vlan: self.vlans.keep_default,
            alias: subject.tag.alias(&subject.network, &subject.attachment),
        });
    }

    /// Before the link comes up, for then the kernel makes its link-local address.
    fn plan_ipv6(&self, plan: &mut Plan, names: &Names, addressing: &Addressing) {
        if addressing.ips.iter().all(|ip| ip.address.is_ipv4()) {
            return;
        }
        let link = &names.container;
        let enabled = |link: &str| (format!("net/ipv6/conf/{link}/disable_ipv6"), "0");
        plan.push(Sysctls::required(Side::Container, vec![enabled("lo"), enabled(link.as_str())]));
        let dad = if self.dad { "1" } else { "0" };
        let mut settings = vec![
            (format!("net/ipv6/conf/{link}/accept_dad"), dad),
            (format!("net/ipv6/conf/{link}/keep_addr_on_down"), "1"),
            (format!("net/ipv6/conf/{link}/ndisc_notify"), "1"),
        ];
        if self.dad {
            settings.push((format!("net/ipv6/conf/{link}/enhanced_dad"), "1"));
        }
        plan.push(Sysctls::optional(Side::Container, settings));
    }

    fn plan_addresses(&self, plan: &mut Plan, names: &Names, addressing: &Addressing) {
        let link = &names.container;
        for ip in &addressing.ips {
            plan.push(ContainerAddress { link: link.clone(), address: ip.address, dad: self.dad });
        }
        for route in &addressing.routes {
            let implied_gw = route.gw.is_none();
            let mut route = route.clone();
            route.gw = gateways::next_hop(&route, &addressing.ips);
            plan.push(ContainerRoute { link: link.clone(), route, implied_gw });
        }
    }

    fn plan_rules(&self, plan: &mut Plan, subject: &Subject, names: &Names, addressing: &Addressing) {
        let Subject { network, attachment, tag, .. } = subject;
        if let (true, Some(mac)) = (self.mac_spoof_check, names.container_mac) {
            plan.push(SpoofCheck::new(*tag, network.clone(), names.host.clone(), mac, attachment.clone()));
        }
        let addresses = addressing.ips.iter().map(|ip| ip.address);
        let (network, attachment) = (network.clone(), attachment.clone());
        match self.masquerade {
            Some(MasqueradeBackend::Nftables) => {
                for address in addresses {
                    let (network, attachment) = (network.clone(), attachment.clone());
                    plan.push(Masquerade::new(network, *tag, attachment, address));
                }
            }
            Some(MasqueradeBackend::Iptables) if !addressing.ips.is_empty() => {
                plan.push(IptablesMasquerade { network, attachment, addresses: addresses.collect() });
            }
            _ => {}
        }
    }

    /// Last, so that a rollback hardly ever has to switch the node's forwarding off again.
    fn plan_forwarding(&self, plan: &mut Plan, addressing: &Addressing) {
        if !self.is_gateway {
            return;
        }
        for ipv4 in [true, false] {
            if addressing.ips.iter().any(|ip| ip.address.is_ipv4() == ipv4) {
                plan.push(Sysctls::forwarding(ipv4));
            }
        }
    }
}
