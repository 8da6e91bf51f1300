/**
 * One resource of a process that many use at a time, opened when it is first wanted.
 *
 *     absent -> opening -> open -> broken (its users end, it is closed) -> absent
 *
 * A broken one is given to nobody who comes later: the next user opens another. One that could not be opened is broken
 * from the start.
 */
export class Renewable<T extends AsyncDisposable> implements AsyncDisposable {
  readonly #open: () => Promise<T>;
  readonly #isBroken: (error: unknown) => boolean;
  #current: Lease<T> | undefined;

  /** @param isBroken - whether an error of a user says that the resource will serve nobody any more. */
  constructor(open: () => Promise<T>, isBroken: (error: unknown) => boolean) {
    this.#open = open;
    this.#isBroken = isBroken;
  }

  /** Opens it, if it is not open, without using it. @throws what opening it threw */
  async warm(): Promise<void> {
    await this.use(async () => {});
  }

  async use<R>(work: (resource: T) => Promise<R>): Promise<R> {
    const lease = (this.#current ??= { resource: this.#open(), users: 0, broken: false });
    lease.users += 1;
    let opened = false;
    try {
      const resource = await lease.resource;
      opened = true;
      return await work(resource);
    } catch (error) {
      lease.broken ||= !opened || this.#isBroken(error);
      if (lease.broken && this.#current === lease) this.#current = undefined;
      throw error;
    } finally {
      lease.users -= 1;
      if (lease.broken && lease.users === 0 && opened) await close(lease);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const lease = this.#current;
    this.#current = undefined;
    if (lease !== undefined) await close(lease);
  }
}

interface Lease<T> {
  readonly resource: Promise<T>;
  users: number;
  broken: boolean;
}

async function close({ resource }: Lease<AsyncDisposable>): Promise<void> {
  const open = await resource.catch(() => undefined);
  await open?.[Symbol.asyncDispose]();
}
