import { expect, test } from 'vitest';
import { withoutFields } from '../../lib/models/without-fields.ts';

test.for<readonly [unknown, readonly string[], unknown]>([
  [{ id: 1, prompt: 'a' }, ['id'], { prompt: 'a' }],
  [{ meta: { id: 1, at: 2 }, prompt: 'a' }, ['meta.id'], { meta: { at: 2 }, prompt: 'a' }],
  [{ meta: { id: 1 }, prompt: 'a' }, ['meta.id'], { prompt: 'a' }],
  [{ 'meta.id': 1, meta: { id: 2 } }, ['meta.id'], { meta: { id: 2 } }],
  [{ meta: { at: 2 } }, ['meta.id', 'id'], { meta: { at: 2 } }],
  [{ meta: 'text' }, ['meta.id'], { meta: 'text' }],
  ['text', ['id'], 'text'],
  [['id'], ['0'], ['id']],
  [null, ['id'], null],
])('withoutFields of %j and %j', ([element, names, left]) => {
  expect(withoutFields(element, names)).toEqual(left);
});
