/**
 * A resource that is shared by concurrent users and opened for the first of them.
 *
 *     absent -> opening -> open -> broken (closed after its last user) -> absent
 *
 * A broken resource gets no new users: the next user opens another one. A resource that could not be opened is broken
 * from the start.
 */
export class Renewable<T extends AsyncDisposable> implements AsyncDisposable {
  readonly #open: () => Promise<T>;
  readonly #isBroken: (error: unknown) => boolean;
  #current: Lease<T> | undefined;

  /** @param isBroken - true for an error of a user after which the resource can no longer be used */
  constructor(open: () => Promise<T>, isBroken: (error: unknown) => boolean) {
    this.#open = open;
    this.#isBroken = isBroken;
  }

  /** Opens the resource if it is not open. @throws the error of opening it */
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
