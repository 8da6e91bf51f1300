import { type EmbeddedAws, startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { useEmulator } from '../../cli/local/emulator-environment.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { type Fate, type FlakyProxy, startFlakyProxy } from '../../test/stores/flaky-proxy.ts';
import type { Faults } from './fault-injector.ts';
import type { Stores } from './world.ts';

/** Fates of requests that do not get through: S3 slow, failing, or its answer lost or broken off. */
const FATES: readonly (readonly [name: string, fate: Fate])[] = [
  ['SlowDown', { status: 503, code: 'SlowDown' }],
  ['InternalError', { status: 500, code: 'InternalError' }],
  ['answer lost', 'lose the answer'],
  ['broken off', { breakAfterBytes: 20 }],
];
const FAULT_RATE = 0.03;

/** S3 in this process, and a network to it that fails: what is above it is the real adapter. */
export class FlakyNetwork implements AsyncDisposable {
  readonly #aws: EmbeddedAws;
  readonly #proxy: FlakyProxy;
  readonly #resources: AsyncDisposableStack;
  readonly #fates: { next: () => Fate };
  #worlds = 0;

  private constructor(
    aws: EmbeddedAws,
    proxy: FlakyProxy,
    { fates, resources }: { readonly fates: { next: () => Fate }; readonly resources: AsyncDisposableStack },
  ) {
    this.#aws = aws;
    this.#proxy = proxy;
    this.#fates = fates;
    this.#resources = resources;
  }

  static async start(): Promise<FlakyNetwork> {
    const resources = new AsyncDisposableStack();
    const fates = { next: (): Fate => 'pass' };
    const aws = resources.use(await startEmbeddedAws());
    resources.use(useEmulator(aws.endpoint));
    const proxy = resources.use(await startFlakyProxy(aws.endpoint, () => fates.next()));
    return new FlakyNetwork(aws, proxy, { fates, resources });
  }

  /** Opens stores with buckets that are new, for a world whose random numbers decide what fails. */
  async open(random: () => number): Promise<Stores & AsyncDisposable> {
    this.#worlds += 1;
    const input = `input-${this.#worlds}`;
    const output = `output-${this.#worlds}`;
    await Promise.all([this.#aws.createBucket(input), this.#aws.createBucket(output)]);
    const calm = openS3ObjectStore({ endpoint: this.#aws.endpoint });
    const store = openS3ObjectStore({ endpoint: this.#proxy.endpoint, maxAttempts: 2 });
    const fates = this.#fates;
    return {
      store,
      calm,
      input,
      output,
      failNetwork(faults) {
        fates.next = () => fateOf(faults, random);
      },
      async [Symbol.asyncDispose]() {
        fates.next = () => 'pass';
        store[Symbol.dispose]();
        calm[Symbol.dispose]();
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

function fateOf(faults: Faults, random: () => number): Fate {
  const [name, fate] = FATES[Math.floor(random() * FATES.length)] ?? ['', 'pass'];
  return faults.happens(`network ${name}`, FAULT_RATE) ? fate : 'pass';
}
