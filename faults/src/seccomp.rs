//! The system calls that the plugins make, and a filter that allows no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

use crate::network::{Network, Way};
use crate::node::on_node;
use crate::trace::Fault;

/// Names of the system calls of all verbs on all networks, by tracing them; x86-64.
pub fn made(bin: &Path) -> BTreeSet<String> {
    let names = names();
    let mut made = BTreeSet::new();
    for name in Network::ALL {
        let numbers = on_node(|node| {
            let network = Network::named(name, bin).on_node();
            let pod = node.pod("pod");
            let mut numbers = BTreeSet::new();
            let mut run = |call: crate::call::Call| {
                let (answer, traced) = call.run_traced(Fault::None, usize::MAX);
                numbers.extend(traced.made.into_keys());
                answer.ok()
            };
            for _ in 0..2 {
                let previous = run(network.add(&pod)).json().unwrap();
                run(network.check(&pod, &previous));
                run(network.call("STATUS", &pod, &network.conf));
                run(network.del(&pod, Way::There));
            }
            run(network.add(&pod));
            run(network.gc(&[]));
            run(network.del(&pod, Way::Empty));
            numbers
        });
        made.extend(numbers.iter().map(|number| names.get(number).cloned().unwrap_or(number.to_string())));
    }
    made
}

/// Names by number, from the kernel's header.
pub fn names() -> BTreeMap<u64, String> {
    let folder = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
    let text =
        std::fs::read_to_string(folder).unwrap_or_else(|e| panic!("{folder}: {e}; it is in linux-libc-dev"));
    let lines = text.lines().filter_map(|line| line.strip_prefix("#define __NR_")?.split_once(' '));
    lines.map(|(name, number)| (number.trim().parse().unwrap(), name.to_owned())).collect()
}

/// Numbers of these names.
pub fn numbers(of: &BTreeSet<String>) -> Vec<u64> {
    names().into_iter().filter(|(_, name)| of.contains(name)).map(|(number, _)| number).collect()
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf: 0, k }
}

/// A program for the kernel: linux/seccomp.h, `struct seccomp_data` begins with the number.
pub(crate) fn filter(allowed: &[u64]) -> Vec<libc::sock_filter> {
    let allow = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW);
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    // execve(2) comes from the caller.
    for number in allowed.iter().copied().chain([u64::try_from(libc::SYS_execve).unwrap()]) {
        let mut is_it =
            statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, u32::try_from(number).unwrap());
        is_it.jf = 1;
        program.extend([is_it, allow]);
    }
    let refuse = libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).unwrap();
    program.push(statement(libc::BPF_RET | libc::BPF_K, refuse));
    program
}

/// Puts the calling process under it.
pub(crate) fn install(filter: &[libc::sock_filter]) -> std::io::Result<()> {
    let program =
        libc::sock_fprog { len: u16::try_from(filter.len()).unwrap(), filter: filter.as_ptr().cast_mut() };
    // SAFETY: plain integers.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: the kernel reads the program, which lives until the call returns, and does not change it.
    Errno::result(unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    })?;
    Ok(())
}
