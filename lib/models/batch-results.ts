import { FabricError } from '../errors.ts';

/** A function did not return one result for each element of its batch. */
export class ResultCountError extends FabricError {
  override readonly name = 'ResultCountError';
}

/** Code of a {@link ResultCountError} for a value that is not a list of results. */
export const RESULT_KIND = 'RESULT_KIND';

/** Name of the function that returns the results, for messages, and the number of results that it must return. */
export interface Expected {
  readonly giver: string;
  readonly count: number;
}

/**
 * Returns the results that a function gave for a batch, one for each element: an array, a typed array, or any other
 * iterable or async iterable, or a promise of one. Promises among them are awaited.
 *
 * @throws ResultCountError, with code {@link RESULT_KIND} if the value is not a list
 */
export async function listResults(answer: unknown, expected: Expected): Promise<readonly unknown[]> {
  const given = await answer;
  const { giver, count } = expected;
  const results = await listIn(given, count + 1);
  if (!Array.isArray(results)) {
    const rule = `${giver} must give one result for each element, as an array or another iterable`;
    throw new ResultCountError(RESULT_KIND, `${rule}: got ${kindOf(given, count)}`, { disposition: 'poison' });
  }
  if (results.length === count) return results.some(isPromise) ? Promise.all(results) : results;
  const got = !Array.isArray(given) && results.length > count ? `more than ${count}` : String(results.length);
  throw new ResultCountError(
    'RESULT_COUNT',
    `${giver} must give one result for each element: got ${got} for ${count}`,
    {
      disposition: 'poison',
    },
  );
}

/**
 * Returns the contents of a list as an array: at most `most` results unless it is an array, since it may never end. A
 * value that is not a list is returned unchanged. So are texts and maps, whose parts are unlikely to be meant as
 * results.
 */
export async function listIn(given: unknown, most: number): Promise<unknown> {
  if (Array.isArray(given) || typeof given !== 'object' || given === null || given instanceof Map) return given;
  if (Symbol.iterator in given) return firstOf(given as Iterable<unknown>, most);
  return Symbol.asyncIterator in given ? firstToCome(given as AsyncIterable<unknown>, most) : given;
}

function firstOf(results: Iterable<unknown>, most: number): unknown[] {
  const list: unknown[] = [];
  for (const result of results) if (list.push(result) === most) break;
  return list;
}

async function firstToCome(results: AsyncIterable<unknown>, most: number): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const result of results) if (list.push(result) === most) break;
  return list;
}

/** Describes the value that was returned instead of a list, without its contents. */
function kindOf(given: unknown, count: number): string {
  if (given === undefined) return 'undefined (does the function return?)';
  if (given === null) return 'null';
  if (typeof given !== 'object') return `a ${typeof given}`;
  const prototype: unknown = Object.getPrototypeOf(given);
  if (prototype !== Object.prototype && prototype !== null) return `a ${given.constructor.name}`;
  const fields: unknown[] = Object.values(given);
  const areColumns = fields.length > 0 && fields.every((field) => lengthOf(field) === count);
  return areColumns ? 'an object of columns (give an object for each element instead)' : 'an object';
}

function lengthOf(list: unknown): number | undefined {
  if (Array.isArray(list)) return list.length;
  return ArrayBuffer.isView(list) && 'length' in list ? Number(list.length) : undefined;
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
