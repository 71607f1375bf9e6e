//! Text for `iptables-restore`, from text of `iptables-save`. Pure.

use ipnetwork::IpNetwork;

use super::names;
use super::program::Family;

/// The chain of an attachment and the jumps into it.
pub(super) fn addition(chain: &str, comment: &str, family: Family, addresses: &[IpNetwork]) -> String {
    let comment = format!("-m comment --comment \"{}\"", comment.replace('"', "\\\""));
    let multicast = match family {
        Family::V4 => "224.0.0.0/4",
        Family::V6 => "ff00::/8",
    };
    let mut lines = vec!["*nat".to_owned(), format!(":{chain} - [0:0]")];
    let inside = |a: &IpNetwork| format!("-A {chain} -d {}/{} {comment} -j ACCEPT", a.network(), a.prefix());
    lines.extend(addresses.iter().map(inside));
    lines.push(format!("-A {chain} ! -d {multicast} {comment} -j MASQUERADE"));
    lines.extend(addresses.iter().map(|a| format!("-A POSTROUTING -s {} {comment} -j {chain}", a.ip())));
    text(lines)
}

/// Deletes chains of the form `CNI-...` that `goes` chooses by name and by the network in their jump's
/// comment, and the jumps. Empty when there is none.
pub(super) fn deletion(saved: &str, goes: impl Fn(&str, Option<&str>) -> bool) -> String {
    let mut jumps = Vec::new();
    let mut chains: Vec<&str> = Vec::new();
    for line in saved.lines() {
        let declared = line.strip_prefix(':').and_then(|rest| rest.split(' ').next());
        let jump = line
            .strip_prefix("-A POSTROUTING")
            .and_then(|_| line.rsplit_once(" -j ").map(|(_, to)| to.trim()));
        let Some(chain) = declared.or(jump).filter(|chain| chain.starts_with("CNI-")) else { continue };
        let network = jump.and_then(|_| names::network_of(line));
        if declared.is_some() {
            // Whether its network is ours is told by its jump, or by its own rules.
            let own = format!("-A {chain} ");
            let network = saved.lines().filter(|l| l.starts_with(&own)).find_map(names::network_of);
            if goes(chain, network) {
                chains.push(chain);
            }
        } else if goes(chain, network) {
            jumps.push(line.replacen("-A", "-D", 1));
        }
    }
    if jumps.is_empty() && chains.is_empty() {
        return String::new();
    }
    let mut lines = vec!["*nat".to_owned()];
    lines.append(&mut jumps);
    lines.extend(chains.iter().map(|chain| format!("-F {chain}")));
    lines.extend(chains.iter().map(|chain| format!("-X {chain}")));
    text(lines)
}

fn text(mut lines: Vec<String>) -> String {
    lines.push("COMMIT\n".to_owned());
    lines.join("\n")
}

/// What an attachment's chain lacks, in one phrase.
pub(super) fn missing(saved: &str, chain: &str, addresses: &[IpNetwork]) -> Option<String> {
    let rules = |prefix: String| saved.lines().filter(move |line| line.starts_with(&prefix));
    for address in addresses {
        let source = format!(" -s {}/", address.ip());
        let target = format!(" -j {chain}");
        if !rules("-A POSTROUTING".to_owned()).any(|l| l.contains(&source) && l.trim_end().ends_with(&target))
        {
            return Some(format!("no rule sends {} to chain {chain}", address.ip()));
        }
    }
    let masquerades = rules(format!("-A {chain} ")).any(|line| line.contains("-j MASQUERADE"));
    (!masquerades).then(|| format!("chain {chain} does not masquerade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: &str = r#"*nat
:POSTROUTING ACCEPT [0:0]
:CNI-aaa - [0:0]
:CNI-bbb - [0:0]
-A POSTROUTING -s 10.1.2.3/32 -m comment --comment "name: \"n1\" id: \"a\"" -j CNI-aaa
-A POSTROUTING -s 10.1.2.4/32 -m comment --comment "name: \"n2\" id: \"b\"" -j CNI-bbb
-A POSTROUTING -j KUBE-POSTROUTING
-A CNI-aaa -d 10.1.2.0/24 -m comment --comment "name: \"n1\" id: \"a\"" -j ACCEPT
-A CNI-aaa ! -d 224.0.0.0/4 -m comment --comment "name: \"n1\" id: \"a\"" -j MASQUERADE
COMMIT
"#;

    #[test]
    fn only_the_chosen_chain_goes() {
        let text = deletion(SAVED, |_, network| network == Some("n1"));
        let expected = "*nat\n-D POSTROUTING -s 10.1.2.3/32 -m comment --comment \"name: \\\"n1\\\" id: \\\"a\\\"\" -j \
                        CNI-aaa\n-F CNI-aaa\n-X CNI-aaa\nCOMMIT\n";
        assert_eq!(text, expected);
        assert_eq!(deletion(SAVED, |_, _| false), "");
    }

    #[test]
    fn what_is_missing_is_named() {
        let address = |text: &str| vec![text.parse::<IpNetwork>().unwrap()];
        assert_eq!(missing(SAVED, "CNI-aaa", &address("10.1.2.3/24")), None);
        assert!(missing(SAVED, "CNI-aaa", &address("10.1.2.9/24")).unwrap().contains("10.1.2.9"));
        assert!(missing(SAVED, "CNI-bbb", &address("10.1.2.4/24")).unwrap().contains("masquerade"));
    }
}
