import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the server says to one request; predictions are twice the instances where nothing else is said. */
export interface Reply {
  readonly status?: number;
  readonly retryAfterSecs?: number;
  /** One for each instance; an object is the failure of that one. */
  readonly predictions?: readonly unknown[];
}

export interface AnsweringServer extends AsyncDisposable {
  /** Resolved once a client has closed a request that was not answered. */
  readonly gone: Promise<void>;
  readonly url: string;
  /** The instances of each request, in the order in which they came. */
  readonly requests: readonly (readonly number[])[];
  /** How often each instance was answered with a prediction. */
  readonly answers: ReadonlyMap<number, number>;
  /** Decides what is said from now on. */
  reply: (instances: readonly number[]) => Reply | Promise<Reply>;
  /** Resolves when so many requests have come in all. */
  readonly received: (requests: number) => Promise<void>;
}

/** A model behind HTTP: `{ "instances": [1, 2] }` is answered with `{ "predictions": [2, 4] }`. */
export async function startAnsweringServer(): Promise<AnsweringServer> {
  const requests: (readonly number[])[] = [];
  const answers = new Map<number, number>();
  const waiting: { readonly requests: number; readonly resolve: () => void }[] = [];
  const gone = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) gone.resolve();
    });
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { instances } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly instances: readonly number[] };
      requests.push(instances);
      for (const { requests: least, resolve } of waiting) if (requests.length >= least) resolve();
      const { status = 200, retryAfterSecs, predictions } = await it.reply(instances);
      const given = predictions ?? instances.map((instance) => instance * 2);
      if (status === 200 && !response.destroyed) {
        instances.forEach((instance, index) => {
          if (typeof given[index] === 'number') answers.set(instance, (answers.get(instance) ?? 0) + 1);
        });
      }
      response.writeHead(status, retryAfterSecs === undefined ? {} : { 'retry-after': String(retryAfterSecs) });
      response.end(JSON.stringify(status === 200 ? { predictions: given } : { error: `status ${status}` }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const it: AnsweringServer = {
    url: `http://127.0.0.1:${port}/`,
    gone: gone.promise,
    requests,
    answers,
    reply: () => ({}),
    received: (least) =>
      new Promise((resolve) => {
        waiting.push({ requests: least, resolve });
        if (requests.length >= least) resolve();
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return it;
}
