import { InputMismatchError } from '../../models/element-shape.ts';

/** One message of a chat. What a message has beside its role and its content goes to the endpoint as it is. */
export interface ChatMessage {
  readonly role: string;
  /** Text, or parts as the endpoint's API has them: text, images. */
  readonly content: unknown;
}

/** Content of a chat: the user's prompt, or all messages. */
type ChatContent = { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };

/** An element of a chat model. Its other fields are parameters of its request, in the words of the endpoint's API. */
export type ChatInput = string | ChatContent | (ChatContent & Readonly<Record<string, unknown>>);

export interface ChatUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a chat model answered. */
export interface ChatPrediction {
  readonly text: string;
  /** Why the text ends, in the endpoint's own words: `stop`, or `length` where it was cut off. */
  readonly finishReason: string;
  /** Absent where the endpoint does not say. */
  readonly usage?: ChatUsage;
  /** Tools that the model wants to be called, as the API has them. Absent where it wants none. */
  readonly toolCalls?: readonly unknown[];
}

/** Maximum number of an element's fields that an error message names. */
const MAX_NAMES = 5;

const SYSTEM_ROLES = new Set(['system', 'developer']);

export function isSystemMessage({ role }: ChatMessage): boolean {
  return SYSTEM_ROLES.has(role);
}

/**
 * The messages of an element. `system` comes first, unless the element has a system message of its own.
 *
 * @throws InputMismatchError where it is no element of a chat.
 */
export function messagesOf(element: unknown, system?: string): readonly ChatMessage[] {
  const messages = saidIn(element);
  if (system === undefined || messages.some(isSystemMessage)) return messages;
  return [{ role: 'system', content: system }, ...messages];
}

const CONTENT_FIELDS = new Set(['messages', 'prompt']);

/** Returns the fields of an element other than its content: parameters of its request. */
export function chatParams(element: unknown): Readonly<Record<string, unknown>> {
  if (typeof element !== 'object' || element === null) return {};
  return Object.fromEntries(Object.entries(element).filter(([name]) => !CONTENT_FIELDS.has(name)));
}

function saidIn(element: unknown): readonly ChatMessage[] {
  if (typeof element === 'string') return [{ role: 'user', content: element }];
  if (typeof element === 'object' && element !== null) {
    if ('messages' in element && 'prompt' in element) {
      throw new InputMismatchError("an element of a chat must have 'messages' or 'prompt': got both");
    }
    if ('messages' in element) return checkedMessages(element.messages);
    if ('prompt' in element && typeof element.prompt === 'string') return [{ role: 'user', content: element.prompt }];
  }
  throw new InputMismatchError(
    `an element of a chat must be text, { prompt } with text, or { messages }: got ${kindOf(element)}`,
  );
}

function checkedMessages(messages: unknown): readonly ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InputMismatchError(`'messages' must be a list of at least one: got ${kindOf(messages)}`);
  }
  for (const message of messages as readonly unknown[]) {
    if (typeof message === 'object' && message !== null && 'role' in message && typeof message.role === 'string') {
      continue;
    }
    throw new InputMismatchError("each of 'messages' must be an object with a 'role'");
  }
  return messages as readonly ChatMessage[]; // As it was checked; 'content' is the API's.
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  const names = Object.keys(value)
    .slice(0, MAX_NAMES)
    .map((name) => `'${name.slice(0, 64)}'`);
  return names.length === 0 ? 'an object without them' : `an object without them, which has ${names.join(', ')}`;
}
