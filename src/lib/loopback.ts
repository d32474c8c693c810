/** Which hosts are this machine itself. Used by the start and by the command line. */

/** Whether a host, as settings and URLs name it, is reached by the loopback interface. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/.test(host);
}
