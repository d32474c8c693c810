import assert from "node:assert/strict";
import { isPublicAddress } from "../../../src/tools/web/public_address.ts";

function assertAll(expected: boolean, addresses: readonly string[]): void {
  for (const address of addresses) {
    assert.equal(isPublicAddress(address), expected, address);
  }
}

Deno.test("loopback and private addresses are not public", () => {
  assertAll(false, [
    ...["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1"],
    ...["127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    ...["::", "::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1"],
  ]);
});

Deno.test("reserved, multicast and documentation addresses are not public", () => {
  assertAll(false, [
    ...["192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"],
    ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
    ...["ff02::1", "100::1", "2001::1", "2001:db8::1", "3fff::1", "4000::1", "64:ff9b:1::1"],
  ]);
});

Deno.test("an IPv6 address that embeds a private IPv4 address is not public", () => {
  assertAll(false, [
    ...["::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:10.0.0.1", "::FFFF:A9FE:A9FE"],
    ...["64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "2002:7f00:1::", "2002:c0a8:101::1"],
    ...["::127.0.0.1", "::7f00:1"],
  ]);
});

Deno.test("text that is not an address is not public", () => {
  assertAll(false, ["", "localhost", "1.2.3", "1.2.3.4.5", "0x7f000001", "2130706433", "[::1]"]);
});

Deno.test("internet addresses are public in any notation", () => {
  assertAll(true, [
    ...["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"],
    ...["192.167.255.255", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1"],
    ...["2600::", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
    "2606:4700:4700:0000:0000:0000:0000:1111",
  ]);
});
