//! TLS, with a certificate that may be replaced while the server runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, crypto::CryptoProvider};

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate with its key, in PEM.
///
/// The files are looked at every second; once both are new and fit each other, connections from
/// then on get them. Until then, and if they do not fit, the old ones stay in use.
#[derive(Clone)]
pub struct Tls {
    keys: Arc<Keys>,
    config: Arc<ServerConfig>,
}

struct Keys {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// What the files were that are in use, and whether newer ones could not be used.
    seen: Mutex<([Stamp; 2], bool)>,
}

/// When a file was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

/// Shows where the files are.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.keys, f)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish()
    }
}

fn named(path: &Path, error: impl fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn load(certificate: &Path, key: &Path) -> io::Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|e| named(certificate, e))?;
    let chain = chain
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| named(certificate, error))?;
    if chain.is_empty() {
        return Err(named(certificate, "there is no certificate in it"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, error))?;
    CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| named(key, error))
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

fn stamp(path: &Path) -> Stamp {
    let meta = path.metadata().ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

impl Keys {
    fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.certificate), stamp(&self.key)]
    }

    /// Takes new files up.
    fn renew(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.stamps();
        if seen.0 == now {
            return;
        }
        match load(&self.certificate, &self.key) {
            Ok(new) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(new);
                *seen = (now, false);
                tracing::info!("the certificate was replaced");
            }
            // They may be in the middle of being replaced.
            Err(error) if !seen.1 => {
                seen.1 = true;
                tracing::error!(%error, "the new certificate cannot be used yet");
            }
            Err(_) => {}
        }
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl Tls {
    /// Reads a certificate with what leads to its authority, and its key.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or they do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> io::Result<Tls> {
        let seen = [stamp(certificate), stamp(key)];
        let keys = Arc::new(Keys {
            current: RwLock::new(Arc::new(load(certificate, key)?)),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            seen: Mutex::new((seen, false)),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&keys) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            keys,
            config: Arc::new(config),
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Looks after the files for ever.
    pub(super) async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let keys = Arc::clone(&self.keys);
            let _ = tokio::task::spawn_blocking(move || keys.renew()).await;
        }
    }
}
