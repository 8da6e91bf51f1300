const MASK = '***';
/** What is shorter says nothing to anybody, and would blot out half of a message. */
const MIN_SECRET_CHARACTERS = 4;

/**
 * Takes secrets out of words that somebody else wrote, an endpoint that repeats the key it was sent for one. Words are to
 * be masked before they are shortened: the half of a secret would not be found.
 */
export function secretMask(secrets: Iterable<string>): (words: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets)
    for (const form of formsOf(secret)) if (form.length >= MIN_SECRET_CHARACTERS) forms.add(form);
  // The longest first: `Bearer abc` before `abc`.
  const sorted = [...forms].sort((one, other) => other.length - one.length);
  return (words) => sorted.reduce((text, form) => text.replaceAll(form, MASK), words);
}

/** As it is sent, without its scheme (`Bearer`, `Basic`), and as URLs and JSON write these. */
function formsOf(secret: string): string[] {
  const whole = secret.trim();
  return [whole, ...whole.split(/\s+/).slice(1)].flatMap((form) => [
    form,
    encodeURIComponent(form),
    JSON.stringify(form).slice(1, -1),
  ]);
}
