/**
 * JSON for values that JSON has no form for: `undefined`, numbers that are not finite, `-0`, bigints, dates, maps, sets,
 * and bytes. Such a value is an object with the field `$`, which names its type; an object with a field of that name is
 * written as a list of fields. Reading builds only data, also from a text of an unknown author.
 */
type Tagged = Readonly<Record<string, unknown>>;

const TAG = '$';
/** Elements of a list of numbers, such as an embedding, from which bytes are shorter and much faster than text. */
const MIN_NUMBERS = 16;

const VIEWS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float16Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
} as const;

/** All of them can be made of a buffer alone. */
type ViewClass = new (buffer: ArrayBuffer) => ArrayBufferView;

/**
 * Returns a value of JSON that stands for this one. An object of another class is its own fields, as in a structured clone.
 *
 * @throws TypeError for functions, symbols and objects that a structured clone would not keep as they are
 * @throws RangeError for a value that contains itself, or is nested too deep
 */
export function toTypedJson(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { [TAG]: 'number', value: numberText(value) };
    case 'undefined':
      return { [TAG]: 'undefined' };
    case 'bigint':
      return { [TAG]: 'bigint', value: String(value) };
    case 'object':
      return value === null ? null : objectToJson(value);
    case 'function':
    case 'symbol':
      throw new TypeError(`Cannot write a ${typeof value} as JSON`);
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function objectToJson(value: object): unknown {
  if (Array.isArray(value)) return listToJson(value);
  if (ArrayBuffer.isView(value)) return viewToJson(value);
  if (value instanceof ArrayBuffer) return { [TAG]: 'ArrayBuffer', value: Buffer.from(value).toString('base64') };
  if (value instanceof Date) return { [TAG]: 'Date', value: toTypedJson(value.getTime()) };
  if (value instanceof Map) return { [TAG]: 'Map', value: Array.from(value, (entry) => entry.map(toTypedJson)) };
  if (value instanceof Set) return { [TAG]: 'Set', value: Array.from(value, toTypedJson) };
  if (Object.prototype.toString.call(value) !== '[object Object]') {
    throw new TypeError(`Cannot write an object of class ${value.constructor.name} as JSON`);
  }
  const fields = Object.entries(value).map(([name, field]) => [name, toTypedJson(field)] as const);
  return TAG in value ? { [TAG]: 'Object', value: fields } : Object.fromEntries(fields);
}

function listToJson(values: readonly unknown[]): unknown {
  if (values.length < MIN_NUMBERS || !areNumbers(values)) return Array.from(values, toTypedJson);
  const bytes = Buffer.from(Float64Array.from(values).buffer);
  return { [TAG]: 'numbers', value: bytes.toString('base64') };
}

/** A hole in a list is no number. */
function areNumbers(values: readonly unknown[]): values is readonly number[] {
  for (const value of values) if (typeof value !== 'number') return false;
  return true;
}

function viewToJson(view: ArrayBufferView): Tagged {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const type = Object.keys(VIEWS).find((name) => Object.prototype.toString.call(view) === `[object ${name}]`);
  if (type === undefined) throw new TypeError(`Cannot write a ${view.constructor.name} as JSON`);
  return { [TAG]: type, value: bytes.toString('base64') };
}

/**
 * Returns the value that a value of JSON stands for.
 *
 * @throws TypeError, RangeError, SyntaxError for what `toTypedJson` does not write
 */
export function fromTypedJson(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(fromTypedJson);
  if (Object.hasOwn(json, TAG)) return fromTagged(json as Tagged);
  return fromFields(Object.entries(json));
}

/** Returns an object with each field as an own property, `__proto__` too. */
function fromFields(fields: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(fields.map(([name, field]) => [name, fromTypedJson(field)]));
}

function fromTagged({ [TAG]: type, value }: Tagged): unknown {
  switch (type) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(text(value));
    case 'bigint':
      return BigInt(text(value));
    case 'numbers':
      return [...new Float64Array(bufferOf(text(value)))];
    case 'ArrayBuffer':
      return bufferOf(text(value));
    case 'Date':
      return new Date(Number(fromTypedJson(value)));
    case 'Map':
      return new Map(list(value).map((entry) => pair(entry).map(fromTypedJson) as [unknown, unknown]));
    case 'Set':
      return new Set(list(value).map(fromTypedJson));
    case 'Object':
      return fromFields(list(value).map((field) => [text(pair(field)[0]), pair(field)[1]]));
    default:
      return viewOf(type, text(value));
  }
}

function viewOf(type: unknown, base64: string): ArrayBufferView {
  const found = Object.entries<ViewClass>(VIEWS).find(([name]) => name === type);
  if (found === undefined) throw new TypeError(`Cannot read a value of type ${String(type)}`);
  const [, ViewOfType] = found;
  return new ViewOfType(bufferOf(base64));
}

function bufferOf(base64: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(base64, 'base64')).buffer;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('Cannot read a typed value: it has no text');
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('Cannot read a typed value: it has no list');
}

function pair(value: unknown): readonly unknown[] {
  const two = list(value);
  if (two.length === 2) return two;
  throw new TypeError('Cannot read a typed value: an entry is not a pair');
}
