//! A layer between real sockets.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use squall_proxy::layer::{Act, Layer, Way};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Where the server is.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A proxy that lives as long as its handle.
pub(crate) struct Pump {
    pub(crate) address: SocketAddr,
    hits: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pump {
    /// Listens, and puts a layer of its own on each connection.
    pub(crate) async fn new(upstream: Upstream, layer: impl Fn() -> Box<dyn Layer> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hits = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&hits);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).unwrap();
                let (layer, seen, upstream) = (layer(), Arc::clone(&seen), upstream.clone());
                connections.spawn(async move {
                    match upstream {
                        Upstream::Tcp(address) => {
                            let server = TcpStream::connect(address).await.unwrap();
                            server.set_nodelay(true).unwrap();
                            carry(layer, client, server, &seen).await;
                        }
                        Upstream::Unix(path) => {
                            carry(layer, client, UnixStream::connect(path).await.unwrap(), &seen).await;
                        }
                    }
                });
            }
        });
        Self { address, hits, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn hits(&self) -> Vec<String> {
        self.hits.lock().unwrap().clone()
    }
}

async fn carry(
    mut layer: Box<dyn Layer>,
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite + Send + 'static,
    hits: &Mutex<Vec<String>>,
) {
    let (mut server_read, mut server_write) = tokio::io::split(server);
    let (mut client_read, mut client_write) = client.into_split();
    let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
    let (mut up_open, mut down_open) = (true, true);
    while up_open || down_open {
        let wake = layer.wake_at().map(tokio::time::Instant::from_std);
        let (wants_up, wants_down) = (layer.wants(Way::Upstream), layer.wants(Way::Downstream));
        let event = tokio::select! {
            read = client_read.read_buf(&mut up), if up_open && wants_up => Some((Way::Upstream, read.unwrap_or(0))),
            read = server_read.read_buf(&mut down), if down_open && wants_down => {
                Some((Way::Downstream, read.unwrap_or(0)))
            }
            () = tokio::time::sleep_until(wake.unwrap_or_else(tokio::time::Instant::now)), if wake.is_some() => None,
        };
        let now = tokio::time::Instant::now().into_std();
        let mut acts = Vec::new();
        match event {
            None => layer.woken(now, &mut acts),
            Some((way, 0)) => {
                match way {
                    Way::Upstream => up_open = false,
                    Way::Downstream => down_open = false,
                }
                layer.ended(way, now, &mut acts);
            }
            Some((Way::Upstream, _)) => layer.received(Way::Upstream, up.split().freeze(), now, &mut acts),
            Some((Way::Downstream, _)) => {
                layer.received(Way::Downstream, down.split().freeze(), now, &mut acts);
            }
        }
        for act in acts {
            let sent = match act {
                Act::Send(Way::Upstream, bytes) => server_write.write_all(&bytes).await,
                Act::Send(Way::Downstream, bytes) => client_write.write_all(&bytes).await,
                Act::End(Way::Upstream) => server_write.shutdown().await,
                Act::End(Way::Downstream) => client_write.shutdown().await,
                Act::Hit(hit) => {
                    hits.lock().unwrap().push(format!("{}: {}", hit.what, hit.done));
                    Ok(())
                }
                Act::Close => return,
                Act::Reset => {
                    let client = client_read.reunite(client_write).unwrap();
                    client.set_zero_linger().unwrap();
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }
}
