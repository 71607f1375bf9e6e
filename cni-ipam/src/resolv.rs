//! `resolvConf`: the settings of a file in the form of resolv.conf(5).

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cni_common::spec::{CniError, Dns};
use nix::fcntl::OFlag;

use crate::store::Trouble;

/// More than any such file holds.
const MAX_FILE: u64 = 1 << 20;

/// Reads the file. It may be a link, as /etc/resolv.conf often is.
///
/// # Errors
/// Code 5, naming the file.
pub fn read(path: &Path) -> Result<Dns, CniError> {
    let fail = |why: &dyn std::fmt::Display| {
        CniError::io(format!(
            "cannot read \"ipam.resolvConf\" {}: {why}; name a file that is there",
            path.display()
        ))
    };
    let opened = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = opened.map_err(|e| fail(&Trouble::from(e)))?;
    if !file.metadata().map_err(|e| fail(&Trouble::from(e)))?.is_file() {
        return Err(fail(&"it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| fail(&Trouble::from(e)))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(fail(&"it is longer than 1 MB"));
    }
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

/// As the reference reads it: one `nameserver` per line, the last `domain`, all of `search` and `options`.
fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        let mut words = line.split_whitespace();
        let (Some(key), Some(first)) = (words.next(), words.next()) else { continue };
        let all = std::iter::once(first).chain(words).map(str::to_owned);
        match key {
            "nameserver" => dns.nameservers.push(first.to_owned()),
            "domain" => first.clone_into(&mut dns.domain),
            "search" => dns.search.extend(all),
            "options" => dns.options.extend(all),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_are_read() {
        let text = "# c\n; d\nnameserver 192.0.2.1 extra\n  nameserver 192.0.2.2\ndomain a\ndomain b\n\
                    search one two\nsearch three\noptions ndots:5 rotate\nnameserver\nsortlist x\n";
        let strings = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = Dns {
            nameservers: strings(&["192.0.2.1", "192.0.2.2"]),
            domain: "b".into(),
            search: strings(&["one", "two", "three"]),
            options: strings(&["ndots:5", "rotate"]),
        };
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for bad in ["/nowhere", "/dev/null", "/"] {
            let error = read(Path::new(bad)).unwrap_err();
            assert!(error.code.0 == 5 && error.msg.contains(bad), "{}", error.msg);
        }
    }
}
