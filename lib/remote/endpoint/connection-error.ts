import type { Disposition } from '../../errors.ts';
import { EndpointError } from './endpoint-error.ts';

/** Codes of Node and OpenSSL for certificates and servers without TLS, with the problem and its solution. */
const TLS_PROBLEMS: readonly (readonly [code: RegExp, problem: string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired: renew it'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet: check the clock of this machine'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another host: use the host name that it was issued for'],
  [
    /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|^CERT_(UNTRUSTED|REJECTED|REVOKED|SIGNATURE_FAILURE)|INVALID_CA/,
    'no authority that this machine trusts has signed its certificate: name the file of its authority in NODE_EXTRA_CA_CERTS',
  ],
  [/^EPROTO$|^ERR_SSL_/, 'the TLS handshake failed: the address of a server without TLS needs http://'],
];

const CONNECTION_PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check its host and port, and that it has started',
  ENOTFOUND: 'its host has no address: check its spelling',
  EAI_AGAIN: "its host name can't be resolved now",
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the answer was complete',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  ETIMEDOUT: 'it did not accept the connection in time: check its host and port, and the firewalls',
  UND_ERR_CONNECT_TIMEOUT: 'it did not accept the connection in time: check its host and port, and the firewalls',
  EHOSTUNREACH: 'there is no route to its host from here',
  ENETUNREACH: 'there is no route to its host from here',
  // Node's fetch has these limits, even if the timeout of a request is longer.
  UND_ERR_HEADERS_TIMEOUT: 'it did not start to answer within 300 s',
  UND_ERR_BODY_TIMEOUT: 'it sent no part of its answer for 300 s',
};

/** Converts an error of fetch to an endpoint's error: no connection, or one that can't be trusted. */
export function connectionError(endpoint: string, thrown: unknown): EndpointError {
  const { name, code, message } = causeOf(thrown);
  // A parser's error contains what the server sent.
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

/** Returns the reason for fetch's `fetch failed` from its causes: the first that has a code, or else the last. */
function causeOf(thrown: unknown): Cause {
  let last: Cause = { name: '', code: '', message: '' };
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    last = { name: error.name, code, message: error.message };
    if (code !== '') break;
  }
  return last;
}
