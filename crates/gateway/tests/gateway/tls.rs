//! TLS, with the certificate of the testkit.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_rustls::TlsConnector;
use yabby_gateway::new_certificate;
use yabby_testkit::{Certificate, ModelServer};

use crate::{
    client::{OWNER, raw},
    scene::{CHAT, Scene, chain},
};

#[tokio::test]
async fn a_certificate_of_its_own_is_the_one_that_clients_see() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.pem");
    let made = new_certificate(&["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&file, made.expose()).unwrap();
    let tls = format!(r#"{{"gateway":{{"tls":{{"enabled":true,"certPath":{file:?},"keyPath":{file:?}}}}}}}"#);
    let scene = Scene::with_config(&tls).await;
    for name in ["localhost", "127.0.0.1"] {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(&file).unwrap();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(scene.at).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let connected = TlsConnector::from(Arc::new(client))
            .connect(name, stream)
            .await
            .unwrap();
        let seen = connected.get_ref().1.peer_certificates().unwrap();
        assert_eq!(seen, [certificate]);
    }
}

#[tokio::test]
async fn a_gateway_with_a_certificate_speaks_tls_and_nothing_else() {
    let server = ModelServer::start().await;
    let files = Certificate::files();
    let config = chain("openai-completions", &[server.base_url()]);
    let tls = format!(
        r#"{{"gateway":{{"tls":{{"enabled":true,"certPath":{:?},"keyPath":{:?}}}}},"#,
        files.certificate, files.key
    );
    let scene = Scene::with_config(&config.replacen('{', &tls, 1)).await;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&files.authority).unwrap())
        .unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let stream = TcpStream::connect(scene.at).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let body = r#"{"model":"a/m","stream":true}"#;
    let length = body.len();
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OWNER}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let _ = stream.read_to_end(&mut seen).await;
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.starts_with("HTTP/1.1 200 OK") && seen.contains("[DONE]"), "{seen}");
    let plain = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", scene.at);
    let answer = timeout(Duration::from_secs(5), raw(scene.at, plain.as_bytes()))
        .await
        .unwrap();
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
}
