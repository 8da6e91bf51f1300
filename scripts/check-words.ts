import { globSync, readFileSync } from 'node:fs';

// Counts phrases that plain English does without, in what users read and in comments.
//   node scripts/check-words.ts [path…]     lists those in files below the paths; by default in all that ships

interface Phrase {
  readonly pattern: RegExp;
  readonly instead: string;
}

const PHRASES: readonly Phrase[] = [
  { pattern: /\banew\b|\bover again\b/gi, instead: 'again, from scratch' },
  { pattern: /\breckon\w*/gi, instead: 'compute, estimate, count' },
  { pattern: /\b(?:is|are|was|were) none\b/gi, instead: 'is not a …, there is no …' },
  { pattern: /\bwhat (?:comes out|it takes)\b/gi, instead: 'results, output; cost, requirements' },
  { pattern: /\bnobody\b|\bwhoever\b/gi, instead: 'no process, the caller' },
  { pattern: /\bunder way\b|\bat work\b/gi, instead: 'in flight, running, in progress' },
  {
    pattern: /\b(?:hand(?:s|ed|ing)?|giv(?:e|es|en|ing)|gave)(?: (?:it|them))? back\b|\bhidden again\b/gi,
    instead: 'requeue, release, extend the visibility timeout',
  },
  { pattern: /\bso many\b|\bas many (?:\w+ )?as there\b/gi, instead: 'N, the number of …' },
  { pattern: /\bany more\b/gi, instead: 'no longer' },
  {
    pattern: /\bof (?:the fabric's|its|their|our|the user's|one's) own\b/gi,
    instead: 'its own …, a separate …',
  },
  { pattern: /\blets? on\b|\bgo(?:es)? by\b|\bends? here\b/gi, instead: 'keeps, skips, drops; is chosen by' },
  { pattern: /\bthe longest time of a message\b/gi, instead: 'its maximum processing time' },
  { pattern: /\b(?:is|are|was|were) fine\b|\bnothing was run\b/gi, instead: 'OK; nothing executed' },
  { pattern: /\bthan (?:it|they|there) may\b/gi, instead: 'exceeded its limit' },
  { pattern: /\b(?:lies|lay|stands|stood) (?:in|on|at|beside|below|there)\b/gi, instead: 'is stored, is in' },
];

/** Comments open with a verb or a noun, not with the first word of a clause. */
const OPENING: Phrase = {
  pattern: /^(?:What|Whether|Of|Who|Whoever)\b/,
  instead: 'Returns …, The …, Maximum …, True if …',
};

/** Maximum number of phrases in the comments of the sources, in all. */
const MAX_IN_COMMENTS = 10;

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly words: string;
  readonly instead: string;
}

interface Text {
  readonly file: string;
  readonly text: string;
}

/** Comments of TypeScript, and its strings: slashes in strings do not start comments. */
const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;

/** Replaces a text by spaces, line by line, so that what remains of a file keeps its line numbers. */
function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}

/** Separates a source from its comments; each keeps the place of the other free. */
function splitCode(source: string): { readonly code: string; readonly comments: string } {
  let comments = '';
  let from = 0;
  const code = source.replaceAll(TOKENS, (token, at: number) => {
    const isComment = token.startsWith('/');
    comments += blank(source.slice(from, at)) + (isComment ? token : blank(token));
    from = at + token.length;
    return isComment ? blank(token) : token;
  });
  return { code, comments };
}

/** Blanks the code of a page. */
function proseOf(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```|`[^`\n]*`/gm, blank);
}

function findingsIn({ file, text }: Text, phrases: readonly Phrase[]): readonly Finding[] {
  return phrases.flatMap(({ pattern, instead }) =>
    [...text.matchAll(pattern)].map((match) => ({ file, line: lineAt(text, match.index), words: match[0], instead })),
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** A block comment, or `//` comments on lines that follow each other. */
const COMMENT = /\/\*\*?([\s\S]*?)\*\/|\/\/[^\n]*(?:\n[ \t]*\/\/[^\n]*)*/g;

/** Finds comments that open with a word of a clause. */
function openingsIn({ file, text }: Text): readonly Finding[] {
  return [...text.matchAll(COMMENT)].flatMap(({ 0: comment, index }) => {
    const start = /^(?:\/\*\*?|\/\/)[\s*]*/.exec(comment)?.[0].length ?? 0;
    const [words] = OPENING.pattern.exec(comment.slice(start)) ?? [];
    if (words === undefined) return [];
    return [{ file, line: lineAt(text, index + start), words, instead: OPENING.instead }];
  });
}

const SOURCES = '{lib,functions,cdk,cli}/**/*.ts';
/** Pages that people write: docs/api is made of docstrings, which are counted where they are written. */
const PAGES = ['{README,CONTRIBUTING,CHANGELOG}.md', 'docs/*.md', 'docs/decisions/*.md'];

function check(paths: readonly string[]): void {
  const isWanted = (file: string): boolean => paths.length === 0 || paths.some((path) => file.startsWith(path));
  const visible: Finding[] = [];
  const inComments: Finding[] = [];
  for (const file of globSync(SOURCES).filter(isWanted)) {
    const { code, comments } = splitCode(readFileSync(file, 'utf8'));
    visible.push(...findingsIn({ file, text: code }, PHRASES));
    inComments.push(...findingsIn({ file, text: comments }, PHRASES), ...openingsIn({ file, text: comments }));
  }
  for (const file of globSync(PAGES).filter(isWanted))
    visible.push(...findingsIn({ file, text: proseOf(readFileSync(file, 'utf8')) }, PHRASES));

  for (const { file, line, words, instead } of paths.length > 0 ? [...visible, ...inComments] : visible)
    console.log(`${file}:${line} '${words}': write ${instead}`);
  console.log(
    `${visible.length} in text for users (maximum 0), ${inComments.length} in comments (maximum ${MAX_IN_COMMENTS})`,
  );
  if (visible.length > 0 || inComments.length > MAX_IN_COMMENTS) process.exitCode = 1;
}

check(process.argv.slice(2));
