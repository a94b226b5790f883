//! A port that refuses connections until it is opened, and then leads to a real service, until it is frozen.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// A closed gate: the port is held, so that nobody else gets it, and every connection is refused.
#[derive(Debug)]
pub struct Gate {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Gate {
    /// A gate on a free loopback port.
    #[must_use]
    pub fn closed() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be had");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port can be had");
        let address = socket.local_addr().expect("a bound socket has an address");
        Self { socket, address }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Lets everybody through to `to` until the result is dropped.
    #[must_use]
    pub fn open(self, to: &str) -> JoinSet<()> {
        let listener = self.socket.listen(64).expect("a bound socket can listen");
        let mut open = JoinSet::new();
        open.spawn(forward(listener, to.to_owned()));
        open
    }

    /// As [`Gate::open`], but while `is_frozen` says so nothing gets through: connections stay and are silent, as those of a
    /// process that was stopped.
    #[must_use]
    pub fn open_until_frozen(self, to: &str, is_frozen: watch::Receiver<bool>) -> JoinSet<()> {
        let listener = self.socket.listen(64).expect("a bound socket can listen");
        let mut open = JoinSet::new();
        let to = to.to_owned();
        open.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&to).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                connections.spawn(pass(near_in, far_out, is_frozen.clone()));
                connections.spawn(pass(far_in, near_out, is_frozen.clone()));
            }
        });
        open
    }
}

/// One direction, until it ends or breaks.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_frozen: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        let thawed = is_frozen.wait_for(|is_frozen| !is_frozen).await.is_ok();
        if read == 0 || !thawed || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

async fn forward(listener: TcpListener, to: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let to = to.clone();
        connections.spawn(async move {
            if let Ok(mut far) = TcpStream::connect(to).await {
                // A connection that breaks is the services' business.
                drop(copy_bidirectional(&mut near, &mut far).await);
            }
        });
    }
}
