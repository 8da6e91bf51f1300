const MASK = '***';
/** Minimum length of a masked secret. A shorter one would mask half of a message. */
const MIN_SECRET_CHARACTERS = 4;

/**
 * Returns a function that masks secrets in a text from elsewhere, such as an endpoint's message that repeats the key. Mask
 * a text before it is shortened: a part of a secret would not be found.
 */
export function secretMask(secrets: Iterable<string>): (words: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets)
    for (const form of formsOf(secret)) if (form.length >= MIN_SECRET_CHARACTERS) forms.add(form);
  // The longest first: `Bearer abc` before `abc`.
  const sorted = [...forms].sort((one, other) => other.length - one.length);
  return (words) => sorted.reduce((text, form) => text.replaceAll(form, MASK), words);
}

/** Returns a secret as it is sent, without its scheme (`Bearer`, `Basic`), and as URLs and JSON write these. */
function formsOf(secret: string): string[] {
  const whole = secret.trim();
  return [whole, ...whole.split(/\s+/).slice(1)].flatMap((form) => [
    form,
    encodeURIComponent(form),
    JSON.stringify(form).slice(1, -1),
  ]);
}
