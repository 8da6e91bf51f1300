import type { Disposition } from '../../errors.ts';
import { EndpointError } from './endpoint-error.ts';

/** What Node and OpenSSL say of a certificate, or of a server that speaks no TLS, with what can be done about it. */
const TLS_PROBLEMS: readonly (readonly [code: RegExp, problem: string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired: renew it'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet: check the clock of this machine'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "its certificate is for another host: use the host's name that it was issued for"],
  [
    /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|^CERT_(UNTRUSTED|REJECTED|REVOKED|SIGNATURE_FAILURE)|INVALID_CA/,
    'its certificate is signed by nobody whom this machine trusts: name the file of its authority in NODE_EXTRA_CA_CERTS',
  ],
  [/^EPROTO$|^ERR_SSL_/, "the two can't agree on TLS: an address that speaks plain HTTP needs http://"],
];

const CONNECTION_PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check its host and port, and that it has started',
  ENOTFOUND: 'its host has no address: check how it is spelled',
  EAI_AGAIN: "its host's name can't be looked up now",
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the answer was complete',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  ETIMEDOUT: 'it does not take the connection: check its host and port, and what firewalls let through',
  UND_ERR_CONNECT_TIMEOUT: 'it does not take the connection: check its host and port, and what firewalls let through',
  EHOSTUNREACH: 'there is no way to its host from here',
  ENETUNREACH: 'there is no way to its host from here',
  // Node's fetch has these limits, whatever longer time a request may take.
  UND_ERR_HEADERS_TIMEOUT: 'it has not begun to answer after 300 s',
  UND_ERR_BODY_TIMEOUT: 'it has sent nothing of its answer for 300 s',
};

/** What fetch rejected with, as an endpoint's error: that there is no connection, or none that can be trusted. */
export function connectionError(endpoint: string, thrown: unknown): EndpointError {
  const { name, code, message } = causeOf(thrown);
  // A parser's error holds what the server sent.
  const because = name === 'HTTPParserError' ? {} : { cause: thrown };
  const [, tls] = TLS_PROBLEMS.find(([pattern]) => pattern.test(code)) ?? [];
  if (tls !== undefined) {
    const text = `${endpoint} can't be trusted, as ${tls} (${code})`;
    return new EndpointError(text, { ...because, name: 'EndpointTlsError', disposition: 'fatal' });
  }
  const unreachable = (problem: string, disposition: Disposition): EndpointError =>
    new EndpointError(`${endpoint} can't be reached: ${problem}`, {
      ...because,
      name: 'EndpointUnreachableError',
      disposition,
    });
  // https://fetch.spec.whatwg.org/#bad-port
  if (message === 'bad port') return unreachable('fetch does not allow its port: serve it at another', 'fatal');
  if (name === 'HTTPParserError') return unreachable('what answers there does not speak HTTP', 'retry');
  return unreachable(`${CONNECTION_PROBLEMS[code] ?? 'the connection failed'} (${code || 'no code'})`, 'retry');
}

interface Cause {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** fetch says `fetch failed`; why is in the causes below: the first that has a code, or else the last. */
function causeOf(thrown: unknown): Cause {
  let last: Cause = { name: '', code: '', message: '' };
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    last = { name: error.name, code, message: error.message };
    if (code !== '') break;
  }
  return last;
}
