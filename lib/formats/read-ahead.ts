/** So far ahead is read whatever is there: each may be the largest object there can be. */
const READ_AHEAD = 8;
/** Objects up to this are small: what takes the time is a store's latency, and not their bytes. */
const SMALL_BYTES = 1024 * 1024;
const SMALL_READS_AT_ONCE = 16;

export interface ReadAheadOptions<T, Outcome> {
  /** Awaits `room` for an object as soon as it knows how large it is, and before it reads it. */
  readonly read: (object: T, room: (bytes: number) => Promise<void>) => Promise<Outcome>;
  readonly bytesOf: (outcome: Outcome) => number;
  /** No more small objects are read ahead of what is taken. */
  readonly maxAhead: number;
  readonly maxAheadBytes: number;
}

/**
 * The outcomes of reads, in order. Reading goes on while whoever takes them is at work: 8 objects ahead, and further, 16
 * at once, as long as all have been small.
 *
 * Whatever sizes follow upon each other, what is held is at most 8 objects of any size, `maxAheadBytes` of small ones and
 * those of these that are being read.
 */
export class ReadAhead<T, Outcome> implements AsyncDisposable {
  readonly #objects: readonly T[];
  readonly #options: ReadAheadOptions<T, Outcome>;
  readonly #ahead: Promise<Outcome>[] = [];
  #taken = 0;
  #underWay = 0;
  /** Of what was read and is not taken. */
  #bytes = 0;
  /** Undefined until the size of one is known. */
  #areSmall: boolean | undefined;
  #isEnded = false;
  #moved = Promise.withResolvers<void>();

  constructor(objects: readonly T[], options: ReadAheadOptions<T, Outcome>) {
    this.#objects = objects;
    this.#options = options;
  }

  /** The next one; there must be one. @throws what its read threw */
  async take(): Promise<Outcome> {
    this.#fill();
    const first = this.#ahead[0];
    if (first === undefined) throw new RangeError('Cannot take an outcome: all have been taken');
    const outcome = await first;
    void this.#ahead.shift();
    this.#taken += 1;
    this.#bytes -= this.#options.bytesOf(outcome);
    this.#move();
    return outcome;
  }

  /** Reads no more, and waits for what is under way. */
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
    let place = this.#taken + this.#ahead.length;
    // There is one: the place is below the length.
    for (; place < this.#objects.length && this.#mayBegin(); place += 1) this.#begin(this.#objects[place] as T, place);
  }

  #mayBegin(): boolean {
    if (this.#isEnded) return false;
    const { maxAhead, maxAheadBytes } = this.#options;
    const ahead = this.#ahead.length;
    if (ahead < READ_AHEAD) return true;
    if (this.#areSmall !== true || ahead >= maxAhead) return false;
    return this.#underWay < SMALL_READS_AT_ONCE && this.#bytes < maxAheadBytes;
  }

  #begin(object: T, place: number): void {
    this.#underWay += 1;
    const room = (bytes: number): Promise<void> => this.#room(place, bytes);
    const outcome = this.#options.read(object, room).then(
      (outcome) => {
        this.#end(outcome);
        return outcome;
      },
      (error: unknown) => {
        this.#underWay -= 1;
        throw error;
      },
    );
    this.#ahead.push(outcome);
    // It is awaited in its turn; until then its rejection is no one's.
    outcome.catch(() => {});
  }

  /** Counts the bytes in the same step in which the read ends, so that no other begins in between. */
  #end(outcome: Outcome): void {
    this.#underWay -= 1;
    this.#bytes += this.#options.bytesOf(outcome);
    this.#fill();
  }

  /** @throws where no more is read */
  async #room(place: number, bytes: number): Promise<void> {
    const isSmall = bytes <= SMALL_BYTES;
    this.#areSmall = isSmall && this.#areSmall !== false;
    if (!isSmall) while (!this.#isEnded && place >= this.#taken + READ_AHEAD) await this.#moved.promise;
    if (this.#isEnded) throw new Error('Cannot read the object: nobody takes it any more');
  }
}
