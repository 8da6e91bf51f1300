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
  { pattern: /\bwhat comes out\b/gi, instead: 'results, output' },
  { pattern: /\bnobody\b|\bwhoever\b/gi, instead: 'no process, the caller' },
  { pattern: /\bunder way\b|\bat work\b/gi, instead: 'in flight, running, in progress' },
  { pattern: /\b(?:hand(?:s|ed|ing)?|giv(?:e|es|en|ing)|gave) back\b|\bhidden again\b/gi, instead: 'requeue, release' },
  { pattern: /\bso many\b|\bas many as there\b/gi, instead: 'N, the number of …' },
  { pattern: /\bany more\b/gi, instead: 'no longer' },
  { pattern: /\bof (?:the fabric's|its|their|our|the user's) own\b/gi, instead: 'its own …, a separate …' },
  { pattern: /\blets on\b|\bgoes by\b|\bends here\b/gi, instead: 'keeps, skips, drops' },
  { pattern: /\bthe longest time of a message\b/gi, instead: 'its maximum processing time' },
];

/** A comment opens with a verb or a noun. */
const OPENING: Phrase = {
  pattern: /^(?:What|Whether|Of|Who|Whoever)\b/g,
  instead: 'Returns …, The …, Maximum …, True if …',
};

/** Phrases that comments of the sources may have, in all. */
const MAX_IN_COMMENTS = 40;

interface Finding extends Phrase {
  readonly file: string;
  readonly line: number;
  readonly words: string;
}

/** Comments of TypeScript, and strings, whose slashes are no comments. */
const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;

function splitCode(text: string): { readonly code: string; readonly comments: string } {
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, ' ');
  let comments = '';
  let from = 0;
  const code = text.replaceAll(TOKENS, (token, at: number) => {
    const isComment = token.startsWith('/');
    comments += blank(text.slice(from, at)) + (isComment ? token : blank(token));
    from = at + token.length;
    return isComment ? blank(token) : token;
  });
  return { code, comments };
}

/** Text of a page without its code. */
function proseOf(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```|`[^`\n]*`/gm, (code) => code.replaceAll(/[^\n]/g, ' '));
}

function findingsIn(file: string, text: string, phrases: readonly Phrase[]): readonly Finding[] {
  return phrases.flatMap(({ pattern, instead }) =>
    [...text.matchAll(pattern)].map((match) => ({
      file,
      line: text.slice(0, match.index).split('\n').length,
      words: match[0],
      pattern,
      instead,
    })),
  );
}

/** Comments that open with a word of a clause: of a block its first word, of lines the first of each run. */
function openingsIn(file: string, comments: string): readonly Finding[] {
  let isInside = false;
  return comments.split('\n').flatMap((text, index) => {
    const isComment = /\S/.test(text);
    const starts = /^\s*\/\*\*?\s*/.test(text) || (!isInside && /^\s*\/\//.test(text));
    const continues = /^\s*\/\*\*?\s*$/.test(text);
    const opening = text.replace(/^\s*(?:\/\*\*?|\/\/|\*)\s?/, '');
    const isOpening = starts || (isInside && opensNext);
    opensNext = continues;
    isInside = isComment;
    return isOpening ? findingsIn(file, opening, [OPENING]).map((finding) => ({ ...finding, line: index + 1 })) : [];
  });
}
let opensNext = false;

const paths = process.argv.slice(2);
const isWanted = (file: string): boolean => paths.length === 0 || paths.some((path) => file.startsWith(path));
const visible: Finding[] = [];
const inComments: Finding[] = [];
for (const file of globSync('{lib,functions,cdk,cli}/**/*.ts').filter(isWanted)) {
  const { code, comments } = splitCode(readFileSync(file, 'utf8'));
  visible.push(...findingsIn(file, code, PHRASES));
  inComments.push(...findingsIn(file, comments, PHRASES), ...openingsIn(file, comments));
}
for (const file of globSync('{README,CONTRIBUTING,CHANGELOG}.md').concat(globSync('docs/**/*.md')).filter(isWanted))
  visible.push(...findingsIn(file, proseOf(readFileSync(file, 'utf8')), PHRASES));

for (const { file, line, words, instead } of paths.length > 0 ? [...visible, ...inComments] : visible)
  console.log(`${file}:${line} '${words}': write ${instead}`);
console.log(
  `${visible.length} in what users read, ${inComments.length} in comments (at most 0 and ${MAX_IN_COMMENTS})`,
);
if (visible.length > 0 || inComments.length > MAX_IN_COMMENTS) process.exitCode = 1;
