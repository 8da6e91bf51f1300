interface Event {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

/** Events by time, in a binary heap; events of the same time stay in the order in which they were added. */
export class EventQueue {
  readonly #heap: Event[] = [];
  #added = 0;

  /** Time of the earliest event; undefined without events. */
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

  /** Removes the earliest event. */
  pop(): Event | undefined {
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
