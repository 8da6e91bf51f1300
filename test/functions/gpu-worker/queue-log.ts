import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request as ask, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What somebody did with a message, and when. */
export interface QueueEvent {
  readonly who: string;
  readonly did: 'receive' | 'hide' | 'delete' | 'send';
  /** By `performance.now()` of this process: a receive's answer, and of all else when it was asked for. */
  readonly at: number;
  /** Its id; of one that is sent nobody knows it yet. */
  readonly message: string;
  readonly body: string;
  /** How long it is hidden from others, or held back. */
  readonly secs: number;
}

/** Requests and answers of SQS's JSON protocol, as far as they are looked at. */
interface QueueRequest {
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
  readonly Entries?: readonly { readonly MessageBody?: string; readonly DelaySeconds?: number }[];
}
interface QueueAnswer {
  readonly Messages?: readonly { readonly MessageId: string; readonly ReceiptHandle: string; readonly Body: string }[];
}

/** Stands between an emulator's queues and those who use them, and writes down who did what. */
export class QueueLog implements AsyncDisposable {
  readonly events: QueueEvent[] = [];
  readonly #emulator: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server = createServer((incoming, answer) => void this.#pass(incoming, answer));
  /** By their receipts. */
  readonly #messages = new Map<string, Pick<QueueEvent, 'message' | 'body'>>();
  readonly #cutOff = new Map<string, AbortController>();
  readonly #waiting = new Set<() => void>();

  private constructor(emulator: string) {
    this.#emulator = new URL(emulator);
  }

  static async start(emulator: string): Promise<QueueLog> {
    const log = new QueueLog(emulator);
    log.#server.listen(0, '127.0.0.1');
    await once(log.#server, 'listening');
    return log;
  }

  /** The emulator's endpoint for somebody of this name. */
  endpoint(who: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${who}`;
  }

  /** Nothing that they ask for from now on is done: they are gone. @returns when */
  cutOff(who: string): number {
    this.#cutOffOf(who).abort();
    return performance.now();
  }

  /** Resolves when this holds of the events. */
  async until(holds: (events: readonly QueueEvent[]) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (holds(this.events)) resolve();
    };
    this.#waiting.add(look);
    look();
    await promise;
    this.#waiting.delete(look);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const [, who = '', ...path] = (incoming.url ?? '').split('/');
    const action = String(incoming.headers['x-amz-target']).replace(/^.*\./, '');
    const at = performance.now();
    const gone = this.#cutOffOf(who).signal;
    try {
      const body = await buffer(incoming);
      gone.throwIfAborted();
      const hung = new AbortController();
      answer.on('close', () => hung.abort());
      // What else than a receive has been asked for is done, whoever has gone since.
      const signal = action === 'ReceiveMessage' ? AbortSignal.any([gone, hung.signal]) : undefined;
      const headers = { ...incoming.headers, host: this.#emulator.host };
      const asked = ask(new URL(`/${path.join('/')}`, this.#emulator), {
        method: incoming.method,
        headers,
        agent: this.#agent,
        ...(signal && { signal }),
      });
      asked.end(body);
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      const answered = await buffer(response);
      if (response.statusCode === 200)
        this.#note({ who, at }, action, [parse(body) as QueueRequest, parse(answered) as QueueAnswer]);
      answer.writeHead(response.statusCode ?? 500, response.headers).end(answered);
    } catch {
      answer.destroy();
    }
  }

  #note(by: Pick<QueueEvent, 'who' | 'at'>, action: string, [request, answer]: Exchange): void {
    const { ReceiptHandle = '', VisibilityTimeout: secs = Infinity, Entries = [] } = request;
    const message = this.#messages.get(ReceiptHandle) ?? { message: '', body: '' };
    if (action === 'ReceiveMessage')
      for (const { MessageId, ReceiptHandle, Body: body } of answer.Messages ?? []) {
        this.#messages.set(ReceiptHandle, { message: MessageId, body });
        this.events.push({ ...by, at: performance.now(), did: 'receive', message: MessageId, body, secs });
      }
    else if (action === 'ChangeMessageVisibility') this.events.push({ ...by, did: 'hide', ...message, secs });
    else if (action === 'DeleteMessage') this.events.push({ ...by, did: 'delete', ...message, secs: 0 });
    else if (action === 'SendMessageBatch')
      for (const { MessageBody: body = '', DelaySeconds: secs = 0 } of Entries)
        this.events.push({ ...by, did: 'send', message: '', body, secs });
    for (const look of this.#waiting) look();
  }

  #cutOffOf(who: string): AbortController {
    const controller = this.#cutOff.get(who) ?? new AbortController();
    this.#cutOff.set(who, controller);
    return controller;
  }
}

type Exchange = readonly [request: QueueRequest, answer: QueueAnswer];

function parse(json: Buffer): unknown {
  return json.length === 0 ? {} : JSON.parse(json.toString());
}
