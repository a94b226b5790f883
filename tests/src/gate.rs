//! A port that refuses connections until it is opened, and then leads to a real service.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
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
