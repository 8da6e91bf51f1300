/** How much of what a host printed is kept for its error. */
const TAIL_BYTES = 8 * 1024;
/** How much of that a message quotes. */
const QUOTED_CHARACTERS = 300;

/** Drains what a process prints: line by line to the log, the last 8 KiB kept. */
export class OutputTail {
  readonly #onLine: ((line: string) => void) | undefined;
  #tail = '';
  #line = '';

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const text = chunk.toString('utf8');
    this.#tail = (this.#tail + text).slice(-TAIL_BYTES);
    if (this.#onLine === undefined) return;
    const lines = (this.#line + text).split('\n');
    this.#line = (lines.pop() ?? '').slice(-TAIL_BYTES);
    for (const line of lines) this.#onLine(line);
  }

  get text(): string {
    return this.#tail;
  }

  /** The last lines, as the end of a sentence; nothing where it printed nothing. */
  quoted(): string {
    const text = this.#tail.trim();
    return text === '' ? '' : `, having printed: ${text.slice(-QUOTED_CHARACTERS)}`;
  }
}
