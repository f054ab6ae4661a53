// The published API of toxiproxy-node-client against a server (the URL is the argument), with a real echo behind it.
const assert = require("node:assert/strict");
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const dial = (listen) => {
  const at = listen.lastIndexOf(":");
  return net.connect(Number(listen.slice(at + 1)), listen.slice(0, at));
};
const echoed = (listen) => new Promise((resolve, reject) => {
  const began = performance.now();
  const client = dial(listen);
  client.on("error", reject);
  client.on("close", () => reject(new Error("closed")));
  client.on("data", () => { resolve(performance.now() - began); client.destroy(); });
  client.write("hello");
});

const server = net.createServer((client) => { client.on("error", () => {}); client.pipe(client); });
server.listen(0, "127.0.0.1", async () => {
  const upstream = `127.0.0.1:${server.address().port}`;
  const toxiproxy = new Toxiproxy(process.argv[2]);
  assert.ok(JSON.parse(await toxiproxy.getVersion()).version.startsWith("2."));
  assert.deepEqual(await toxiproxy.getAll(), {});

  const proxy = await toxiproxy.createProxy({ name: "one", listen: "localhost:0", upstream });
  assert.equal(proxy.name, "one");
  assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]\d*$/);
  assert.equal(proxy.enabled, true);
  await assert.rejects(toxiproxy.createProxy({ name: "one", listen: "localhost:0", upstream }), /409/);
  await assert.rejects(toxiproxy.createProxy({ name: "two" }), /400/);
  assert.equal((await toxiproxy.get("one")).listen, proxy.listen);
  await assert.rejects(toxiproxy.get("nobody"), /404/);
  await echoed(proxy.listen);

  const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  assert.equal(off.enabled, false);
  await assert.rejects(echoed(proxy.listen), /ECONNREFUSED/);
  assert.equal((await proxy.update({ enabled: true })).enabled, true);

  const toxic = await proxy.addToxic({
    name: "slow", type: "latency", stream: "upstream", toxicity: 1.0, attributes: { latency: 200, jitter: 0 },
  });
  assert.deepEqual(toxic.toJson(), {
    name: "slow", type: "latency", stream: "upstream", toxicity: 1, attributes: { latency: 200, jitter: 0 },
  });
  assert.ok(await echoed(proxy.listen) >= 200);
  const changed = await toxic.update({ ...toxic.toJson(), attributes: { latency: 0 } });
  assert.deepEqual(changed.attributes, { latency: 0, jitter: 0 });
  assert.equal((await proxy.getToxic("slow")).stream, "upstream");
  await toxic.remove();
  await assert.rejects(proxy.getToxic("slow"), /404/);
  for (const [type, attributes] of Object.entries({
    bandwidth: { rate: 1000 }, slow_close: { delay: 1 }, timeout: { timeout: 1000 }, reset_peer: { timeout: 1000 },
    slicer: { average_size: 10, size_variation: 2, delay: 10 }, limit_data: { bytes: 1000 },
  })) {
    const made = await proxy.addToxic({ name: type, type, stream: "downstream", toxicity: 0, attributes });
    assert.deepEqual(made.attributes, attributes);
  }
  await echoed(proxy.listen);
  await toxiproxy.reset();
  await assert.rejects(proxy.getToxic("timeout"), /404/);

  const many = await toxiproxy.populate([
    { name: "one", listen: proxy.listen, upstream, enabled: true },
    { name: "two", listen: "localhost:0", upstream, enabled: true },
  ]);
  assert.deepEqual(Object.keys(many), ["one", "two"]);
  assert.equal(many.one.listen, proxy.listen);
  assert.deepEqual(Object.keys(await toxiproxy.getAll()).sort(), ["one", "two"]);
  await many.two.remove();
  await assert.rejects(toxiproxy.get("two"), /404/);
  console.log("all of it");
  process.exit(0);
});
