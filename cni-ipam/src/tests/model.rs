//! The leases against a model: any order of our calls, of changes by others, of kills and boots.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use nix::sys::stat::utimensat;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Add(u8),
    AddWanted(u8, u8),
    Del(u8),
    Check(u8),
    Status,
    Gc(Vec<u8>),
    /// As the reference does it.
    TheirAdd(u8),
    TheirDel(u8),
    /// The reference, killed in the middle.
    TheirEmptyFile(u8),
    /// Ours, killed before the marks are set.
    Killed,
    Boot,
    LoseIndex,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..9_u8;
    prop_oneof![
        8 => id.clone().prop_map(Step::Add),
        2 => (id.clone(), 0..16_u8).prop_map(|(id, addr)| Step::AddWanted(id, addr)),
        6 => id.clone().prop_map(Step::Del),
        2 => id.clone().prop_map(Step::Check),
        2 => Just(Step::Status),
        1 => prop::collection::vec(id.clone(), 0..6).prop_map(Step::Gc),
        4 => id.clone().prop_map(Step::TheirAdd),
        3 => id.prop_map(Step::TheirDel),
        1 => (2..14_u8).prop_map(Step::TheirEmptyFile),
        1 => Just(Step::Killed),
        1 => Just(Step::Boot),
        1 => Just(Step::LoseIndex),
    ]
}

/// Two ranges in one set: 10.1.0.1 to .6 with gateway .1, and 10.1.0.9 to .10 with gateway .9 alone out.
const SET: &str = r#""ranges": [[{"subnet": "10.1.0.0/29"}, {"subnet": "10.1.0.8/29", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.12"}]]"#;
const ORDER: [u8; 8] = [2, 3, 4, 5, 6, 10, 11, 12];

/// What there should be.
#[derive(Default)]
struct Model {
    /// Last byte of the address, and whose; `None` for an empty file.
    leases: BTreeMap<u8, Option<u8>>,
    cursor: Option<u8>,
    /// Those that a call of ours has seen since the boot.
    noted: Vec<u8>,
    /// Those that the boot made void, until a call of ours sees to it.
    void: Vec<u8>,
    /// An index is there to tell what was before the boot.
    has_index: bool,
}

impl Model {
    /// The reference's order.
    fn next(&self) -> Option<u8> {
        let start = match self.cursor {
            // The gateway .1 counts as the range's first address.
            Some(1) | None => 0,
            Some(last) => ORDER.iter().position(|a| *a == last).map_or(0, |i| i + 1),
        };
        ORDER.iter().cycle().skip(start).take(ORDER.len()).find(|a| !self.leases.contains_key(a)).copied()
    }

    fn of(&self, id: u8) -> Vec<u8> {
        self.leases.iter().filter(|(_, owner)| **owner == Some(id)).map(|(a, _)| *a).collect()
    }

    /// What each call of ours with the lock does first.
    fn look(&mut self) {
        let void = std::mem::take(&mut self.void);
        self.leases.retain(|addr, owner| owner.is_some() && !void.contains(addr));
        self.noted = self.leases.keys().copied().collect();
        self.has_index = true;
    }

    fn forget(&mut self, id: u8) {
        self.leases.retain(|_, owner| *owner != Some(id));
        self.noted.retain(|addr| self.leases.contains_key(addr));
    }

    fn shown(&self) -> BTreeMap<String, String> {
        let text = |owner: &Option<u8>| owner.map_or(String::new(), |id| format!("c{id}\r\neth0"));
        self.leases.iter().map(|(addr, owner)| (name(*addr), text(owner))).collect()
    }
}

fn name(addr: u8) -> String {
    Ipv4Addr::new(10, 1, 0, addr).to_string()
}

/// Undoes the marks, as if the call had been killed before it set them.
fn unmark(net: &Net) {
    if net.dir().exists() {
        let now = nix::sys::time::TimeSpec::UTIME_NOW;
        let follow = nix::sys::stat::UtimensatFlags::FollowSymlink;
        utimensat(nix::fcntl::AT_FDCWD, &net.dir(), &now, &now, follow).unwrap();
    }
}

#[allow(clippy::too_many_lines)]
fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut net = Net::new(SET);
    net.write("lock", "");
    let mut model = Model::default();
    let mut boots = 1;
    for step in steps {
        match step.clone() {
            Step::Add(id) => {
                model.look();
                let (got, expected) = (net.add(&format!("c{id}")), model.next());
                if !model.of(id).is_empty() {
                    prop_assert_eq!(code(got), 102, "{:?}", step);
                } else if let Some(addr) = expected {
                    prop_assert_eq!(got.unwrap(), name(addr), "{:?}", step);
                    model.leases.insert(addr, Some(id));
                    model.cursor = Some(addr);
                } else {
                    prop_assert_eq!(code(got), 104);
                }
                model.look();
            }
            Step::AddWanted(id, addr) => {
                let env =
                    Environment { args: format!("IP={}", name(addr)), ..Net::env("ADD", &format!("c{id}")) };
                let got = net.call(&env).map(drop);
                if ORDER.contains(&addr) {
                    model.look();
                    let free = !model.leases.contains_key(&addr);
                    prop_assert_eq!(code(got), if free { 0 } else { 102 });
                    if free {
                        model.leases.insert(addr, Some(id));
                        model.cursor = Some(addr);
                    }
                    model.look();
                } else {
                    prop_assert_eq!(code(got), 7);
                }
            }
            Step::Del(id) => {
                net.del(&format!("c{id}")).unwrap();
                model.look();
                model.forget(id);
            }
            Step::Check(id) => {
                let got = code(net.check(&format!("c{id}")));
                if model.of(id).is_empty() {
                    prop_assert_eq!(got, 100);
                    model.look();
                } else if model.void.is_empty() {
                    prop_assert_eq!(got, 0);
                    // Seen without the lock, or noted with it: which, does not matter to anybody else.
                    net.del("nobody").unwrap();
                    model.look();
                } else {
                    net.del("nobody").unwrap();
                    model.look();
                }
            }
            Step::Status => {
                let full = model.next().is_none()
                    && model.void.is_empty()
                    && model.leases.values().all(Option::is_some);
                prop_assert_eq!(code(net.status()), if full { 50 } else { 0 });
            }
            Step::Gc(keep) => {
                let entry = |id: &u8| format!(r#"{{"containerID": "c{id}", "ifname": "eth0"}}"#);
                let list: Vec<_> = keep.iter().map(entry).collect();
                net.gc(&format!("[{}]", list.join(","))).unwrap();
                model.look();
                model.leases.retain(|_, owner| owner.is_some_and(|id| keep.contains(&id)));
                model.look();
            }
            Step::TheirAdd(id) => {
                if let Some(addr) = model.next().filter(|_| model.of(id).is_empty()) {
                    net.reference_add(&name(addr), &format!("c{id}"));
                    model.leases.insert(addr, Some(id));
                    model.cursor = Some(addr);
                }
            }
            Step::TheirDel(id) => {
                for addr in model.of(id) {
                    std::fs::remove_file(net.dir().join(name(addr))).unwrap();
                    model.void.retain(|a| *a != addr);
                }
                model.forget(id);
            }
            Step::TheirEmptyFile(addr) => {
                if let std::collections::btree_map::Entry::Vacant(place) = model.leases.entry(addr) {
                    net.write(&name(addr), "");
                    place.insert(None);
                }
            }
            Step::Killed => unmark(&net),
            Step::Boot => {
                boots += 1;
                net.boot(boots);
                if model.has_index {
                    model.void.extend(std::mem::take(&mut model.noted));
                }
                model.noted.clear();
            }
            Step::LoseIndex => {
                let _ = std::fs::remove_file(net.dir().join(".index"));
                model.void.clear();
                model.noted.clear();
                model.has_index = false;
            }
        }
        prop_assert_eq!(net.leases(), model.shown(), "after {:?}", step);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_leases_are_what_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        run(steps)?;
    }
}
