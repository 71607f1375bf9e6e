use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Inner {
    subnet: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Outer {
    mtu: i64,
    is_gateway: bool,
    name: Option<String>,
    ranges: Vec<Vec<Inner>>,
    table: Option<u32>,
    scope: Option<u8>,
}

fn outer(text: &str) -> Result<(Outer, Vec<UnknownKey>), String> {
    read(&Json::parse(text.as_bytes())?)
}

#[test]
fn keys_fold_case_and_the_last_one_wins() {
    let (value, _) = outer(r#"{"MTU": 1, "mtu": 2, "Mtu": 3, "ISGATEWAY": true, "name": null}"#).unwrap();
    assert_eq!(value, Outer { mtu: 3, is_gateway: true, ..Outer::default() });
    assert_eq!(outer(r#"{"MTU": 1, "mtu": 2, "MTU": 3}"#).unwrap().0.mtu, 3);
    assert_eq!(outer(r#"{"mtu": 5, "MTU": null}"#).unwrap().0.mtu, 5);
}

#[test]
fn types_are_as_strict_as_in_go() {
    for (text, expected) in [
        (r#"{"mtu": "1500"}"#, r#""mtu" must be a whole number, not the string "1500""#),
        (r#"{"mtu": 1.5}"#, r#""mtu" must be a whole number, not the number 1.5"#),
        (r#"{"table": 1.5}"#, r#""table" must be a whole number from 0 to 4294967295, not the number 1.5"#),
        (r#"{"table": -1}"#, r#""table" must be a whole number from 0 to 4294967295, not the number -1"#),
        (r#"{"scope": 256}"#, r#""scope" must be a whole number from 0 to 255, not the number 256"#),
        (r#"{"scope": "0"}"#, r#""scope" must be a whole number, not the string "0""#),
        (r#"{"isGateway": 1}"#, r#""isGateway" must be true or false, not the number 1"#),
        (r#"{"name": true}"#, r#""name" must be a string, not true"#),
        (r#"{"ranges": [[{"subnet": 5}]]}"#, r#""ranges[0][0].subnet" must be a string, not the number 5"#),
        (r#"{"ranges": {}}"#, r#""ranges" must be a list, not an object"#),
        ("[]", "the text must be an object, not a list"),
    ] {
        assert_eq!(outer(text).unwrap_err(), expected);
    }
    assert!(outer(r#"{"mtu": 99999999999999999999}"#).is_err());
    assert_eq!(outer(r#"{"scope": 255, "table": 4294967295}"#).unwrap().0.table, Some(u32::MAX));
}

/// A file that was put in a key's place is not repeated.
#[test]
fn only_short_strings_are_repeated() {
    let error = |length| outer(&format!(r#"{{"mtu": "{}"}}"#, "ü".repeat(length))).unwrap_err();
    assert!(error(60).ends_with(&format!("not the string \"{}\"", "ü".repeat(60))));
    assert_eq!(error(61), r#""mtu" must be a whole number, not a string"#);
}

#[test]
fn unknown_keys_are_told_with_the_close_one() {
    let (_, unknown) =
        outer(r#"{"isGatway": true, "banana": 1, "ranges": [[{"subnet": "x", "subnett": 1}]]}"#).unwrap();
    let told: Vec<_> = unknown.iter().map(|u| (u.path.as_str(), u.close_to)).collect();
    let expected =
        [("isGatway", Some("isGateway")), ("banana", None), ("ranges[0][0].subnett", Some("subnet"))];
    assert_eq!(told, expected);
}

#[test]
fn bad_text_is_refused() {
    assert!(Json::parse(b"").is_err());
    assert!(Json::parse(b"{} {}").is_err());
    assert!(Json::parse(b"\xff").is_err());
    assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
}
