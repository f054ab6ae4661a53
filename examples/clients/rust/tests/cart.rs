use redis::{Client, Commands as _};
use toxiproxy_rust::{TOXIPROXY, proxy::ProxyPack};

#[test]
fn a_redis_that_is_gone_is_an_error_until_it_is_back() {
    let pack = ProxyPack::new("rust".into(), "127.0.0.1:26381".into(), "127.0.0.1:6379".into());
    let proxy = TOXIPROXY.populate(vec![pack]).unwrap().remove(0);
    let redis = Client::open("redis://127.0.0.1:26381").unwrap();
    redis.get_connection().unwrap().set::<_, _, ()>("cart", "pear").unwrap();
    proxy.with_down(|| assert!(redis.get_connection().is_err())).unwrap();
    assert_eq!(redis.get_connection().unwrap().get::<_, String>("cart").unwrap(), "pear");
    proxy.delete().unwrap();
}
