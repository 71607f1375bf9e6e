//! Facts about packet filters of the calling thread's namespace: nftables, and iptables in both variants.

use serde_json::Value;

use super::command;

/// All facts; elements of sets sorted, handles and counters left out.
pub fn facts() -> Vec<String> {
    let mut facts = nftables();
    for (variant, programs) in [
        ("legacy", ["iptables-legacy-save", "ip6tables-legacy-save"]),
        ("nft", ["iptables-nft-save", "ip6tables-nft-save"]),
    ] {
        for (program, names) in programs.into_iter().zip(["ip_tables_names", "ip6_tables_names"]) {
            // The legacy tool is asked only where there is a legacy table: looking makes none this way.
            let path = format!("/proc/thread-self/net/{names}");
            let legacy_tables = std::fs::read_to_string(path).unwrap_or_default();
            let nft_tables =
                facts.iter().any(|fact| fact.contains("\"xt\"") || fact.starts_with("nft table ip"));
            let wanted = if variant == "legacy" { !legacy_tables.is_empty() } else { nft_tables };
            if wanted && let Some(text) = command::attempt(program, &[]) {
                facts.extend(saved(program, &text));
            }
        }
    }
    facts
}

fn nftables() -> Vec<String> {
    let Some(text) = command::attempt("nft", &["-j", "-s", "list", "ruleset"]) else { return Vec::new() };
    let mut facts = Vec::new();
    for object in text.json()["nftables"].as_array().into_iter().flatten() {
        let Some((kind, body)) = object.as_object().and_then(|o| o.iter().next()) else { continue };
        // iptables-save tells what is in its own tables, and in words.
        if kind == "metainfo"
            || kind == "rule"
                && matches!(body["family"].as_str(), Some("ip" | "ip6"))
                && body["table"] == "nat"
        {
            continue;
        }
        let mut body = body.clone();
        let elements = body.as_object_mut().and_then(|b| {
            b.remove("handle");
            b.remove("elem")
        });
        let place = format!(
            "nft {kind} {} {}",
            body["family"].as_str().unwrap_or_default(),
            body["table"].as_str().or(body["name"].as_str()).unwrap_or_default()
        );
        facts.push(format!("{place} {body}"));
        let set = body["name"].as_str().unwrap_or_default();
        let mut elements: Vec<String> =
            elements.as_ref().and_then(Value::as_array).into_iter().flatten().map(Value::to_string).collect();
        elements.sort();
        facts.extend(elements.into_iter().map(|e| format!("nft element {set} {e}")));
    }
    facts
}

/// Lines of an `iptables-save`, each with its table, without comments and counters.
fn saved(program: &str, text: &str) -> Vec<String> {
    let program = program.trim_end_matches("-save");
    let mut table = "";
    let mut facts = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if !line.starts_with('#') && line != "COMMIT" && !line.is_empty() {
            let line = line.split(" [").next().unwrap_or(line);
            facts.push(format!("{program} {table} {line}"));
        }
    }
    facts
}
