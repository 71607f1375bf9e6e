//! Routes of the container.

use std::fmt;
use std::net::IpAddr;

use crate::kernel::rtnl::KernelRoute;
use crate::kernel::{Node, Outcome, Side};
use crate::plan::{Applied, Drift, Resource};
use crate::spec::{IfName, Route};

/// net/ip6_route.h `IP6_RT_PRIO_USER`: the metric of an IPv6 route that asks for none.
const IPV6_DEFAULT_METRIC: u32 = 1024;

/// A route through the container's link.
#[derive(Clone, Debug)]
pub struct ContainerRoute {
    /// The link.
    pub link: IfName,
    /// The route, its next hop filled in.
    pub route: Route,
    /// The next hop is the address's gateway, because the route named none.
    pub implied_gw: bool,
}

impl fmt::Display for ContainerRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Route { dst, gw, mtu, advmss, priority, table, scope } = &self.route;
        match dst.prefix() {
            0 => write!(f, "container route add default")?,
            _ => write!(f, "container route add {dst}")?,
        }
        if let Some(gw) = gw {
            write!(f, " via {gw}")?;
        }
        write!(f, " dev {}", self.link)?;
        let fields = [
            ("mtu", *mtu),
            ("advmss", *advmss),
            ("metric", *priority),
            ("table", *table),
            ("scope", scope.map(u32::from)),
        ];
        fields.iter().filter_map(|(k, v)| v.map(|v| (k, v))).try_for_each(|(k, v)| write!(f, " {k} {v}"))
    }
}

impl ContainerRoute {
    /// Where no table is asked for any will do: another plugin of the chain may have moved the route.
    fn same_place(&self, there: &KernelRoute) -> bool {
        let metric = match self.route.dst.is_ipv4() {
            true => self.route.priority.unwrap_or(0),
            false => self.route.priority.unwrap_or(IPV6_DEFAULT_METRIC),
        };
        there.route.dst == self.route.dst
            && self.route.table.is_none_or(|table| there.route.table == Some(table))
            && there.route.priority.unwrap_or(0) == metric
    }

    /// The link is not compared: the previous result also has routes that others added by other links.
    fn same_hop(&self, gw: Option<IpAddr>) -> bool {
        gw == self.route.gw || (self.implied_gw && gw.is_none())
    }

    /// What is different about a route to the same place by the same hop.
    fn difference(&self, there: &KernelRoute) -> Option<String> {
        let pairs = [
            ("mtu", self.route.mtu, there.route.mtu),
            ("advmss", self.route.advmss, there.route.advmss),
            // IPv6 routes have no scope.
            (
                "scope",
                self.route.scope.filter(|_| self.route.dst.is_ipv4()).map(u32::from),
                there.route.scope.map(u32::from),
            ),
        ];
        pairs.iter().find_map(|(name, wanted, now)| {
            (wanted.is_some() && wanted != now)
                .then(|| format!("its {name} is {}", now.map_or("not set".to_owned(), |v| v.to_string())))
        })
    }
}

impl Resource for ContainerRoute {
    fn apply(&self, node: &mut Node) -> Outcome<Applied> {
        let index = node.container_index(&self.link)?;
        node.route(Side::Container)?.add_route(index, &self.route)?;
        Ok(Applied::Created)
    }

    fn check(&self, node: &mut Node) -> Outcome<Option<Drift>> {
        let routes = node.seen_routes()?;
        let found = routes
            .iter()
            .filter(|r| self.same_place(r))
            .find(|r| self.same_hop(r.route.gw) || r.hops.iter().any(|gw| self.same_hop(*gw)));
        let drift = match found {
            None => Some("the route is not there".to_owned()),
            Some(there) => self.difference(there),
        };
        Ok(drift.map(Drift))
    }

    /// It goes with the link.
    fn remove(&self, _: &mut Node) -> Outcome<()> {
        Ok(())
    }
}
