/** How much of what a host printed is kept for its error. */
const TAIL_BYTES = 8 * 1024;
/** How much of that a message quotes. */
const QUOTED_CHARACTERS = 300;

/**
 * Lines of onnxruntime and its cpuinfo where a system hides its processors, as Lambda does on arm64. Features of the CPU
 * are detected in another way, so they are no reason for anything.
 */
const HARMLESS_LINE = /^(?:(?:Error|Warning) in cpuinfo: |onnxruntime cpuid_info warning: )/;

/** Drains what a process prints: line by line to the log, the last 8 KiB kept. Lines known to be harmless are dropped. */
export class OutputTail {
  readonly #onLine: ((line: string) => void) | undefined;
  #tail = '';
  #line = '';

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const lines = (this.#line + chunk.toString('utf8')).split('\n');
    this.#line = (lines.pop() ?? '').slice(-TAIL_BYTES);
    const told = lines.filter((line) => !HARMLESS_LINE.test(line));
    if (told.length > 0) this.#tail = `${this.#tail}${told.join('\n')}\n`.slice(-TAIL_BYTES);
    for (const line of told) this.#onLine?.(line);
  }

  get text(): string {
    return HARMLESS_LINE.test(this.#line) ? this.#tail : (this.#tail + this.#line).slice(-TAIL_BYTES);
  }

  /** The last lines, as the end of a sentence; nothing where it printed nothing. */
  quoted(): string {
    const text = this.text.trim();
    return text === '' ? '' : `, having printed: ${text.slice(-QUOTED_CHARACTERS)}`;
  }
}
