import { InputMismatchError } from '../../models/element-shape.ts';
import { shownElement } from '../shown-value.ts';

/** One message of a chat. Its other fields are sent unchanged. */
export interface ChatMessage {
  readonly role: string;
  /** Text, or parts in the format of the endpoint's API: text, images. */
  readonly content: unknown;
}

/** Content of a chat: the user's prompt, or all messages. */
type ChatContent = { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };

/** An element of a chat model. Its other fields are parameters of its request, in the words of the endpoint's API. */
export type ChatInput = string | ChatContent | (ChatContent & Readonly<Record<string, unknown>>);

/** Tokens of one answer, as the server counted them. */
export interface ChatUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Answer of a chat model. */
export interface ChatPrediction {
  readonly text: string;
  /** Reason for the end of the text, from the endpoint: `stop`, or `length` if it was cut off. */
  readonly finishReason: string;
  /** Absent if the endpoint does not report it. */
  readonly usage?: ChatUsage;
  /** Tool calls that the model requests, in the format of the API. Absent without tool calls. */
  readonly toolCalls?: readonly unknown[];
}

const SYSTEM_ROLES = new Set(['system', 'developer']);

export function isSystemMessage({ role }: ChatMessage): boolean {
  return SYSTEM_ROLES.has(role);
}

/**
 * Returns the messages of an element. `system` comes first, unless the element has its own system message.
 *
 * @throws InputMismatchError if it is not an element of a chat.
 */
export function messagesOf(element: unknown, system?: string): readonly ChatMessage[] {
  const messages = messagesIn(element);
  if (system === undefined || messages.some(isSystemMessage)) return messages;
  return [{ role: 'system', content: system }, ...messages];
}

const CONTENT_FIELDS = new Set(['messages', 'prompt']);

/** Returns the fields of an element other than its content: parameters of its request. */
export function chatParams(element: unknown): Readonly<Record<string, unknown>> {
  if (typeof element !== 'object' || element === null) return {};
  return Object.fromEntries(Object.entries(element).filter(([name]) => !CONTENT_FIELDS.has(name)));
}

function messagesIn(element: unknown): readonly ChatMessage[] {
  if (typeof element === 'string') return [{ role: 'user', content: element }];
  if (typeof element === 'object' && element !== null) {
    if ('messages' in element && 'prompt' in element) {
      throw new InputMismatchError("an element of a chat must have 'messages' or 'prompt': got both");
    }
    if ('messages' in element) return checkedMessages(element.messages);
    if ('prompt' in element && typeof element.prompt === 'string') return [{ role: 'user', content: element.prompt }];
  }
  throw new InputMismatchError(
    `an element of a chat must be text, { prompt } with text, or { messages }: got ${shownElement(element, 'them')}`,
  );
}

function checkedMessages(messages: unknown): readonly ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InputMismatchError(
      `'messages' must be a list of at least one message: got ${shownElement(messages, 'them')}`,
    );
  }
  for (const message of messages as readonly unknown[]) {
    if (typeof message === 'object' && message !== null && 'role' in message && typeof message.role === 'string') {
      continue;
    }
    throw new InputMismatchError("each of 'messages' must be an object with a 'role'");
  }
  return messages as readonly ChatMessage[]; // The role was checked; the API checks 'content'.
}
