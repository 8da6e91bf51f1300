import { describe, expect, test } from 'vitest';
import { Renewable } from '../../../functions/serving/renewable.ts';

class Engine implements AsyncDisposable {
  closed = false;
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }
}

class BrokenError extends Error {}

function renewable(open: () => Promise<Engine> = async () => new Engine()): {
  readonly engines: Engine[];
  readonly renewable: Renewable<Engine>;
} {
  const engines: Engine[] = [];
  const opened = async (): Promise<Engine> => {
    const engine = await open();
    engines.push(engine);
    return engine;
  };
  return { engines, renewable: new Renewable(opened, (error) => error instanceof BrokenError) };
}

describe('a renewable', () => {
  test('is opened at its first use, once for all that use it', async () => {
    const { engines, renewable: slot } = renewable();
    expect(engines).toEqual([]);
    const used = await Promise.all([1, 2, 3].map(() => slot.use(async (engine) => engine)));
    expect(engines).toHaveLength(1);
    expect(new Set(used)).toEqual(new Set(engines));
    await slot[Symbol.asyncDispose]();
    expect(engines[0]?.closed).toBe(true);
  });

  test('stays where a user fails for reasons of its own', async () => {
    const { engines, renewable: slot } = renewable();
    await expect(slot.use(async () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    await slot.use(async () => {});
    expect(engines.map(({ closed }) => closed)).toEqual([false]);
  });

  test('is opened anew after it broke, and the broken one is closed when its last user has ended', async () => {
    const { engines, renewable: slot } = renewable();
    const gate = Promise.withResolvers<void>();
    const slow = slot.use(() => gate.promise);
    await expect(slot.use(async () => Promise.reject(new BrokenError('it broke')))).rejects.toThrow('it broke');
    expect(await slot.use(async (engine) => engine)).toBe(engines[1]);
    expect(engines.map(({ closed }) => closed)).toEqual([false, false]);
    gate.resolve();
    await slow;
    expect(engines.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test('is opened anew after it could not be opened', async () => {
    let tries = 0;
    const { engines, renewable: slot } = renewable(async () => {
      tries += 1;
      if (tries === 1) throw new Error('no model');
      return new Engine();
    });
    await expect(slot.use(async () => {})).rejects.toThrow('no model');
    await slot.use(async () => {});
    expect(engines).toHaveLength(1);
  });
});
