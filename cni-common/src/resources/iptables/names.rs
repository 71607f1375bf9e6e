//! Names of the reference's chains and the comment of its rules (pkg/utils of containernetworking/plugins).

use sha2::{Digest, Sha512};

use crate::spec::{ContainerId, NetworkName};

/// Length of a chain's name.
const CHAIN_LENGTH: usize = 28;

/// `CNI-` and the hexadecimal SHA-512 of network name and container ID, 28 characters in all.
pub(super) fn chain(network: &NetworkName, container: &ContainerId) -> String {
    use std::fmt::Write;
    let mut hash = Sha512::new();
    hash.update(network.as_str().as_bytes());
    hash.update(container.as_str().as_bytes());
    let mut name = "CNI-".to_owned();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name.truncate(CHAIN_LENGTH);
    name
}

/// `name: "NETWORK" id: "CONTAINER"`; the names hold nothing that would need an escape.
pub(super) fn comment(network: &NetworkName, container: &ContainerId) -> String {
    format!("name: \"{network}\" id: \"{container}\"")
}

/// The network in a rule as `iptables-save` prints it, where quotes are escaped.
pub(super) fn network_of(rule: &str) -> Option<&str> {
    let (_, rest) = rule.split_once("name: \\\"")?;
    rest.split_once("\\\"").map(|(network, _)| network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_named_as_the_reference_names_them() {
        // TestFormatChainName of the reference: name "test", ID "1234".
        let name = chain(&NetworkName::parse("test").unwrap(), &ContainerId::parse("1234").unwrap());
        assert_eq!(name, "CNI-2bbe0c48b91a7d1b8a6753a8");
    }

    #[test]
    fn the_network_is_read_back_from_a_saved_rule() {
        let rule = r#"-A POSTROUTING -s 10.1.2.3/32 -m comment --comment "name: \"n1\" id: \"c1\"" -j CNI-x"#;
        assert_eq!(network_of(rule), Some("n1"));
    }
}
