//! A connection to a service that can be cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// Listens on a port of its own and hands on to another address.
pub(crate) struct Proxy {
    pub(crate) address: String,
    is_cut: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Proxy {
    pub(crate) async fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (is_cut, cut) = (Arc::<AtomicBool>::default(), Arc::<Notify>::default());
        tokio::spawn(serve(listener, upstream.to_owned(), is_cut.clone(), cut.clone()));
        Self { address, is_cut, cut }
    }

    /// Breaks every connection and takes no new one.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.cut.notify_waiters();
    }

    pub(crate) fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

async fn serve(listener: TcpListener, upstream: String, is_cut: Arc<AtomicBool>, cut: Arc<Notify>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (upstream, cut) = (upstream.clone(), cut.clone());
        if is_cut.load(Ordering::SeqCst) {
            continue;
        }
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(&upstream).await else { return };
            tokio::select! {
                () = cut.notified() => {}
                _ = copy_bidirectional(&mut client, &mut server) => {}
            }
        });
    }
}
