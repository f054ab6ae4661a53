//! Carries bytes between a client and a server through a layer, as plainly as can be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use squall_proxy::layer::{Act, Hit, Layer, Way};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Nothing waits as long.
const FAR: Duration = Duration::from_hours(1);

/// Listens on a port of its own until it is dropped.
pub(crate) struct Pump {
    pub(crate) address: SocketAddr,
    hits: Arc<Mutex<Vec<Hit>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pump {
    /// Every connection goes to this Unix socket through a layer of its own.
    pub(crate) fn start<L>(upstream: PathBuf, layer: L) -> Self
    where
        L: Fn(Option<IpAddr>) -> Box<dyn Layer> + Send + 'static,
    {
        let hits = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, address) = std::sync::mpsc::channel();
        let seen = Arc::clone(&hits);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let accept = async {
                    loop {
                        let (client, peer) = listener.accept().await.unwrap();
                        let server = UnixStream::connect(&upstream).await.unwrap();
                        tokio::spawn(connection(client, server, layer(Some(peer.ip())), Arc::clone(&seen)));
                    }
                };
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { address: address.recv().unwrap(), hits, stop: Some(stop), thread: Some(thread) }
    }

    /// What was hit so far: `WHAT: DONE`.
    pub(crate) fn hits(&self) -> Vec<String> {
        self.hits.lock().unwrap().iter().map(|hit| format!("{}: {}", hit.what, hit.done)).collect()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().unwrap().join();
    }
}

async fn connection(
    mut client: TcpStream,
    mut server: UnixStream,
    mut layer: Box<dyn Layer>,
    hits: Arc<Mutex<Vec<Hit>>>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
    let (mut up_open, mut down_open) = (true, true);
    while up_open || down_open {
        let mut acts = Vec::new();
        let wake = layer.wake_at().map(Instant::from_std);
        tokio::select! {
            read = client.read_buf(&mut up), if up_open && layer.wants(Way::Upstream) => {
                // A reset is an end here: the server is told one way or the other.
                up_open = read.is_ok_and(|read| read > 0);
                let now = Instant::now().into_std();
                if up_open {
                    layer.received(Way::Upstream, up.split().freeze(), now, &mut acts);
                } else {
                    layer.ended(Way::Upstream, now, &mut acts);
                }
            }
            read = server.read_buf(&mut down), if down_open && layer.wants(Way::Downstream) => {
                down_open = read.is_ok_and(|read| read > 0);
                let now = Instant::now().into_std();
                if down_open {
                    layer.received(Way::Downstream, down.split().freeze(), now, &mut acts);
                } else {
                    layer.ended(Way::Downstream, now, &mut acts);
                }
            }
            () = tokio::time::sleep_until(wake.unwrap_or_else(|| Instant::now() + FAR)), if wake.is_some() => {
                layer.woken(Instant::now().into_std(), &mut acts);
            }
        }
        for act in acts {
            match act {
                Act::Send(Way::Upstream, bytes) => server.write_all(&bytes).await?,
                Act::Send(Way::Downstream, bytes) => client.write_all(&bytes).await?,
                Act::End(Way::Upstream) => server.shutdown().await?,
                Act::End(Way::Downstream) => client.shutdown().await?,
                Act::Close => return Ok(()),
                Act::Reset => {
                    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
                    return Ok(());
                }
                Act::Hit(hit) => hits.lock().unwrap().push(hit),
            }
        }
    }
    Ok(())
}
