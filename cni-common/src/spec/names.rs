//! Names and addresses that can only exist valid.

use std::fmt;

use super::CniError;
use super::error::Code;

/// The characters of the specification: a letter or digit, then letters, digits, `_`, `.`, `-`.
fn is_spec_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Longest name that still fits in a file name with what we put beside it.
const MAX_NAME: usize = 200;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type! {
    /// A network's name: the specification's characters, so it can be a file name.
    NetworkName
}
text_type! {
    /// A container ID: the specification's characters.
    ContainerId
}
text_type! {
    /// A link's name as the kernel takes it (`dev_valid_name`, net/core/dev.c): 1 to 15 bytes, not `.`
    /// or `..`, without `/`, `:` and white space.
    IfName
}

impl NetworkName {
    /// # Errors
    /// Code 7 when empty, too long, or with other characters.
    pub fn parse(text: &str) -> Result<Self, CniError> {
        if text.is_empty() {
            return Err(CniError::config("missing network name: set \"name\" in the network configuration"));
        }
        if !is_spec_name(text) || text.len() > MAX_NAME {
            return Err(CniError::config(format!(
                "invalid network name {text:?}: it must begin with a letter or digit and hold only letters, digits, \
                 '_', '.', '-', at most {MAX_NAME}"
            )));
        }
        Ok(NetworkName(text.to_owned()))
    }
}

impl ContainerId {
    /// # Errors
    /// Code 4 when empty, too long, or with other characters.
    pub fn parse(text: &str) -> Result<Self, CniError> {
        if is_spec_name(text) && text.len() <= MAX_NAME {
            return Ok(ContainerId(text.to_owned()));
        }
        Err(CniError::environment(format!(
            "invalid CNI_CONTAINERID {text:?}: it must begin with a letter or digit and hold only letters, digits, \
             '_', '.', '-', at most {MAX_NAME}"
        )))
    }
}

impl IfName {
    /// # Errors
    /// What is wrong with it, to be put behind the name of the key or variable.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "" => Err("is empty"),
            "." | ".." => Err("must not be \".\" or \"..\""),
            _ if text.len() > 15 => Err("is longer than the kernel's 15 characters"),
            _ if text.contains(|c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace()) => {
                Err("must not contain '/', ':' or white space")
            }
            _ => Ok(IfName(text.to_owned())),
        }
    }

    /// The value of CNI_IFNAME.
    ///
    /// # Errors
    /// Code 4.
    pub fn from_environment(text: &str) -> Result<Self, CniError> {
        Self::parse(text)
            .map_err(|why| CniError::environment(format!("invalid CNI_IFNAME {text:?}: it {why}")))
    }

    /// The value of a key of the configuration.
    ///
    /// # Errors
    /// Code 7, naming the key.
    pub fn from_key(key: &str, text: &str) -> Result<Self, CniError> {
        Self::parse(text).map_err(|why| CniError::config(format!("invalid \"{key}\": {text:?} {why}")))
    }
}

/// A 48-bit hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Reads six pairs of hexadecimal digits with `:` or `-` between them, or three groups of four with `.`,
    /// as Go's `net.ParseMAC` does.
    ///
    /// # Errors
    /// Code 7, naming the key or variable; also for a multicast address and the zero address, which the
    /// kernel refuses (`is_valid_ether_addr`).
    pub fn parse(key: &str, text: &str) -> Result<Self, CniError> {
        let fail = |why: &str| {
            Err(CniError::new(
                if key.starts_with("CNI_") { Code::ENVIRONMENT } else { Code::CONFIG },
                format!("invalid {key} {text:?}: {why}; write six hexadecimal pairs, like 0a:58:0a:58:00:05"),
            ))
        };
        let Some(bytes) = Self::bytes(text) else { return fail("it is not a MAC address") };
        if bytes[0] & 1 == 1 {
            return fail("it is a multicast address");
        }
        if bytes == [0; 6] {
            return fail("it is all zero");
        }
        Ok(MacAddr(bytes))
    }

    /// Six bytes of a text form, whatever kind of address they are.
    pub fn bytes(text: &str) -> Option<[u8; 6]> {
        let separator = text.chars().find(|c| !c.is_ascii_hexdigit())?;
        let width = match separator {
            ':' | '-' => 2,
            '.' => 4,
            _ => return None,
        };
        let groups: Vec<&str> = text.split(separator).collect();
        if groups.len() * width != 12 || groups.iter().any(|g| g.len() != width) {
            return None;
        }
        let value = u64::from_str_radix(&groups.concat(), 16).ok()?;
        let [_, _, bytes @ ..] = value.to_be_bytes();
        Some(bytes)
    }

    /// A locally administered unicast address made of six random bytes.
    pub fn local(mut random: [u8; 6]) -> Self {
        random[0] = (random[0] & 0xfe) | 0x02;
        MacAddr(random)
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_could_leave_a_directory() {
        for bad in ["", ".", "..", "../x", "a/b", "a b", "-a", ".a", "ä", "a\0b"] {
            assert!(NetworkName::parse(bad).is_err(), "{bad:?}");
            assert!(ContainerId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(NetworkName::parse("k8s.pod-net_0").is_ok());
    }

    #[test]
    fn interface_names_follow_the_kernel() {
        for bad in ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "0123456789abcdef"] {
            assert!(IfName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(IfName::parse("0123456789abcde").is_ok());
    }

    #[test]
    fn mac_addresses_are_read_as_go_reads_them() {
        for good in ["0a:58:0a:58:00:05", "0A-58-0a-58-00-05", "0a58.0a58.0005"] {
            assert_eq!(MacAddr::parse("mac", good).unwrap().to_string(), "0a:58:0a:58:00:05");
        }
        for bad in [
            "",
            "zz:zz",
            "0a:58:0a:58:00",
            "0a:58:0a:58:00:05:06",
            "0a580a580005",
            "01:00:00:00:00:00",
            "00:00:00:00:00:00",
        ] {
            assert!(MacAddr::parse("mac", bad).is_err(), "{bad:?}");
        }
    }
}
