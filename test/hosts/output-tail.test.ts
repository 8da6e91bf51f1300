import { describe, expect, test } from 'vitest';
import { OutputTail } from '../../lib/hosts/output-tail.ts';

const HARMLESS = [
  'Error in cpuinfo: failed to parse the list of possible processors in /sys/devices/system/cpu/possible',
  'Error in cpuinfo: failed to parse both lists of possible and present processors',
  'Warning in cpuinfo: invalid cpu',
  'onnxruntime cpuid_info warning: Unknown CPU vendor. cpuinfo_vendor value: 0',
];

describe('the output of a host', () => {
  test('goes to the log and to the error without the lines that a hidden CPU makes, wherever chunks are cut', () => {
    const text = [HARMLESS[0], 'one', ...HARMLESS, 'two: Error in cpuinfo: x', HARMLESS[1], 'three'].join('\n');
    for (let size = 1; size <= text.length; size += 7) {
      const lines: string[] = [];
      const tail = new OutputTail((line) => void lines.push(line));
      for (let at = 0; at < text.length; at += size) tail.push(Buffer.from(text.slice(at, at + size)));
      expect(lines).toEqual(['one', 'two: Error in cpuinfo: x']);
      expect(tail.text).toBe('one\ntwo: Error in cpuinfo: x\nthree');
      expect(tail.quoted()).toBe(', having printed: one\ntwo: Error in cpuinfo: x\nthree');
    }
  });

  test('is nothing where it is these lines alone, also in the middle of one', () => {
    const tail = new OutputTail();
    tail.push(Buffer.from(HARMLESS.join('\n')));
    expect(tail.quoted()).toBe('');
  });

  test('keeps the last 8 KiB, of lines and of a line that has no end', () => {
    const tail = new OutputTail();
    tail.push(Buffer.from('a\n'.repeat(10_000)));
    tail.push(Buffer.from('b'.repeat(10_000)));
    expect(tail.text).toBe('b'.repeat(8192));
    tail.push(Buffer.from('\nend'));
    expect(tail.text).toHaveLength(8192);
    expect(tail.text.endsWith('b\nend')).toBe(true);
  });
});
