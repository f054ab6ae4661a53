import pytest
import redis
from toxiproxy import Toxiproxy


def test_a_replica_takes_no_writes():
    proxy = Toxiproxy().create(name="python", listen="127.0.0.1:26379", upstream="127.0.0.1:6379")
    proxy.add_toxic(name="failover", type="redis", attributes={"command": "set", "error": "readonly"})
    cart = redis.Redis(port=26379)
    with pytest.raises(redis.ReadOnlyError):
        cart.set("cart", "pear")
    assert cart.get("cart") is None
    proxy.destroy_toxic("failover")
    assert cart.set("cart", "pear")
    proxy.destroy()
