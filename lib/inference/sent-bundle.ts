import { jsonOf } from '../elements/nesting.ts';
import type { Bundle, BundleSource } from './bundle.ts';

type Given = Extract<BundleSource, { kind: 'elements' }>;

/**
 * A bundle on its way to a worker. Elements that came by themselves are JSON texts: parsed values of any depth have one,
 * but cannot all be cloned, and they are checked one by one where they are read.
 */
export type SentBundle = Omit<Bundle, 'source'> & {
  readonly source: Exclude<BundleSource, Given> | (Omit<Given, 'elements'> & { readonly texts: readonly string[] });
};

export function sendBundle({ source, ...bundle }: Bundle): SentBundle {
  if (source.kind !== 'elements') return { ...bundle, source };
  const { elements, ...rest } = source;
  return { ...bundle, source: { ...rest, texts: elements.map(jsonOf) } };
}

export function receiveBundle({ source, ...bundle }: SentBundle): Bundle {
  if (source.kind !== 'elements') return { ...bundle, source };
  const { texts, ...rest } = source;
  return { ...bundle, source: { ...rest, elements: texts.map((text) => JSON.parse(text) as unknown) } };
}
