import type { LogFields, Telemetry } from '../../lib/telemetry/telemetry.ts';
import { logLine } from '../log-line.ts';

/** Prints warnings and errors on standard error, one line each; with `verbose`, also information. Metrics are ignored. */
export function stderrTelemetry({ verbose }: { readonly verbose: boolean }): Telemetry {
  return {
    info: verbose ? print : () => {},
    warn: print,
    error: print,
    count() {},
  };
}

function print(message: string, fields?: LogFields): void {
  logLine(lineOf(message, fields));
}

function lineOf(message: string, fields: LogFields = {}): string {
  const { error, ...others } = fields;
  const why = isDescribed(error) ? `: ${error.name}: ${error.message}` : '';
  const facts = Object.entries(others).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${message}${why}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`;
}

function isDescribed(error: unknown): error is { readonly name: string; readonly message: string } {
  return typeof error === 'object' && error !== null && 'name' in error && 'message' in error;
}
