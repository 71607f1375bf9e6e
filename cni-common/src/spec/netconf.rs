//! The keys of a network configuration that every plugin has.

use serde::Deserialize;

use super::json::{self, Json, UnknownKey};
use super::{CniError, CniResult, ContainerId, Dns, IfName, NetworkName, SpecVersion};

/// An attachment, as GC lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attachment {
    /// The container.
    pub container_id: ContainerId,
    /// The interface in it.
    pub ifname: IfName,
}

/// What GC was told about living attachments (specification 1.1, section GC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidAttachments {
    /// No list: `null` or no key. CRI-O sends this for networks that others use (cni#1086), so only
    /// what is provably dead may go.
    Unknown,
    /// The runtime's word: everything of this network beyond these goes. May be empty.
    Only(Vec<Attachment>),
}

/// The configuration on stdin: the parsed text and the common keys.
#[derive(Clone, Debug)]
pub struct NetConf {
    /// `cniVersion`
    pub version: SpecVersion,
    /// `name`
    pub name: NetworkName,
    /// The whole text, for the plugin's own keys.
    pub json: Json,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Common {
    cni_version: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAttachment {
    #[serde(rename = "containerID")]
    container_id: String,
    ifname: String,
}

impl NetConf {
    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// Code 6 when it is not a JSON object, 7 for a bad `name`, 1 for an unknown `cniVersion`.
    pub fn parse(stdin: &[u8]) -> Result<Self, CniError> {
        let json = Json::parse(stdin).map_err(|why| {
            CniError::decoding(format!("the network configuration on stdin is not valid JSON: {why}"))
        })?;
        let (common, _): (Common, _) = json::read(&json).map_err(CniError::decoding)?;
        let name = NetworkName::parse(&common.name)?;
        let version = SpecVersion::parse(&common.cni_version)?;
        Ok(NetConf { version, name, json })
    }

    /// The plugin's own keys, and the keys that neither it nor the specification knows.
    ///
    /// # Errors
    /// Code 6, naming the key and what it must be.
    pub fn keys<T: serde::de::DeserializeOwned>(&self) -> Result<(T, Vec<UnknownKey>), CniError> {
        json::read(&self.json).map_err(CniError::decoding)
    }

    /// `prevResult`, in the form that the configuration's version has.
    ///
    /// # Errors
    /// Code 6 when it is not a result.
    pub fn prev_result(&self) -> Result<Option<CniResult>, CniError> {
        match self.json.get("prevResult") {
            None | Some(Json::Null) => Ok(None),
            Some(json) => CniResult::read(json, self.version)
                .map(Some)
                .map_err(|e| CniError { msg: format!("prevResult: {}", e.msg), ..e }),
        }
    }

    /// The list that GC carries, under either of its two names (`cni.dev/valid-attachments`, which the
    /// specification and libcni use, and `cni.dev/attachments`, which both have used too: cni#1103).
    ///
    /// # Errors
    /// Code 6 when it is not a list of attachments, 4 or 7 when an entry has a bad name.
    pub fn valid_attachments(&self) -> Result<ValidAttachments, CniError> {
        let list = ["cni.dev/valid-attachments", "cni.dev/attachments"]
            .into_iter()
            .filter_map(|key| self.json.get(key).map(|value| (key, value)))
            .find(|(_, value)| **value != Json::Null);
        let Some((key, value)) = list else { return Ok(ValidAttachments::Unknown) };
        let (raw, _): (Vec<RawAttachment>, _) =
            json::read(value).map_err(|why| CniError::decoding(format!("\"{key}\": {why}")))?;
        let parse = |raw: RawAttachment| {
            Ok(Attachment {
                container_id: ContainerId::parse(&raw.container_id)?,
                ifname: IfName::from_key(key, &raw.ifname)?,
            })
        };
        raw.into_iter().map(parse).collect::<Result<_, CniError>>().map(ValidAttachments::Only)
    }

    /// `dns` of the configuration.
    ///
    /// # Errors
    /// Code 6.
    pub fn dns(&self) -> Result<Option<Dns>, CniError> {
        match self.json.get("dns") {
            None | Some(Json::Null) => Ok(None),
            Some(json) => {
                let (dns, _) =
                    json::read(json).map_err(|why| CniError::decoding(format!("\"dns\": {why}")))?;
                Ok(Some(dns))
            }
        }
    }
}
