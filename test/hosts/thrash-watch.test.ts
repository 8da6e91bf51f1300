import { describe, expect, test } from 'vitest';
import { ThrashWatch, type ThrashWatchOptions } from '../../lib/hosts/thrash-watch.ts';

function watchWith(options: Partial<ThrashWatchOptions> = {}) {
  const clock = { now: 1_000_000 };
  const warnings: string[] = [];
  const watch = new ThrashWatch({
    place: 'breast-cancer/steps[0]',
    maxModelsPerWorkerHint: 3,
    onThrash: (message) => warnings.push(message),
    now: () => clock.now,
    ...options,
  });
  return { clock, warnings, watch };
}

describe('ThrashWatch', () => {
  test('warns when loading took more time than inferring and a model was loaded again, and names what to set', () => {
    const { watch, warnings } = watchWith();
    watch.inferred(12_000);
    watch.loaded(10_000);
    expect(warnings).toEqual([]);
    watch.loaded(2_300, 'models');
    expect(warnings).toEqual([
      "breast-cancer/steps[0]: models are loaded again and again: in the last minute loading them took 12.3 s in all, and inference 12.0 s; raise 'maxModelsPerWorkerHint' (3), or set 'input.groupByKey' so that one key's elements come together",
    ]);
  });

  test('names the bound that made models leave, and both where both did', () => {
    const one = watchWith({ maxModelBytes: 2048 });
    one.watch.loaded(10, 'bytes');
    expect(one.warnings[0]).toMatch(/; raise 'maxModelBytes' \(2048\), or set 'input.groupByKey'/);
    const both = watchWith({ maxModelBytes: 2048 });
    both.watch.inferred(15);
    both.watch.loaded(10, 'bytes');
    both.watch.loaded(10, 'models');
    expect(both.warnings[0]).toMatch(/; raise 'maxModelsPerWorkerHint' \(3\) and 'maxModelBytes' \(2048\), or/);
  });

  test('does not advise to group by key where the input is', () => {
    const { watch, warnings } = watchWith({ groupsByKey: true });
    watch.loaded(10, 'models');
    expect(warnings[0]).toMatch(/; raise 'maxModelsPerWorkerHint' \(3\)$/);
  });

  test('says nothing of loads that are all the first of their models, however long they take', () => {
    const { watch, warnings } = watchWith();
    for (let model = 0; model < 60; model += 1) watch.loaded(5000);
    expect(warnings).toEqual([]);
  });

  test('says nothing where loading took just as long as inferring', () => {
    const { watch, warnings } = watchWith();
    watch.inferred(10);
    watch.loaded(10, 'models');
    expect(warnings).toEqual([]);
  });

  test('looks back on one minute', () => {
    const { watch, warnings, clock } = watchWith();
    watch.loaded(50);
    clock.now += 30_000;
    watch.inferred(60);
    watch.loaded(10, 'models');
    expect(warnings).toEqual([]);
    clock.now += 29_999;
    watch.inferred(1);
    watch.loaded(1);
    expect(warnings).toEqual([]);
    // The first load is over, and then the batch and the second one.
    clock.now += 2;
    watch.loaded(45);
    expect(warnings).toEqual([]);
    clock.now += 30_000;
    watch.loaded(45);
    expect(warnings).toEqual([]);
    watch.loaded(1, 'models');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('took 0.1 s in all, and inference 0.0 s');
  });

  test('warns at most once a minute', () => {
    const { watch, warnings, clock } = watchWith();
    for (let second = 0; second < 60; second += 1) {
      watch.loaded(900, 'models');
      clock.now += 1000;
    }
    expect(warnings).toHaveLength(1);
    watch.loaded(900, 'models');
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toContain('took 54.0 s in all');
  });
});
