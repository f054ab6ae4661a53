//! A program with the proxy in it: serves the API at the address that is its argument.
#![allow(clippy::print_stdout, reason = "a program")]

use std::io;

use squall_proxy::{Server, Settings, api};

fn main() -> io::Result<()> {
    let at = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8474".into());
    let server = Server::start(&Settings::default())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(at).await?;
        println!("listening at http://{}", listener.local_addr()?);
        api::serve(listener, server).await
    })
}
