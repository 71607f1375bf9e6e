//! One run of the sweep.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Case, Healer, Verb, network};
use crate::call::Answer;
use crate::network::{Network, Way};
use crate::node::{Node, Pod};
use crate::state::State;
use crate::trace::Fault;

/// Where the standard library cannot go on without a stack for signals or without random bytes: at the start,
/// before a plugin has done anything. That nothing is left is checked all the same.
const BEFORE_MAIN: [&str; 2] = ["unix/stack_overflow.rs", "sys/random/linux.rs"];

/// What kind of promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something of the pod is still there.
    Left,
    /// Something of somebody else is gone or changed.
    Lost,
    /// A call that must succeed failed, hung or panicked.
    Failed,
    /// A call said success and it was not so, or failure and left something without saying so.
    Untrue,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which promise.
    pub kind: Kind,
    /// What was seen.
    pub text: String,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The number of the system call that met the fault; none when there were not so many.
    pub hit: Option<u64>,
    /// System calls of the whole call.
    pub calls: usize,
    /// It ended by a signal that nobody sent.
    pub died: bool,
    /// The call had succeeded, fault or not.
    pub succeeded: bool,
    /// Promises broken.
    pub findings: Vec<Finding>,
}

/// A node made ready for the runs of one case, one after another.
pub struct Bench<'n> {
    node: &'n Node,
    case: Case,
    network: Network,
    neighbour: Option<(Pod, Value)>,
    before: State,
    count: usize,
}

impl<'n> Bench<'n> {
    /// Makes the neighbour.
    pub fn new(node: &'n Node, case: &Case) -> Self {
        let network = network(case);
        let neighbour = case.neighbour.then(|| {
            let pod = node.pod("neighbour");
            let previous = network.add(&pod).run().ok().json().unwrap();
            (pod, previous)
        });
        let mut bench =
            Bench { node, case: case.clone(), network, neighbour, before: State::default(), count: 0 };
        bench.before = bench.state(None);
        bench
    }

    fn state(&self, pod: Option<&Pod>) -> State {
        let pods: Vec<&Pod> = self.neighbour.iter().map(|(pod, _)| pod).chain(pod).collect();
        State::of(self.node, &pods).owned()
    }

    /// The kernel takes the links of a dead namespace away some time after its last user has left.
    fn settled(&self, pod: &Pod) -> State {
        let end = Instant::now() + Duration::from_secs(2);
        loop {
            let state = self.state(Some(pod));
            let only_links =
                |lines: Vec<String>| !lines.is_empty() && lines.iter().all(|line| line.starts_with("link "));
            if pod.lives() || Instant::now() > end || !only_links(state.beyond(&self.before)) {
                return state;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One run, with the fault at system call number `at`.
    pub fn run(&mut self, fault: Fault, at: usize) -> Ran {
        if !self.case.neighbour {
            Self::wipe();
        }
        self.count += 1;
        let pod = self.node.pod(&format!("pod{}", self.count));
        let mut ran = Ran::default();
        let answer = self.faulty_call(&pod, fault, at, &mut ran);
        if let Some(answer) = &answer {
            self.judge(&pod, answer, fault, &mut ran);
        }
        self.heal(&pod, &mut ran);
        let after = self.settled(&pod);
        compare(&self.before, &after, "", &mut ran);
        self.neighbour_is_whole(&mut ran);
        if pod.lives() {
            pod.destroy();
        }
        ran
    }

    /// The network's shared things go too, so that the next ADD is the first again.
    fn wipe() {
        let script = "ip link del cni0 2>/dev/null; nft flush ruleset; rm -rf /var/lib/cni";
        let _ = std::process::Command::new("sh").args(["-c", script]).status();
    }

    fn faulty_call(&self, pod: &Pod, fault: Fault, at: usize, ran: &mut Ran) -> Option<Answer> {
        let Case { verb, way, .. } = self.case;
        if verb != Verb::Add {
            let added = self.network.add(pod).run();
            if !added.succeeded() {
                ran.fail(format!("ADD before the fault: {added}"));
                return None;
            }
            if way == Way::Gone {
                pod.destroy();
            }
        }
        let call = match verb {
            Verb::Add => self.network.add(pod),
            Verb::Del => self.network.del(pod, way),
            Verb::Gc => self.network.gc(&self.living()),
        };
        let (answer, traced) = call.run_traced(fault, at);
        (ran.hit, ran.calls) = (traced.hit, traced.calls);
        ran.died = answer.code.is_none() && !matches!(fault, Fault::Kill | Fault::KillAll);
        ran.succeeded = answer.succeeded();
        Some(answer)
    }

    fn living(&self) -> Vec<&Pod> {
        self.neighbour.iter().map(|(pod, _)| pod).collect()
    }

    /// What the call said must be so.
    fn judge(&self, pod: &Pod, answer: &Answer, fault: Fault, ran: &mut Ran) {
        if answer.hung {
            ran.fail(format!("the call hung: {answer}"));
        }
        let words = format!("{}{}", answer.stdout, answer.stderr);
        if BEFORE_MAIN.iter().any(|place| words.contains(place)) {
            ran.died = true;
        } else if words.contains("panicked") {
            ran.fail(format!("the call panicked: {answer}"));
        }
        match (self.case.verb, answer.succeeded()) {
            (Verb::Add, true) => {
                let Some(previous) = answer.json() else {
                    return ran.untrue(format!("ADD succeeded without a result: {answer}"));
                };
                let checked = self.network.check(pod, &previous).run();
                if !checked.succeeded() {
                    ran.untrue(format!("ADD succeeded, but CHECK: {checked}"));
                }
            }
            // Where not even the answer could be written, nothing can be told: DEL comes.
            (Verb::Add, false) if matches!(fault, Fault::Error(_)) && answer.code.is_some() => {
                let is_told = answer.stdout.contains("not rolled back");
                let left = self.state(Some(pod)).beyond(&self.before);
                if !is_told && !left.is_empty() && is_an_error(answer) {
                    ran.untrue(format!("ADD failed and left {left:?} without a word: {answer}"));
                }
            }
            (Verb::Del | Verb::Gc, true) => {
                let left = self.state(Some(pod)).beyond(&self.before);
                if !left.is_empty() {
                    ran.untrue(format!("{:?} succeeded and left {left:?}", self.case.verb));
                }
            }
            _ => {}
        }
    }

    /// What the runtime does next. It must succeed.
    fn heal(&self, pod: &Pod, ran: &mut Ran) {
        let Case { way, healer, .. } = self.case;
        if way == Way::Gone && pod.lives() {
            pod.destroy();
        }
        match healer {
            Healer::Del => Self::must_succeed("DEL", &self.network.del(pod, way).run(), ran),
            Healer::Gc => Self::must_succeed("GC", &self.network.gc(&self.living()).run(), ran),
            Healer::AddThenDel => {
                let second = self.second(ran);
                Self::must_succeed("DEL", &self.network.del(pod, way).run(), ran);
                if let Some((second, previous)) = second {
                    Self::must_succeed(
                        "CHECK of the second pod",
                        &self.network.check(&second, &previous).run(),
                        ran,
                    );
                    self.remove(&second, ran);
                }
            }
            Healer::NextAdd => {
                if let Some((second, _)) = self.second(ran) {
                    self.remove(&second, ran);
                }
                // The link went with the namespace; a rule for the address went to the second pod, and a
                // lease that was never needed again waits for GC.
                Self::must_succeed("GC", &self.network.gc(&self.living()).run(), ran);
            }
        }
    }

    fn second(&self, ran: &mut Ran) -> Option<(Pod, Value)> {
        let second = self.node.pod(&format!("second{}", self.count));
        let answer = self.network.add(&second).run();
        Self::must_succeed("ADD of a second pod", &answer, ran);
        let taken = self.neighbour.as_ref().map(|(_, previous)| previous["ips"].clone());
        let given = answer.json().map(|json| json["ips"].clone()).filter(|ips| !ips.is_null());
        if given.is_some() && given == taken {
            ran.findings.push(Finding {
                kind: Kind::Lost,
                text: format!("the neighbour's address is given twice: {answer}"),
            });
        }
        Some((second, answer.json()?))
    }

    fn remove(&self, second: &Pod, ran: &mut Ran) {
        Self::must_succeed("DEL of the second pod", &self.network.del(second, Way::There).run(), ran);
        second.destroy();
    }

    fn must_succeed(what: &str, answer: &Answer, ran: &mut Ran) {
        if !answer.succeeded() {
            ran.fail(format!("{what}: {answer}"));
        }
    }

    fn neighbour_is_whole(&self, ran: &mut Ran) {
        if let Some((pod, previous)) = &self.neighbour {
            Self::must_succeed("CHECK of the neighbour", &self.network.check(pod, previous).run(), ran);
        }
    }
}

fn is_an_error(answer: &Answer) -> bool {
    answer.json().is_some_and(|json| json["code"].is_u64())
}

/// Before and after must be the same.
fn compare(before: &State, after: &State, what: &str, ran: &mut Ran) {
    let (left, lost) = (after.beyond(before), before.beyond(after));
    if !left.is_empty() {
        ran.findings.push(Finding { kind: Kind::Left, text: format!("left{what}: {left:?}") });
    }
    if !lost.is_empty() {
        ran.findings.push(Finding { kind: Kind::Lost, text: format!("lost{what}: {lost:?}") });
    }
}

impl Ran {
    fn fail(&mut self, text: String) {
        self.findings.push(Finding { kind: Kind::Failed, text });
    }

    fn untrue(&mut self, text: String) {
        self.findings.push(Finding { kind: Kind::Untrue, text });
    }
}
