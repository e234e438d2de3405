//! Files for the tests of the configuration: copies of the shipped ones, and certificates made for the occasion.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use vestibule::config;
use vestibule::content_types::{CacheLimits, CapabilitiesCache, ContentTypesPolicy, Rules, vocabulary_of};
use vestibule::framing::Vocabulary;

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shipped `config/` and `policies/`, with the certificates and the folder that the configuration names.
pub fn shipped() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("config"), &folder.path().join("config"));
    copy(&root().join("policies"), &folder.path().join("policies"));
    make_certificates(&folder.path().join("config/tls"));
    fs::create_dir(folder.path().join("audit")).unwrap();
    folder
}

/// A folder's files that are YAML.
pub fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

/// A content-types policy with its dialect. `path` starts at the repository.
pub fn content_types(path: &str) -> ContentTypesPolicy {
    let (policy, _) = config::load_content_types(&root().join(path)).unwrap().value;
    policy
}

/// The policy, ready for sessions, and the gate's table that goes with it. Nothing is known of capabilities.
pub fn content_rules(policy: ContentTypesPolicy) -> (Arc<Rules>, Arc<Vocabulary>) {
    let vocabulary = vocabulary_of(&policy.dialect);
    let capabilities = CapabilitiesCache::new(CacheLimits { entries: 8, bytes: 1 << 16 });
    (Arc::new(Rules::new(policy, &vocabulary, Arc::new(capabilities))), Arc::new(vocabulary))
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `chain.pem` with `key.pem`; another pair, one whose time is over, and one of which ten days are left; the key again as a
/// file that all can read; PEM with nothing to be read in it, in the place of a certificate and of a key; and ticket keys, one
/// of which all can read.
pub fn make_certificates(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let key = make_certificate(folder, "", year(4000));
    make_certificate(folder, "other-", year(4000));
    make_certificate(folder, "expired-", year(2001));
    make_certificate(folder, "ending-", SystemTime::now() + Duration::from_secs(10 * 86_400));
    write(&folder.join("open-key.pem"), &key, 0o644);
    write(&folder.join("garbage.pem"), &garbage("CERTIFICATE"), 0o644);
    write(&folder.join("garbage-key.pem"), &garbage("PRIVATE KEY"), 0o600);
    write(&folder.join("ticket-1.key"), &"1".repeat(48), 0o600);
    write(&folder.join("open-ticket.key"), &"2".repeat(48), 0o644);
}

fn garbage(label: &str) -> String {
    format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
}

fn year(year: i32) -> SystemTime {
    rcgen::date_time_ymd(year, 1, 1).into()
}

/// Valid from the year 2000 to `until`. Returns the key.
fn make_certificate(folder: &Path, prefix: &str, until: SystemTime) -> String {
    let names = ["interop.provider.example".to_owned(), "other.example".to_owned()];
    let mut parameters = rcgen::CertificateParams::new(names).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
    parameters.not_after = until.into();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    write(&folder.join(format!("{prefix}chain.pem")), &certificate.pem(), 0o644);
    write(&folder.join(format!("{prefix}key.pem")), &key.serialize_pem(), 0o600);
    key.serialize_pem()
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
