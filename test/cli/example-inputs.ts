import { fileURLToPath } from 'node:url';

export const wine = fileURLToPath(new URL('../../examples/data/wine.jsonl', import.meta.url));
export const digits = fileURLToPath(new URL('../../examples/data/digits', import.meta.url));

/** JSON lines for the pipelines that take numbers. */
export const numbers = (...ns: readonly number[]): string => ns.map((n) => `{"n":${n}}\n`).join('');
