/** Values of settings as people write them: understood, or refused with the reason, never silently something else. */

import { homedir } from "node:os";

/**
 * A configured origin in the form in which browsers send it: `https://Chat.Example.com:443/` is
 * `https://chat.example.com`.
 *
 * @throws {Error} that says what is expected.
 */
export function parseOrigin(text: string): string {
  const expected = "expected an origin such as https://chat.example.com";
  // Pages without an origin of their own, such as local files.
  if (text === "null") return text;
  if (text === "*") throw new Error(`${expected}: pages of any origin cannot be allowed`);
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) throw new Error(expected);
  const { origin, protocol, host, pathname, search, hash, username } = new URL(text);
  if (!["", "/"].includes(pathname) || search || hash || username) {
    throw new Error(`${expected}: a browser never sends a path or a password with it`);
  }
  return origin === "null" ? `${protocol}//${host}` : origin;
}

/**
 * A path with `~` and `${HOME}` expanded, since only a shell does that: not a `.env` file, nor a service manager.
 *
 * @throws {Error} if another variable or another user's folder is named.
 */
export function parsePath(text: string): string {
  const path = text.replace(/^~(?=$|[/\\])/, homedir).replace(/^\$(?:HOME\b|\{HOME\})/, homedir);
  if (path.startsWith("~")) {
    throw new Error("folders of other users (~name) are not looked up; write the whole path");
  }
  if (/\$\{|^\$\w/.test(path)) throw new Error("only ~ and ${HOME} are expanded in a path");
  return path;
}

/**
 * A secret without the white space that files and shells add around it.
 *
 * @throws {Error} if it has a line break or another control character within.
 */
export function parseSecret(text: string): string {
  const secret = text.trim();
  if (/\p{Cc}/u.test(secret)) {
    throw new Error("it contains a line break or control character, which no header can carry");
  }
  return secret;
}

/** @throws {Error} if an HTTP header cannot carry a key, such as one with a typographic quote. */
export function assertHeaderValue(key: string): void {
  const [odd] = /[^\x21-\x7e]/u.exec(key) ?? [];
  if (odd === undefined) return;
  throw new Error(`it contains ${JSON.stringify(odd)}, which an HTTP header cannot carry`);
}

/** Kubernetes sets NAME_PORT=tcp://… in each pod for a Service called NAME; the operator did not write that. */
export function isServiceLink(value: string): boolean {
  return /^(?:tcp|udp|sctp):\/\/[\d.:[\]a-f]+$/i.test(value);
}

/** Other variables that Kubernetes and Docker links derive from a Service called `clara-gateway`. */
export const serviceLinkNames =
  /^CLARA_GATEWAY_(?:SERVICE_(?:HOST|PORT)(?:_.*)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

/**
 * The text of a `.env` file in which `#` begins a comment only after white space, as in a shell: a secret may contain
 * one.
 */
export function quoteHashes(text: string): string {
  return text.split("\n").map((line) => {
    const [, name, value] = /^(\s*(?:export\s+)?[\w.-]+\s*=[ \t]*)([^'"`\s#][^\r]*)/.exec(line) ??
      [];
    if (name === undefined || !value!.includes("#")) return line;
    const comment = value!.search(/\s#/);
    const bare = (comment < 0 ? value! : value!.slice(0, comment)).trim();
    if (!bare.includes("#")) return line;
    const quote = ["'", '"', "`"].find((mark) => !bare.includes(mark));
    return quote === undefined ? line : `${name}${quote}${bare}${quote}`;
  }).join("\n");
}
