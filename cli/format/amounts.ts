const MINUTE_SECS = 60;
const HOUR_SECS = 3600;
const DAY_SECS = 86_400;
const MEGABYTE = 1e6;

/** Numbers that JavaScript writes without an exponent, if they are positive. */
const MIN_PLAIN = 1e-6;
const MAX_PLAIN = 1e21;

/**
 * Formats a number: an integer with all its digits, others with `digits` significant ones. Not by `toLocaleString`, which
 * takes 20 ms when it is first called.
 */
export function number(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (value !== 0 && !(size >= MIN_PLAIN && size < MAX_PLAIN))
    return value.toLocaleString('en', Number.isInteger(value) ? {} : { maximumSignificantDigits: digits });
  const [whole = '', fraction] = String(Number.isInteger(value) ? value : Number(value.toPrecision(digits))).split('.');
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Formats an estimate with two significant digits: `0.12`, `57,000`, `1.3 million`. */
export function rough(count: number): string {
  for (const [unit, size] of [
    ['trillion', 1e12],
    ['billion', 1e9],
    ['million', 1e6],
  ] as const) {
    if (count >= size) return `${number(count / size, 2)} ${unit}`;
  }
  return Number(count.toPrecision(2)).toLocaleString('en', { maximumSignificantDigits: 2 });
}

/** Formats dollars: `$1,234`, `$12.34`; amounts below ten cents with two significant digits: `$0.0012`. */
export function dollars(value: number): string {
  if (value >= 1000) return `$${Math.round(value).toLocaleString('en')}`;
  if (value >= 0.1 || value === 0) return `$${value.toFixed(2)}`;
  // Never in the form 1e-7.
  return `$${value.toLocaleString('en', { maximumSignificantDigits: 2, maximumFractionDigits: 20 })}`;
}

/** Formats seconds in the unit that fits: `0.42 s`, `10 min`, `3.5 days`. */
export function duration(secs: number): string {
  if (secs < 10) return `${number(secs, 2)} s`;
  if (secs < 2 * MINUTE_SECS) return `${Math.round(secs)} s`;
  if (secs < 2 * HOUR_SECS) return `${Math.round(secs / MINUTE_SECS)} min`;
  if (secs < 2 * DAY_SECS) return `${number(secs / HOUR_SECS, 2)} h`;
  return `${number(secs / DAY_SECS, 2)} days`;
}

/** Formats a size: `812 bytes`, `1.5 MB`. */
export function byteSize(byteLength: number): string {
  if (byteLength < MEGABYTE) return counted(byteLength, 'byte');
  return `${(byteLength / MEGABYTE).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}

/** Formats a share from 0 to 1: `42%`. */
export function percentage(share: number): string {
  return `${Math.round(100 * share)}%`;
}

/** Formats a count with its noun: `1 run`, `2,000 runs`. A fraction is rounded up. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  const whole = Math.ceil(count);
  return `${number(whole)} ${whole === 1 ? noun : plural}`;
}
