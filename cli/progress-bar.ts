import type { WriteStream } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';
import type { PartNote } from '../lib/jobs/part-note.ts';
import { number } from './format/amounts.ts';

/** Updates of the bar per second. Its ETA is estimated from the share of bundles that are done. */
const REFRESHES_PER_SECOND = 4;
const CLEAR_LINE = '\u001b[2K';

/** Progress on a terminal, with elements/s. If the stream is not a terminal, nothing is printed. */
export class ProgressBar {
  readonly #bar: SingleBar | undefined;
  /** The terminal, until the bar is on it. */
  #stream: WriteStream | undefined;
  #preparedAt = -Infinity;
  readonly #startedAt = performance.now();
  #expected = 0;
  #elements = 0;
  #failed = 0;
  #resumed = 0;

  constructor(stream: WriteStream) {
    if (!stream.isTTY) return;
    this.#stream = stream;
    this.#bar = new SingleBar(
      {
        stream,
        fps: REFRESHES_PER_SECOND,
        hideCursor: true,
        clearOnComplete: true,
        format: '{bar} {percentage}% | {elements} elements, {failed} failed | {rate}/s | ETA {eta_formatted}',
        etaBuffer: 20,
      },
      Presets.shades_classic,
    );
  }

  /** Prints an operation that precedes the first elements, and the share of it that is done. Once the bar is shown, prints nothing. */
  prepare(what: string, share: number): void {
    const now = performance.now();
    if (this.#stream === undefined || now - this.#preparedAt < 1000 / REFRESHES_PER_SECOND) return;
    this.#preparedAt = now;
    const percentage = Math.floor(100 * share);
    this.#stream.write(`\r${CLEAR_LINE}${what}: ${percentage}%`);
  }

  /** Adds bundles to the total. The bar starts with the first ones, because it would show an empty total as complete. */
  expect(bundles: number): void {
    if (this.#bar === undefined || bundles === 0) return;
    this.#endPreparing();
    if (this.#expected === 0) this.#bar.start(bundles, 0, this.#payload());
    else this.#bar.setTotal(this.#expected + bundles);
    this.#expected += bundles;
  }

  add(elements: number, failed: number): void {
    this.#elements += elements;
    this.#failed += failed;
    this.#bar?.update(this.#payload());
  }

  addPart(note: PartNote, resumed: boolean): void {
    if (resumed) {
      this.#resumed += note.elements;
      this.#elements += note.elements;
      this.#failed += note.elements - note.succeeded;
    }
    this.#bar?.increment(1, this.#payload());
  }

  stop(): void {
    this.#endPreparing();
    this.#bar?.stop();
  }

  #endPreparing(): void {
    if (this.#preparedAt !== -Infinity) this.#stream?.write(`\r${CLEAR_LINE}`);
    this.#stream = undefined;
  }

  #payload(): Record<string, string> {
    const secs = (performance.now() - this.#startedAt) / 1000;
    const rate = secs > 0 ? Math.round((this.#elements - this.#resumed) / secs) : 0;
    return {
      elements: number(this.#elements),
      failed: number(this.#failed),
      rate: number(rate),
    };
  }
}
