//! The cluster as a whole.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::accounting::{Account, assert_whole};
use crate::command::wait_for;
use crate::programs::Side;
use crate::run::Run;

use super::plane::{Plane, Stack};
use super::routes;
use super::worker::Worker;

/// Between two questions to the API server.
const EVERY: Duration = Duration::from_millis(150);
/// Longest wait for anything that the cluster does by itself.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub struct Kube {
    pub plane: Plane,
    pub workers: Vec<Worker>,
    pub stack: Stack,
}

/// A pod as the API server knows it.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    pub node: String,
    pub ready: bool,
    pub addresses: Vec<String>,
}

impl Kube {
    /// Two nodes, joined and started, not waited for.
    pub fn start(run: &Run, side: Side, stack: Stack, templates: [&str; 2]) -> Kube {
        let plane = Plane::start(run, stack);
        let workers = [1, 2].into_iter().zip(templates);
        let workers: Vec<Worker> = workers
            .map(|(number, template)| Worker::start(run, &plane, number, side, stack, template))
            .collect();
        plane.ready();
        workers.iter().for_each(Worker::join);
        Kube { plane, workers, stack }
    }

    /// The same, until both nodes are ready and have routes to each other's pods.
    pub fn up(run: &Run, side: Side, stack: Stack, template: &str) -> Kube {
        let start = Instant::now();
        let kube = Kube::start(run, side, stack, [template; 2]);
        until("both nodes are ready", || (1..=2).all(|n| kube.condition(n).ready));
        run.show(&format!("two nodes ready after {:.1} s", start.elapsed().as_secs_f64()));
        routes::set(run, &kube);
        kube
    }

    /// The condition Ready of node number `n`.
    pub fn condition(&self, n: usize) -> Condition {
        let nodes = self.plane.get("/api/v1/nodes");
        let nodes = nodes["items"].as_array().cloned().unwrap_or_default();
        let name = format!("n{n}");
        let node = nodes.into_iter().find(|node| node["metadata"]["name"] == name).unwrap_or_default();
        let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|c| c["type"] == "Ready").unwrap_or_default();
        Condition {
            ready: ready["status"] == "True",
            reason: text(&ready["reason"]),
            message: text(&ready["message"]),
        }
    }

    /// Pods of the default namespace, by the value of their label `app`.
    pub fn pods(&self, app: &str) -> Vec<Pod> {
        let list = self.plane.get(&format!("/api/v1/namespaces/default/pods?labelSelector=app%3D{app}"));
        list["items"].as_array().into_iter().flatten().map(read).collect()
    }

    /// All pods of the default namespace.
    pub fn all(&self) -> Vec<Pod> {
        let list = self.plane.get("/api/v1/namespaces/default/pods");
        list["items"].as_array().into_iter().flatten().map(read).collect()
    }

    /// Whether there is no pod in the default namespace; of a hundred one is told.
    pub fn empty(&self) -> bool {
        let list = self.plane.get("/api/v1/namespaces/default/pods?limit=1");
        list["items"].as_array().is_some_and(Vec::is_empty)
    }

    /// Fails unless each address of each pod was given once, and each node holds what its pods need and no more.
    #[track_caller]
    pub fn assert_whole(&self) -> String {
        let pods = self.all();
        let given: Vec<&String> = pods.iter().flat_map(|pod| &pod.addresses).collect();
        let different: BTreeSet<&&String> = given.iter().collect();
        assert_eq!(different.len(), given.len(), "an address was given twice: {pods:#?}");
        let mut summaries = Vec::new();
        for Worker { node, .. } in &self.workers {
            let here: Vec<Vec<String>> =
                pods.iter().filter(|p| p.node == node.name).map(|p| p.addresses.clone()).collect();
            // A kubelet tells the API server of an end before it asks the runtime to forget the sandbox.
            let settled = wait_for(Duration::from_secs(20), || {
                let account = Account::take(node);
                (account.leases.len() == here.iter().flatten().count() && account.links.len() == here.len())
                    .then_some(())
                    .or_else(|| {
                        thread::sleep(EVERY);
                        None
                    })
            });
            let account = assert_whole(node, &here);
            assert!(settled.is_some());
            summaries.push(format!("{}: {}", node.name, account.summary()));
        }
        summaries.join("\n")
    }
}

/// Waits until this is so; says how long it took.
#[track_caller]
pub fn until(what: &str, so: impl Fn() -> bool) -> f64 {
    let start = Instant::now();
    let done = wait_for(PATIENCE, || {
        so().then_some(()).or_else(|| {
            thread::sleep(EVERY);
            None
        })
    });
    assert!(done.is_some(), "not within {} s: {what}", PATIENCE.as_secs());
    start.elapsed().as_secs_f64()
}

/// What `kubectl describe node` shows of it.
#[derive(Clone, Debug)]
pub struct Condition {
    pub ready: bool,
    pub reason: String,
    pub message: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read(pod: &Value) -> Pod {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let addresses = pod["status"]["podIPs"].as_array().into_iter().flatten();
    Pod {
        name: text(&pod["metadata"]["name"]),
        node: text(&pod["spec"]["nodeName"]),
        ready: conditions.filter(|c| c["type"] == "Ready").any(|c| c["status"] == "True"),
        addresses: addresses.map(|a| text(&a["ip"])).collect(),
    }
}
