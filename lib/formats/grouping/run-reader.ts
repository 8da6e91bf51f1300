import { FabricError } from '../../errors.ts';
import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { asBuffer } from '../records.ts';
import { keyedBytes, RECORD_HEAD_BYTES, recordBytes, type RecordKey, recordKey, recordRank } from './grouped-record.ts';

/** Elements in the order of their keys, in pieces that are staged; plain JSON. */
export interface SortedRun {
  readonly name: string;
  /** How many merges it went through. */
  readonly level: number;
  /** How many bytes each of its pieces has. */
  readonly pieces: readonly number[];
}

/** Opens a piece of a run; what is disposable is disposed once it was read. */
export type OpenPiece = (run: SortedRun, piece: number) => Promise<ByteSource & Partial<AsyncDisposable>>;

export interface RunReaderOptions extends ReadOptions {
  readonly open: OpenPiece;
  /** What is read at once. The next so many bytes are read ahead. */
  readonly readBytes: number;
  /** Where to begin, in all the bytes of its pieces. */
  readonly offset: number;
}

/**
 * Stands at one record of a run after another. It holds the bytes of two reads, and of a record that is longer than
 * that only when it is asked for: `rank` and `key` are known without it.
 */
export class RunReader implements RecordKey, AsyncDisposable {
  rank = 0;
  key = '';
  isAtEnd = false;
  /** Of the record it stands at, in all the bytes of its pieces. */
  offset: number;
  /** The bytes that have the record it stands at, from `start` on. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  readonly #blocks: AsyncGenerator<Buffer>;
  #ahead: Promise<IteratorResult<Buffer>> | undefined;

  constructor(run: SortedRun, options: RunReaderOptions) {
    this.offset = options.offset;
    this.#blocks = readBlocks(run, options);
  }

  /** Goes to the first record. */
  async begin(): Promise<void> {
    if (!this.#stand()) await this.#standLater();
  }

  /** Whether all of the record is there; else `fetch` gets it. */
  get isWhole(): boolean {
    return this.#has(recordBytes(this.bytes, this.start));
  }

  async fetch(): Promise<void> {
    await this.#fill(recordBytes(this.bytes, this.start));
  }

  /** Goes behind the record, which must be whole. @returns false where `begin` has to go on to the next one */
  step(): boolean {
    const bytes = recordBytes(this.bytes, this.start);
    this.start += bytes;
    this.offset += bytes;
    return this.#stand();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#blocks.return(undefined);
  }

  /** Takes the head of the record, if it is there. */
  #stand(): boolean {
    if (!this.#has(RECORD_HEAD_BYTES) || !this.#has(keyedBytes(this.bytes, this.start))) return false;
    this.rank = recordRank(this.bytes, this.start);
    this.key = recordKey(this.bytes, this.start);
    return true;
  }

  async #standLater(): Promise<void> {
    this.isAtEnd = !(await this.#fill(1));
    if (this.isAtEnd) return;
    await this.#fill(RECORD_HEAD_BYTES);
    await this.#fill(keyedBytes(this.bytes, this.start));
    this.#stand();
  }

  #has(bytes: number): boolean {
    return this.bytes.length - this.start >= bytes;
  }

  /** Reads on until so many bytes are there. @returns false where the run has ended */
  async #fill(bytes: number): Promise<boolean> {
    if (this.#has(bytes)) return true;
    const parts = [this.bytes.subarray(this.start)];
    for (let length = this.bytes.length - this.start; length < bytes;) {
      const { done, value } = await (this.#ahead ?? this.#blocks.next());
      if (done === true) {
        if (length === 0) return false;
        throw new FabricError('STAGED_RUN_DAMAGED', 'Cannot group by key: a staged run ends in mid-record');
      }
      parts.push(value);
      length += value.length;
      this.#ahead = this.#blocks.next();
      // It is awaited in its turn; until then its rejection is no one's.
      this.#ahead.catch(() => {});
    }
    this.bytes = Buffer.concat(parts);
    this.start = 0;
    return true;
  }
}

async function* readBlocks(
  run: SortedRun,
  { offset, open, readBytes, signal }: RunReaderOptions,
): AsyncGenerator<Buffer> {
  let from = offset;
  for (const [piece, bytes] of run.pieces.entries()) {
    if (from < bytes) {
      const source = await open(run, piece);
      try {
        for (let start = from; start < bytes; start += readBytes) {
          yield await readWhole(source, { start, end: Math.min(start + readBytes, bytes) }, signal ? { signal } : {});
        }
      } finally {
        await source[Symbol.asyncDispose]?.();
      }
    }
    from = Math.max(0, from - bytes);
  }
}

async function readWhole(source: ByteSource, range: ByteRange, options: ReadOptions): Promise<Buffer> {
  options.signal?.throwIfAborted();
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read(range, options)) chunks.push(chunk);
  const [only] = chunks;
  const bytes = chunks.length === 1 && only !== undefined ? asBuffer(only) : Buffer.concat(chunks);
  if (bytes.length === range.end - range.start) return bytes;
  const message = `Cannot group by key: ${bytes.length} of ${range.end - range.start} bytes of a staged run came`;
  throw new FabricError('STAGED_RUN_DAMAGED', message, { disposition: 'retry' });
}
