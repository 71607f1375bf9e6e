use super::*;
use crate::spec::SpecVersion;

fn sample() -> CniResult {
    CniResult {
        interfaces: vec![Interface {
            name: "eth0".into(),
            sandbox: "/run/netns/x".into(),
            ..Interface::default()
        }],
        ips: vec![
            IpConfig {
                interface: Some(0),
                address: "10.1.2.3/24".parse().unwrap(),
                gateway: "10.1.2.1".parse().ok(),
            },
            IpConfig { interface: Some(0), address: "fd00::3/64".parse().unwrap(), gateway: None },
        ],
        routes: vec![Route { mtu: Some(1400), ..Route::new("0.0.0.0/0".parse().unwrap(), None) }],
        dns: Dns::default(),
    }
}

#[test]
fn every_version_reads_what_it_writes() {
    for version in SpecVersion::ALL {
        let text = sample().to_json(version);
        let read = CniResult::from_answer(text.as_bytes(), SpecVersion::V110).unwrap();
        let mut expected = sample();
        if version < SpecVersion::V030 {
            expected.interfaces.clear();
            expected.ips.iter_mut().for_each(|ip| ip.interface = None);
        }
        assert_eq!(read, expected, "{version}");
        assert_eq!(text.contains("\"version\""), (SpecVersion::V030..SpecVersion::V100).contains(&version));
    }
}

#[test]
fn bad_results_name_what_is_wrong() {
    let read = |text: &str| CniResult::from_answer(text.as_bytes(), SpecVersion::V110).unwrap_err().msg;
    assert!(read(r#"{"ips": [{"address": "10.1.2.3"}]}"#).contains("10.1.2.3"));
    assert!(read(r#"{"ips": [{}]}"#).contains("address"));
    assert!(read(r#"{"ips": [{"address": "10.1.2.3/33"}]}"#).contains("10.1.2.3/33"));
    assert!(read(r#"{"ips": [{"address": "10.1.2.3/24", "gateway": "fd00::1"}]}"#).contains("family"));
    assert!(read(r#"{"routes": [{"dst": "x"}]}"#).contains("dst"));
    assert!(read("garbage").contains("line 1"));
}
