const DAYS_BEFORE_1970 = 719_468;
const DAYS_PER_ERA = 146_097;
const YEARS_PER_ERA = 400;
const DAY_SECONDS = 86_400;
const MAX_YEAR = 9999;

/**
 * Returns a date as ISO 8601 has it, `2024-02-29`; years after 9999 and before 0 have a sign and six digits. The calendar
 * is the Gregorian one for all times (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms).
 */
export function dateText(daysSince1970: number): string {
  const days = daysSince1970 + DAYS_BEFORE_1970;
  const era = Math.floor(days / DAYS_PER_ERA);
  const dayOfEra = days - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = era * YEARS_PER_ERA + yearOfEra + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${padded(month, 2)}-${padded(day, 2)}`;
}

function yearText(year: number): string {
  if (year >= 0 && year <= MAX_YEAR) return padded(year, 4);
  return `${year < 0 ? '-' : '+'}${padded(Math.abs(year), 6)}`;
}

/** Returns a time of day, `10:05:00.250`. @param units - since midnight, of which a second has 10 to the `digits` */
export function timeText(units: number, digits: number): string {
  const perSecond = 10 ** digits;
  const seconds = Math.floor(units / perSecond);
  const fraction = units - seconds * perSecond;
  const clock = `${padded(Math.floor(seconds / 3600), 2)}:${padded(Math.floor(seconds / 60) % 60, 2)}:${padded(seconds % 60, 2)}`;
  return digits === 0 ? clock : `${clock}.${padded(fraction, digits)}`;
}

/** Returns a time, `2024-02-29T10:05:00.250`. @param units - since 1970, of which a second has 10 to the `digits` */
export function timestampText(units: number | bigint, digits: number): string {
  const [days, rest] = typeof units === 'number' ? splitNumber(units, digits) : splitBigInt(units, digits);
  return `${dateText(days)}T${timeText(rest, digits)}`;
}

function splitNumber(units: number, digits: number): [days: number, rest: number] {
  const perDay = DAY_SECONDS * 10 ** digits;
  const days = Math.floor(units / perDay);
  return [days, units - days * perDay];
}

function splitBigInt(units: bigint, digits: number): [days: number, rest: number] {
  const perDay = BigInt(DAY_SECONDS) * 10n ** BigInt(digits);
  const rest = ((units % perDay) + perDay) % perDay;
  return [Number((units - rest) / perDay), Number(rest)];
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
