import assert from "node:assert/strict";
import { join } from "node:path";
import { ServiceManager } from "../../src/platform/service_manager.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { AdapterClient } from "../support/adapter/client.ts";
import { NotifyListener } from "../support/process/notify_listener.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "a supervised gateway reports when it is ready, alive and stopping",
  ignore,
  async fn() {
    await using folder = new TempFolder();
    await using manager = new NotifyListener(join(folder.path, "notify"));
    await using gateway = await GatewayProcess.start({
      env: { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: "200000" },
    });
    const ready = await manager.waitForLine("READY=1");
    assert.match(ready, new RegExp(`^STATUS=Listening on ${gateway.url.slice(5)}$`, "m"));
    await manager.waitForLine("WATCHDOG=1");
    await manager.waitForLine("WATCHDOG=1", { from: manager.messages.items.length });
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
    const stopping = await manager.waitForLine("STOPPING=1");
    assert.match(stopping, /^EXTEND_TIMEOUT_USEC=10000000$/m);
    assert.equal(manager.messages.items.filter((text) => text.includes("READY=1")).length, 1);
  },
});

Deno.test({
  name: "the socket may be abstract, and a watchdog for another process is ignored",
  ignore,
  async fn() {
    await using manager = new NotifyListener(`@clara-test-${crypto.randomUUID()}`);
    await using gateway = await GatewayProcess.start({
      env: { NOTIFY_SOCKET: manager.name, WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" },
    });
    await manager.waitForLine("READY=1");
    // This takes at least ten times the watchdog's limit.
    await using adapter = await AdapterClient.connect({ url: gateway.url });
    for (let turn = 0; turn < 10; turn++) await adapter.replyTo(adapter.say(`message ${turn}`));
    await gateway.kill("SIGTERM");
    await manager.waitForLine("STOPPING=1");
    assert.ok(!manager.messages.items.some((text) => text.includes("WATCHDOG")));
  },
});

Deno.test({
  name: "the watchdog is not pinged while the store does not answer",
  ignore,
  async fn() {
    await using folder = new TempFolder();
    await using listener = new NotifyListener(join(folder.path, "notify"));
    using manager = new ServiceManager({ notifySocket: listener.name, watchdogMs: 40 });
    let found: string | undefined = "the store does not answer";
    manager.watch(() => Promise.resolve(found));
    await listener.waitForLine("STATUS=Skipping watchdog ping: the store does not answer");
    assert.ok(!listener.messages.items.some((text) => text.includes("WATCHDOG=1")));
    found = undefined;
    await listener.waitForLine("WATCHDOG=1");
  },
});

Deno.test({
  name: "a reload is reported with its start time",
  ignore,
  async fn() {
    await using folder = new TempFolder();
    await using listener = new NotifyListener(join(folder.path, "notify"));
    using manager = new ServiceManager({ notifySocket: listener.name });
    const uptimeUsec = () => Deno.osUptime() * 1e6;
    const before = uptimeUsec();
    manager.reloading();
    const message = await listener.waitForLine("RELOADING=1");
    const usec = Number(/^MONOTONIC_USEC=(\d+)$/m.exec(message)![1]);
    // The uptime has whole seconds only, and a container may have its own.
    assert.ok(Number.isSafeInteger(usec) && usec > 0, `${usec}, uptime ${before}`);
    manager.reloading();
    const later = await listener.waitForLine(/^MONOTONIC_USEC=/, { from: 1 });
    assert.ok(Number(/MONOTONIC_USEC=(\d+)/.exec(later)![1]) > usec);
  },
});

Deno.test({
  name: "the time limit of a stop is extended repeatedly, but not forever",
  ignore,
  async fn() {
    await using folder = new TempFolder();
    await using listener = new NotifyListener(join(folder.path, "notify"));
    using manager = new ServiceManager({ notifySocket: listener.name }, { extendMs: 20 });
    manager.stopping({ longestMs: 90 });
    await listener.waitForLine("STOPPING=1");
    await listener.waitForLine("EXTEND_TIMEOUT_USEC=40000", { from: 1 });
    await listener.waitForLine("EXTEND_TIMEOUT_USEC=40000", { from: 2 });
    // By then the longest time has passed.
    using other = new ServiceManager({ notifySocket: listener.name, watchdogMs: 600 });
    other.watch(() => Promise.resolve(undefined));
    await listener.waitForLine("WATCHDOG=1");
    assert.ok(listener.messages.items.length <= 6, listener.messages.items.join("; "));
  },
});

Deno.test("without a service manager nothing is sent, and an invalid socket is harmless", () => {
  for (const notifySocket of [undefined, "vsock:2:1234", "relative/path", "/no/such/socket"]) {
    using manager = new ServiceManager({ notifySocket, watchdogMs: 50 });
    manager.ready("up");
    manager.reloading();
    manager.stopping({ longestMs: 1000 });
  }
});
