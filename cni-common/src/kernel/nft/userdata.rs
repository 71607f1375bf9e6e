//! Comments: user data that the kernel keeps with an object, in the form of libnftnl (udata.h): one byte
//! of type, one of length, the value. The value of a comment ends with a zero byte.

/// `NFTNL_UDATA_RULE_COMMENT`, `..._SET_ELEM_COMMENT`, `..._TABLE_COMMENT`, `..._CHAIN_COMMENT`
const COMMENT: u8 = 0;
/// `NFTNL_UDATA_SET_KEYBYTEORDER`
const SET_BYTE_ORDER: u8 = 0;
/// `NFTNL_UDATA_SET_COMMENT`
const SET_COMMENT: u8 = 7;
/// What `nft -f` reads back at most (`NFTNL_UDATA_COMMENT_MAXLEN`), and it has no escapes.
const MAX: usize = 128;

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    let value = value.get(..usize::from(length)).unwrap_or_default();
    [&[kind, length], value].concat()
}

/// The text as `nft` can print and read it: cut, without quotes and control characters.
fn text(text: &str) -> Vec<u8> {
    let clean = text.chars().map(|c| if c == '"' || c == '\\' || c.is_control() { '?' } else { c });
    let mut bytes = String::new();
    for c in clean {
        if bytes.len() + c.len_utf8() > MAX {
            break;
        }
        bytes.push(c);
    }
    let mut bytes = bytes.into_bytes();
    bytes.push(0);
    bytes
}

/// The comment of a table, chain, rule or element.
pub(super) fn comment(comment: &str) -> Vec<u8> {
    field(COMMENT, &text(comment))
}

/// What `nft` notes with a set, in the host's byte order: else it prints some elements backwards.
pub(super) fn set(byte_order: u32, comment: &str) -> Vec<u8> {
    [field(SET_BYTE_ORDER, &byte_order.to_ne_bytes()), field(SET_COMMENT, &text(comment))].concat()
}

/// Reads the comment of a table, chain, rule or element.
pub(super) fn parse_comment(mut bytes: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = bytes {
        let (value, next) = rest.split_at_checked(usize::from(*length))?;
        if *kind == COMMENT {
            return c_string(value);
        }
        bytes = next;
    }
    None
}

/// The bytes before the first zero.
pub(super) fn c_string(bytes: &[u8]) -> Option<String> {
    bytes.split(|byte| *byte == 0).next().map(|text| String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_cut_and_cleaned() {
        assert_eq!(parse_comment(&comment("tag a/eth0")).as_deref(), Some("tag a/eth0"));
        assert_eq!(parse_comment(&comment("a\"b\\c\nd")).as_deref(), Some("a?b?c?d"));
        let long = "ä".repeat(100);
        assert_eq!(parse_comment(&comment(&long)).unwrap(), "ä".repeat(64));
    }

    #[test]
    fn other_fields_are_passed_over() {
        let bytes = [field(1, b"xyz"), comment("mine")].concat();
        assert_eq!(parse_comment(&bytes).as_deref(), Some("mine"));
        for broken in [&[][..], &[0], &[0, 9, 1], &[1, 0], &[1, 1]] {
            assert_eq!(parse_comment(broken), None, "{broken:?}");
        }
    }
}
