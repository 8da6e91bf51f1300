import { headOf } from '../../lib/jobs/output-layout.ts';
import { tensorOfJson } from '../../lib/remote/open-inference/json-tensors.ts';
import { parseExactly, parseLenient } from '../../lib/remote/http/lenient-json.ts';
import { secretMask } from '../../lib/remote/http/secret-mask.ts';
import { serverWords, shortened } from '../../lib/remote/http/server-words.ts';
import { decodeBody } from '../../lib/remote/sagemaker/content-types.ts';
import { repeated, worstCase, type WorstCase } from './growth.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const words = (text: string) => serverWords(text, secretMask([`b${'a'.repeat(100)}`]));
const decodes = (contentType: string) => (text: string) => decodeBody(Buffer.from(text), contentType, 1);

export const ENDPOINTS: readonly WorstCase[] = [
  worstCase('an answer whose string does not end', 32 * KIB, (n) => `"${repeated('\\"', n)}`, parseLenient),
  worstCase('an answer of backslashes', 4 * MIB, (n) => `NaN"${repeated('\\', n)}`, parseLenient),
  worstCase('an answer of NaN', 128 * KIB, (n) => `[${repeated('NaN,', n)}1]`, parseLenient),
  worstCase('an answer of signs', 4 * MIB, (n) => `[NaN${repeated('-', n)}`, parseLenient),
  worstCase('an answer of short strings', 128 * KIB, (n) => `[NaN${repeated(',""', n)}]`, parseLenient),
  worstCase('an integer of an answer', 4 * MIB, (n) => repeated('9', n), parseExactly),
  worstCase('integers of an answer', 256 * KIB, (n) => `[${repeated('9007199254740993,', n)}1]`, parseExactly),
  worstCase(
    'nested data of an answer',
    256 * KIB,
    (n) => Array.from({ length: n / 4 }, () => [1]),
    (data) => tensorOfJson({ name: 'y', datatype: 'FP32', shape: [data.length] }, data),
  ),
  worstCase('lines of an answer', 512 * KIB, (n) => repeated('\r\n', n), decodes('application/jsonlines')),
  worstCase('rows of an answer', 512 * KIB, (n) => repeated('1,', n), decodes('text/csv')),
  worstCase('a page of title tags', 64 * KIB, (n) => `<html>${repeated('<title', n)}`, words),
  worstCase('a page after whitespace', 2 * MIB, (n) => `${repeated(' ', n)}<`, words),
  worstCase('a traceback of line feeds', MIB, (n) => `Traceback (most recent call last)${repeated('\n', n)}x`, words),
  worstCase('words of spaces', 4 * MIB, (n) => `${repeated(' \n', n)}x`, shortened),
  worstCase('words near a secret', 2 * MIB, (n) => repeated('a', n), words),
  worstCase('a list of complaints', 512 * KIB, (n) => `[${repeated('{"msg":1},', n)}1]`, words),
  worstCase('nested complaints', 512 * KIB, (n) => `${repeated('[', n / 2)}${repeated(']', n / 2)}`, words),
  worstCase('an answer file whose id does not end', MIB, (n) => `{"id":"${repeated('\\"', n)}`, headOf),
];
