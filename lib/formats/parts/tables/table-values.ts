import { isListType, type OutputType } from '../output-schema.ts';

const DAY_MILLIS = 86_400_000;
const MICROS = /\.(\d{1,6})/;

/** Returns a JSON value as a table stores it. @param value - of the type */
export function storedValue(value: unknown, type: OutputType): unknown {
  if (type === 'json') return value === undefined ? null : JSON.stringify(value);
  if (value === null || value === undefined) return null;
  if (typeof type === 'string') return storedScalar(value, type);
  if (isListType(type)) return (value as readonly unknown[]).map((item) => storedValue(item, type[0]));
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(type).map(([name, of]) => [name, storedValue(fields[name], of)]));
}

function storedScalar(value: unknown, type: Extract<OutputType, string>): unknown {
  switch (type) {
    case 'int64':
      return BigInt(value as number | string);
    case 'float':
    case 'double':
      return Number(value);
    case 'date':
      return Date.parse(String(value)) / DAY_MILLIS;
    case 'timestamp':
      return microseconds(String(value));
    default:
      return value;
  }
}

/** Returns the microseconds since 1970 of a time in ISO 8601; without a zone it is in UTC. */
function microseconds(text: string): bigint {
  const hasZone = /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  const whole = Date.parse(text.replace(MICROS, '') + (hasZone ? '' : 'Z'));
  const fraction = MICROS.exec(text)?.[1] ?? '';
  return BigInt(whole) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

/** Returns the JSON text of a value that was read from a table. */
export function jsonText(value: unknown, type: OutputType): string {
  return type === 'json' ? ownJson(value) : JSON.stringify(jsonValue(value, type));
}

/** Returns a JSON text that was stored as it is. */
function ownJson(value: unknown): string {
  return typeof value === 'string' ? value : 'null';
}

function jsonValue(value: unknown, type: OutputType): unknown {
  if (value === null || value === undefined) return null;
  if (typeof type === 'string') {
    if (type === 'json') return JSON.parse(ownJson(value));
    if (typeof value === 'bigint') return String(value);
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  }
  if (isListType(type)) return (value as readonly unknown[]).map((item) => jsonValue(item, type[0]));
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(type).map(([name, of]) => [name, jsonValue(fields[name], of)]));
}
