/** Prints one message on standard error, with the prefix that all messages of `fabric` have. */
export function logLine(message: string): void {
  console.error(`fabric: ${message}`);
}
