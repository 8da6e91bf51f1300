const LEAST_DIGITS = 5;

/** The name of a bundle's part: its number and how many there are, with as many digits as that has, at least five. */
export function partName(bundle: number, of: number): string {
  const digits = Math.max(LEAST_DIGITS, String(of).length);
  const padded = (value: number): string => String(value).padStart(digits, '0');
  return `part-${padded(bundle)}-of-${padded(of)}.jsonl`;
}

/** The bundle that a part of this name belongs to; undefined where it is no part's of so many bundles. */
export function bundleOfPart(name: string, of: number): number | undefined {
  const bundle = Number(/^part-(\d+)-of-\d+\.jsonl$/.exec(name)?.[1]);
  return Number.isSafeInteger(bundle) && bundle < of && partName(bundle, of) === name ? bundle : undefined;
}
