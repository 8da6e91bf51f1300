/** Returns the lines of a text, without their line feeds and without empty ones. */
export function linesOf(bytes: Uint8Array): readonly string[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n').filter(Boolean);
}

/** The lines of a text that comes in pieces, without their line feeds; empty ones are left out. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  // The pieces of a line that is not over: joined once, however many they are.
  let open: string[] = [];
  for await (const chunk of chunks) {
    const [first = '', ...rest] = decoder.decode(chunk, { stream: true }).split('\n');
    open.push(first);
    const last = rest.pop();
    if (last === undefined) continue;
    const line = open.join('');
    if (line !== '') yield line;
    for (const whole of rest) if (whole !== '') yield whole;
    open = [last];
  }
  const line = open.join('') + decoder.decode();
  if (line !== '') yield line;
  return undefined;
}
