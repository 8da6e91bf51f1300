/** Objects of any size that are read ahead: each can be of the maximum size. */
const READ_AHEAD = 8;
/** Maximum bytes of a small object, whose time is a store's latency and not the transfer. */
const SMALL_BYTES = 1024 * 1024;
const SMALL_READS_AT_ONCE = 16;

export interface ReadAheadOptions<T, Outcome> {
  /** Reads an object. It awaits `room` as soon as it knows the object's size, and before it reads the bytes. */
  readonly read: (object: T, room: (bytes: number) => Promise<void>) => Promise<Outcome>;
  readonly bytesOf: (outcome: Outcome) => number;
  /** Maximum small objects that are read ahead. */
  readonly maxAhead: number;
  readonly maxAheadBytes: number;
}

/**
 * Returns the outcomes of reads, in order. It reads on while the caller processes them: 8 objects ahead, and while all are
 * small, further ahead with 16 reads at once.
 *
 * In any order of sizes, it holds at most 8 objects of any size, `maxAheadBytes` of small ones, and the small ones that
 * are being read.
 */
export class ReadAhead<T, Outcome> implements AsyncDisposable {
  readonly #objects: readonly T[];
  readonly #options: ReadAheadOptions<T, Outcome>;
  readonly #ahead: Promise<Outcome>[] = [];
  #returned = 0;
  #inFlight = 0;
  /** Bytes of the outcomes that were read, but not returned yet. */
  #bytes = 0;
  /** True if all objects so far are small; undefined until the first size is known. */
  #areSmall: boolean | undefined;
  #isEnded = false;
  #moved = Promise.withResolvers<void>();

  constructor(objects: readonly T[], options: ReadAheadOptions<T, Outcome>) {
    this.#objects = objects;
    this.#options = options;
  }

  /** Returns the next outcome. @throws the error of its read, or RangeError if there are no more */
  async next(): Promise<Outcome> {
    this.#fill();
    const first = this.#ahead[0];
    if (first === undefined) throw new RangeError('Cannot return an outcome: all were returned');
    const outcome = await first;
    void this.#ahead.shift();
    this.#returned += 1;
    this.#bytes -= this.#options.bytesOf(outcome);
    this.#move();
    return outcome;
  }

  /** Starts no more reads, and waits for those in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    this.#move();
    await Promise.allSettled(this.#ahead);
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
    this.#fill();
  }

  #fill(): void {
    let place = this.#returned + this.#ahead.length;
    // Not undefined: the place is below the length.
    for (; place < this.#objects.length && this.#mayBegin(); place += 1) this.#begin(this.#objects[place] as T, place);
  }

  #mayBegin(): boolean {
    if (this.#isEnded) return false;
    const { maxAhead, maxAheadBytes } = this.#options;
    const ahead = this.#ahead.length;
    if (ahead < READ_AHEAD) return true;
    if (this.#areSmall !== true || ahead >= maxAhead) return false;
    return this.#inFlight < SMALL_READS_AT_ONCE && this.#bytes < maxAheadBytes;
  }

  #begin(object: T, place: number): void {
    this.#inFlight += 1;
    const room = (bytes: number): Promise<void> => this.#room(place, bytes);
    const outcome = this.#options.read(object, room).then(
      (outcome) => {
        this.#end(outcome);
        return outcome;
      },
      (error: unknown) => {
        this.#inFlight -= 1;
        throw error;
      },
    );
    this.#ahead.push(outcome);
    // It is awaited later; until then a rejection must not count as unhandled.
    outcome.catch(() => {});
  }

  /** Counts the bytes in the same step in which the read ends, so that no other begins in between. */
  #end(outcome: Outcome): void {
    this.#inFlight -= 1;
    this.#bytes += this.#options.bytesOf(outcome);
    this.#fill();
  }

  /** Waits until an object of this size may be read. @throws if the reader was closed */
  async #room(place: number, bytes: number): Promise<void> {
    const isSmall = bytes <= SMALL_BYTES;
    this.#areSmall = isSmall && this.#areSmall !== false;
    if (!isSmall) while (!this.#isEnded && place >= this.#returned + READ_AHEAD) await this.#moved.promise;
    if (this.#isEnded) throw new Error('Cannot read the object: the reader was closed');
  }
}
