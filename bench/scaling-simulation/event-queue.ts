interface Event {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

/** What happens when: a binary heap by time, and what is to happen at the same time in the order in which it was added. */
export class EventQueue {
  readonly #heap: Event[] = [];
  #added = 0;

  /** Of the earliest event; undefined where there is none. */
  get nextAt(): number | undefined {
    return this.#heap[0]?.at;
  }

  add(at: number, happen: () => void): void {
    const event = { at, order: this.#added, happen };
    this.#added += 1;
    let index = this.#heap.length;
    for (let parent = (index - 1) >> 1; index > 0; parent = (index - 1) >> 1) {
      const above = this.#heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = event;
  }

  take(): Event | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(event: Event): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [this.#heap[left], this.#heap[left + 1]];
      const rightIsFirst = one !== undefined && other !== undefined && isBefore(other, one);
      const child = rightIsFirst ? other : one;
      if (child === undefined || isBefore(event, child)) break;
      this.#heap[index] = child;
      index = rightIsFirst ? left + 1 : left;
    }
    this.#heap[index] = event;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
