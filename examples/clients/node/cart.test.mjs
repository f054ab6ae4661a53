import assert from "node:assert/strict";
import test from "node:test";
import { createClient } from "redis";
import { Toxiproxy } from "toxiproxy-node-client";

test("a late answer is waited for", async () => {
  const toxiproxy = new Toxiproxy("http://127.0.0.1:8474");
  const proxy = await toxiproxy.createProxy({ name: "node", listen: "127.0.0.1:26380", upstream: "127.0.0.1:6379" });
  const cart = await createClient({ url: "redis://127.0.0.1:26380" }).connect();
  const attributes = { latency: 300, jitter: 0 };
  const slow = await proxy.addToxic({ name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes });
  const began = performance.now();
  assert.equal(await cart.ping(), "PONG");
  assert.ok(performance.now() - began >= 300);
  await slow.remove();
  cart.destroy();
  await proxy.remove();
});
