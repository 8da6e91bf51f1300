import { FabricError } from '../../errors.ts';
import type { ByteRange, ByteSource } from '../../stores/byte-source.ts';
import type { ReadOptions } from '../format.ts';
import { asBuffer } from '../records.ts';
import { keyedBytes, RECORD_HEAD_BYTES, recordBytes, type RecordKey, recordKey, recordRank } from './grouped-record.ts';

/** Elements in the order of their keys, in pieces that are staged; plain JSON. */
export interface SortedRun {
  readonly name: string;
  /** Number of merges that made it. */
  readonly level: number;
  /** Bytes of each of its pieces. */
  readonly pieces: readonly number[];
}

/** Opens a piece of a run. A source that is disposable is disposed after it was read. */
export type OpenPiece = (run: SortedRun, piece: number) => Promise<ByteSource & Partial<AsyncDisposable>>;

export interface RunReaderOptions extends ReadOptions {
  readonly open: OpenPiece;
  /** Bytes of a read. The next read is started ahead. */
  readonly readBytes: number;
  /** Offset of the first record to read, in the bytes of all pieces. */
  readonly offset: number;
}

/**
 * Reads the records of a run one after the other. It holds the bytes of two reads. A longer record is read completely only
 * by `fetch`: `rank` and `key` are known without it.
 */
export class RunReader implements RecordKey, AsyncDisposable {
  rank = 0;
  key = '';
  isAtEnd = false;
  /** Offset of the current record, in the bytes of all pieces. */
  offset: number;
  /** Bytes that contain the current record, from `start` on. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  readonly #blocks: AsyncGenerator<Buffer>;
  #ahead: Promise<IteratorResult<Buffer>> | undefined;

  constructor(run: SortedRun, options: RunReaderOptions) {
    this.offset = options.offset;
    this.#blocks = readBlocks(run, options);
  }

  /** Reads the head of the current record. */
  async begin(): Promise<void> {
    if (!this.#parseHead()) await this.#readHead();
  }

  /** True if the whole record is in `bytes`; otherwise `fetch` reads it. */
  get isWhole(): boolean {
    return this.#has(recordBytes(this.bytes, this.start));
  }

  async fetch(): Promise<void> {
    await this.#fill(recordBytes(this.bytes, this.start));
  }

  /** Advances past the record, which must be complete. @returns false if `begin` must read the next one's head */
  step(): boolean {
    const bytes = recordBytes(this.bytes, this.start);
    this.start += bytes;
    this.offset += bytes;
    return this.#parseHead();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ahead?.catch(() => {});
    await this.#blocks.return(undefined);
  }

  /** Parses the head of the record if it is in `bytes`. */
  #parseHead(): boolean {
    if (!this.#has(RECORD_HEAD_BYTES) || !this.#has(keyedBytes(this.bytes, this.start))) return false;
    this.rank = recordRank(this.bytes, this.start);
    this.key = recordKey(this.bytes, this.start);
    return true;
  }

  async #readHead(): Promise<void> {
    this.isAtEnd = !(await this.#fill(1));
    if (this.isAtEnd) return;
    await this.#fill(RECORD_HEAD_BYTES);
    await this.#fill(keyedBytes(this.bytes, this.start));
    this.#parseHead();
  }

  #has(bytes: number): boolean {
    return this.bytes.length - this.start >= bytes;
  }

  /** Reads until `bytes` has this number of bytes of the record. @returns false if the run has ended */
  async #fill(bytes: number): Promise<boolean> {
    if (this.#has(bytes)) return true;
    const parts = [this.bytes.subarray(this.start)];
    for (let length = this.bytes.length - this.start; length < bytes;) {
      const { done, value } = await (this.#ahead ?? this.#blocks.next());
      if (done === true) {
        if (length === 0) return false;
        throw new FabricError('STAGED_RUN_DAMAGED', 'Cannot group by key: a staged run ends within a record');
      }
      parts.push(value);
      length += value.length;
      this.#ahead = this.#blocks.next();
      // It is awaited later; until then a rejection must not count as unhandled.
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
