//! Certificates for servers with TLS.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::directory::Directory;

/// Where the authority's certificate, the server's, and its key are.
pub(super) const ROOT: &str = "root.pem";
pub(super) const SERVER: &str = "server.pem";
pub(super) const KEY: &str = "server.key";

/// The kind of certificate that a server shows. Its authority is one that was made for this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For `localhost` and 127.0.0.1.
    Valid,
    /// The same, but it was valid in 2020 only.
    Expired,
    /// Valid, for `elsewhere.example`.
    WrongHost,
}

/// A certificate with its key and its authority, as PEM.
#[derive(Clone)]
pub(super) struct Identity {
    root: String,
    server: String,
    key: String,
}

impl Identity {
    pub(super) fn new(kind: Certificate) -> Identity {
        let mut root = CertificateParams::new([]).unwrap();
        root.distinguished_name.push(DnType::CommonName, "authority of a doorward test");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();

        let names: &[&str] = match kind {
            Certificate::Valid | Certificate::Expired => &["localhost", "127.0.0.1"],
            Certificate::WrongHost => &["elsewhere.example"],
        };
        let mut server = CertificateParams::new(names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).unwrap();
        server.distinguished_name.push(DnType::CommonName, "server of a doorward test");
        // rustls takes no authority's certificate for a server's.
        server.is_ca = IsCa::ExplicitNoCa;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if kind == Certificate::Expired {
            server.not_before = date_time_ymd(2020, 1, 1);
            server.not_after = date_time_ymd(2020, 12, 31);
        }
        let key = KeyPair::generate().unwrap();
        let server = server.signed_by(&key, &root).unwrap();
        Identity { root: root.pem(), server: server.pem(), key: key.serialize_pem() }
    }

    pub(super) fn write(&self, directory: &Directory) {
        directory.write(ROOT, &self.root);
        directory.write(SERVER, &self.server);
        directory.write(KEY, &self.key);
    }
}
