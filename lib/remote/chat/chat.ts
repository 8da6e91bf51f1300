import { InputMismatchError } from '../../models/element-shape.ts';

/** One message of a chat. What a message has beside its role and its content goes to the endpoint as it is. */
export interface ChatMessage {
  readonly role: string;
  /** Text, or parts as the endpoint's API has them: text, images. */
  readonly content: unknown;
}

/** An element of a chat model: what the user says, or all that was said. */
export type ChatInput = string | { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };

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

function saidIn(element: unknown): readonly ChatMessage[] {
  if (typeof element === 'string') return [{ role: 'user', content: element }];
  if (typeof element === 'object' && element !== null) {
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
  return typeof value === 'object' ? 'an object without them' : typeof value;
}
