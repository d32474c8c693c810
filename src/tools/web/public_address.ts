/**
 * Tells public IP addresses from others. Tools must not reach the others: this machine, its
 * networks, the metadata services of clouds, reserved addresses.
 */

import { BlockList, isIP } from "node:net";

/** IANA's special-purpose IPv4 networks. */
const special4 = subnets("ipv4", [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
]);

/** The only part of IPv6 that is allocated to public networks. */
const global6 = subnets("ipv6", ["2000::/3"]);

/** Exceptions in it: Teredo and other protocol addresses, ORCHID, documentation. */
const special6 = subnets("ipv6", ["2001::/23", "2001:db8::/32", "3fff::/20"]);

/** Networks whose addresses embed an IPv4 address, and the 16-bit group where it begins. */
const embeddings = [
  { network: subnets("ipv6", ["::ffff:0:0/96"]), group: 6 },
  { network: subnets("ipv6", ["64:ff9b::/96"]), group: 6 },
  { network: subnets("ipv6", ["2002::/16"]), group: 1 },
] as const;

/** Whether an IP address (without brackets) belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  const kind = isIP(address);
  if (kind === 4) return !special4.check(address, "ipv4");
  // A zone, as in fe80::1%eth0, refers to a network of this machine.
  if (kind !== 6 || address.includes("%")) return false;
  const groups = groupsOf(address);
  const canonical = groups.map((group) => group.toString(16)).join(":");
  const embedding = embeddings.find(({ network }) => network.check(canonical, "ipv6"));
  if (embedding) return !special4.check(embedded(groups, embedding.group), "ipv4");
  return global6.check(canonical, "ipv6") && !special6.check(canonical, "ipv6");
}

function subnets(family: "ipv4" | "ipv6", networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split("/");
    list.addSubnet(address!, Number(bits), family);
  }
  return list;
}

/** The eight groups of an IPv6 address in any notation. */
function groupsOf(address: string): readonly number[] {
  // The URL parser converts a dotted IPv4 part into groups.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = [], tail] = plain.split("::").map((part) => part ? part.split(":") : []);
  const zeros = tail ? new Array<string>(8 - head.length - tail.length).fill("0") : [];
  return [...head, ...zeros, ...(tail ?? [])].map((group) => parseInt(group, 16));
}

function embedded(groups: readonly number[], at: number): string {
  const [high, low] = [groups[at]!, groups[at + 1]!];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
