const MINUTE_SECS = 60;
const HOUR_SECS = 3600;
const DAY_SECS = 86_400;

/** A number with so many digits as say something. */
export function number(value: number, digits = 3): string {
  return value.toLocaleString('en', Number.isInteger(value) ? {} : { maximumSignificantDigits: digits });
}

/** `1.2 million` where it is many, `0.12` where it is less than one. */
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

/** `$1,234`, `$12.34`, `$0.0012`: cents where there are any, and two digits below. */
export function dollars(value: number): string {
  if (value >= 1000) return `$${Math.round(value).toLocaleString('en')}`;
  if (value >= 0.1 || value === 0) return `$${value.toFixed(2)}`;
  // Never in the form 1e-7.
  return `$${value.toLocaleString('en', { maximumSignificantDigits: 2, maximumFractionDigits: 20 })}`;
}

export function duration(secs: number): string {
  if (secs < 10) return `${number(secs, 2)} s`;
  if (secs < 2 * MINUTE_SECS) return `${Math.round(secs)} s`;
  if (secs < 2 * HOUR_SECS) return `${Math.round(secs / MINUTE_SECS)} min`;
  if (secs < 2 * DAY_SECS) return `${number(secs / HOUR_SECS, 2)} h`;
  return `${number(secs / DAY_SECS, 2)} days`;
}

export function counted(count: number, noun: string): string {
  const whole = Math.ceil(count);
  return `${whole.toLocaleString('en')} ${noun}${whole === 1 ? '' : 's'}`;
}
