import { shownAddress } from './http-client.ts';

/** Hosts that are this machine. */
const LOCAL = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/;

/** Returns a warning for each endpoint that is sent secrets without encryption; none if it is on this machine. */
export function plainHttpWarnings(url: string, secrets: readonly unknown[]): readonly string[] {
  const parsed = URL.parse(url);
  if (secrets.length === 0 || parsed?.protocol !== 'http:' || LOCAL.test(parsed.hostname)) return [];
  return [`secrets are sent to ${shownAddress(url)} without encryption: change 'endpoint' to https://`];
}
