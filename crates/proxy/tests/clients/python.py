"""The published API of toxiproxy-python against a server at HOST PORT (arguments), with a real echo behind it."""

import socket
import sys
import threading
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.utils import can_connect_to

toxiproxy = Toxiproxy()
toxiproxy.update_api_consumer(sys.argv[1], int(sys.argv[2]))

server = socket.create_server(("127.0.0.1", 0))
upstream = "127.0.0.1:%d" % server.getsockname()[1]


def echo(client):
    with client:
        while data := client.recv(4096):
            client.sendall(data)


def serve():
    while True:
        client, _ = server.accept()
        threading.Thread(target=echo, args=(client,), daemon=True).start()


threading.Thread(target=serve, daemon=True).start()


def raises(error, action):
    try:
        action()
    except error:
        return
    raise AssertionError("%s was not raised" % error.__name__)


def address(proxy):
    host, port = proxy.listen.split(":")
    return host, int(port)


assert toxiproxy.running() is True
assert b"version" in toxiproxy.version()
assert toxiproxy.proxies() == {}
assert toxiproxy.get_proxy("nobody") is None
assert toxiproxy.destroy("nobody") is False

proxy = toxiproxy.create(upstream=upstream, name="one")
assert (proxy.name, proxy.upstream, proxy.enabled) == ("one", upstream, True)
assert address(proxy)[1] > 0
raises(ProxyExists, lambda: toxiproxy.create(upstream=upstream, name="one"))
assert toxiproxy.get_proxy("one").listen == proxy.listen

proxy.disable()
assert proxy.enabled is False and can_connect_to(*address(proxy)) is False
assert toxiproxy.get_proxy("one").enabled is False
proxy.enable()
assert proxy.enabled is True and can_connect_to(*address(proxy)) is True
with proxy.down():
    assert can_connect_to(*address(proxy)) is False
assert can_connect_to(*address(proxy)) is True

proxy.add_toxic(type="latency", attributes={"latency": 200})
toxic = proxy.get_toxic("latency_downstream")
assert toxic.attributes["latency"] == 200 and toxic.attributes["jitter"] == 0
assert (toxic.toxicity, toxic.stream, toxic.type) == (1, "downstream", "latency")
with socket.create_connection(address(proxy)) as client:
    began = time.monotonic()
    client.sendall(b"hello")
    assert client.recv(5) == b"hello"
    assert time.monotonic() - began >= 0.2
proxy.add_toxic(type="bandwidth", stream="upstream", name="slow", toxicity=0.5, attributes={"rate": 100})
assert list(proxy.toxics()) == ["slow", "latency_downstream"]
raises(ProxyExists, lambda: proxy.add_toxic(type="latency"))
raises(InvalidToxic, lambda: proxy.add_toxic(type="nothing"))
raises(InvalidToxic, lambda: proxy.add_toxic(type="latency", stream="sideways", name="x"))
proxy.destroy_toxic("slow")
raises(NotFound, lambda: proxy.destroy_toxic("slow"))
assert list(proxy.toxics()) == ["latency_downstream"]

proxy.disable()
toxiproxy.reset()
assert proxy.toxics() == {} and can_connect_to(*address(proxy)) is True

free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
ports = [one.getsockname()[1] for one in free]
for one in free:
    one.close()
made = toxiproxy.populate([
    {"name": "many", "upstream": upstream, "listen": "127.0.0.1:%d" % ports[0]},
    {"name": "more", "upstream": upstream, "listen": "127.0.0.1:%d" % ports[1]},
])
assert [one.name for one in made] == ["many", "more"]
assert all(can_connect_to(*address(one)) for one in made)
assert proxy.destroy() is True
raises(NotFound, proxy.destroy)
toxiproxy.destroy_all()
assert toxiproxy.proxies() == {}
print("all of it")
