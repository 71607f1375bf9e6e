use crate::harness::*;
use serde_json::json;
pub fn all() -> Vec<Test> { crate::node_tests![smoke] }
fn smoke(node: &Node) {
    let conf = json!({"cniVersion":"1.0.0","name":"n","type":"bridge","bridge":"br0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.88.0.0/24"}],[{"subnet":"fd00::/64"}]],"routes":[{"dst":"0.0.0.0/0"}]}});
    let pod = node.pod("a");
    let before=node.snapshot();
    let br = Side::Theirs.bridge();
    let r = br.added(&conf, &pod);
    eprintln!("{r}");
    let mut m = Mask::default();
    m.text(&r.to_string());
    eprintln!("{}", m.snapshot(&node.snapshot()));
    br.check(&conf,&r,&pod).ok();
    br.del(&conf,&pod).ok();
    before.assert_same(&node.snapshot(), "x");
}
