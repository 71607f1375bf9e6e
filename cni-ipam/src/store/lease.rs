//! What a lease file says, in the reference's form: `<container ID>\r\n<interface>` without a final
//! newline; files of old versions hold the container ID alone.

use std::fmt;

use cni_common::spec::{Attachment, ContainerId};
use sha2::{Digest, Sha256};

/// More than any lease holds: two names of 200 bytes and a line break.
pub const MAX_LEASE: u64 = 1024;

const LINE_BREAK: &str = "\r\n";

/// The text of an attachment's lease.
pub fn text_of(attachment: &Attachment) -> String {
    format!("{}{LINE_BREAK}{}", attachment.container_id, attachment.ifname)
}

/// What a lease file's bytes say; white space around it does not count, as in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a>(&'a [u8]);

impl<'a> Claim<'a> {
    /// `None` when the file belongs to nobody: it is empty, or has NUL bytes, which is what a file has
    /// whose writer was killed (plugins#498) or whose blocks were lost with the power.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii();
        (!bytes.is_empty() && !bytes.contains(&0)).then_some(Claim(bytes))
    }

    /// By which key its owner is found.
    pub fn key(&self) -> OwnerKey {
        OwnerKey::of(self.0)
    }
}

impl fmt::Display for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0);
        match text.split_once(LINE_BREAK) {
            Some((container, ifname)) => write!(f, "container {container}, interface {ifname}"),
            None => write!(f, "container {text}"),
        }
    }
}

/// Names the owner of a lease: a hash of the lease's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerKey(pub [u8; 16]);

impl OwnerKey {
    fn of(text: &[u8]) -> Self {
        let mut key = [0; 16];
        key.iter_mut().zip(Sha256::digest(text)).for_each(|(k, h)| *k = h);
        OwnerKey(key)
    }

    /// The owner of leases that name container and interface.
    pub fn exact(attachment: &Attachment) -> Self {
        Self::of(text_of(attachment).as_bytes())
    }

    /// The owner of leases that name the container alone (old versions).
    pub fn container(id: &ContainerId) -> Self {
        Self::of(id.as_str().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cni_common::spec::IfName;

    fn attachment() -> Attachment {
        Attachment { container_id: ContainerId::parse("c1").unwrap(), ifname: IfName::parse("eth0").unwrap() }
    }

    #[test]
    fn the_text_is_the_references() {
        assert_eq!(text_of(&attachment()), "c1\r\neth0");
    }

    #[test]
    fn white_space_does_not_count() {
        let key = |bytes: &[u8]| Claim::read(bytes).unwrap().key();
        assert_eq!(key(b"c1\r\neth0"), OwnerKey::exact(&attachment()));
        assert_eq!(key(b" c1\r\neth0\n"), OwnerKey::exact(&attachment()));
        assert_eq!(key(b"c1"), OwnerKey::container(&attachment().container_id));
        assert_eq!(key(b"c1\r\n"), OwnerKey::container(&attachment().container_id));
        assert_ne!(key(b"c1\r\neth1"), OwnerKey::exact(&attachment()));
    }

    /// plugins#498
    #[test]
    fn torn_files_belong_to_nobody() {
        for torn in [&b""[..], b"\r\n", b"  ", b"\0\0\0\0", b"c1\r\n\0\0\0\0"] {
            assert_eq!(Claim::read(torn), None, "{torn:?}");
        }
    }

    #[test]
    fn owners_are_shown_for_people() {
        assert_eq!(Claim::read(b"c1\r\neth0").unwrap().to_string(), "container c1, interface eth0");
        assert_eq!(Claim::read(b"c1").unwrap().to_string(), "container c1");
    }
}
