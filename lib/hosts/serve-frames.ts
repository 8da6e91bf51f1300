import { Socket } from 'node:net';
import { carryError } from '../errors.ts';
import type { EncodedBatch } from '../models/encoded-batch.ts';
import type { ModelHandler } from '../models/model-handler.ts';
import { bodyGroups, FrameReader, frameParts } from './frames.ts';
import { findHandler, type HostedModel, loadHostedModel } from './hosted-model.ts';
import type { FromHost, LoadFrame, RunFrame, ToHost } from './protocol.ts';

/**
 * The work of a model host: it reads frames from descriptor 3 and answers on 4. Standard output and error belong to the
 * handler.
 */
const INPUT_FD = 3;
const OUTPUT_FD = 4;
const READ_BUFFER_BYTES = 1024 * 1024;

const output = new Socket({ fd: OUTPUT_FD, readable: false, writable: true });
output.on('error', () => process.kill(process.pid, 'SIGKILL'));
let handler: Promise<ModelHandler> | undefined;
let model: HostedModel | undefined;
let work: Promise<void> = Promise.resolve();
let freeBody: Uint8Array | undefined;

const reader = new FrameReader<ToHost>({
  onFrame: (frame, body) => {
    work = work.then(() => handle(frame, body));
  },
  allocate: (bytes) => {
    const body = freeBody !== undefined && freeBody.byteLength >= bytes ? freeBody : new Uint8Array(bytes);
    freeBody = undefined;
    return body;
  },
});

const input = new Socket({
  fd: INPUT_FD,
  readable: true,
  writable: false,
  onread: {
    buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
    callback: (length, buffer) => {
      reader.push(buffer.subarray(0, length));
      return true;
    },
  },
});
// The supervisor closes its end to ask for an orderly exit.
input.on('end', () => {
  void work.then(() => process.kill(process.pid, 'SIGKILL'));
});
send({ kind: 'ready' });

async function handle(frame: ToHost, body: Uint8Array): Promise<void> {
  switch (frame.kind) {
    case 'prepare':
      handler = findHandler(frame.spec);
      await handler.catch(() => {});
      return;
    case 'load':
      return load(frame);
    case 'run':
      return run(frame, body);
  }
}

async function load(frame: LoadFrame): Promise<void> {
  process.env['FABRIC_INTRA_OP_THREADS'] = String(frame.threads);
  if (frame.gpu !== undefined) process.env['FABRIC_GPU'] = String(frame.gpu);
  try {
    handler ??= findHandler(frame.spec);
    model = await loadHostedModel(await handler, frame);
    send({ kind: 'loaded', info: model.info });
  } catch (error) {
    // Imported only here: a host that loads its model successfully does not need it.
    const { carryLoadError, isTransient } = await import('./load-error.ts');
    send({ kind: 'loadFailed', error: carryLoadError(error), isTransient: isTransient(error) });
  }
}

async function run(frame: RunFrame, body: Uint8Array): Promise<void> {
  const startedAt = performance.now();
  try {
    if (model === undefined) throw new Error('no model is loaded');
    const { results, micros, areUndefined = false } = await model.run(frame, bodyGroups(frame, body));
    const fragments = results.map((result) => ({
      size: result.size,
      ...(result.kind === 'tensors' ? { tensors: result.tensors } : {}),
      chunks: result.chunks.length,
    }));
    const kind = { kind: 'result', ...(areUndefined ? { areUndefined: true } : {}) } as const;
    send({ ...kind, id: frame.id, micros, fragments }, results);
  } catch (error) {
    const micros = (performance.now() - startedAt) * 1000;
    send({ kind: 'runFailed', id: frame.id, micros, error: carryError(error) });
  } finally {
    // Tensors are views on the body, read only while the batch runs; values may go on pointing into it.
    if (frame.tensors !== undefined) freeBody = new Uint8Array(body.buffer);
  }
}

function send(frame: FromHost, results: readonly EncodedBatch[] = []): void {
  const groups = results.flatMap((result) => result.chunks.map((chunk) => [chunk]));
  output.cork();
  for (const part of frameParts(frame, groups)) output.write(part);
  output.uncork();
}
