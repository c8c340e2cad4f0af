/**
 * Conversations as prompts. A model with a chat template gets what it was trained on. One without gets a plain form: chat
 * clients then work with any model, and a model that only continues texts continues a dialogue.
 */
import type { ChatTemplate, Prompt } from "../text/chat.ts";
import type { Message } from "../text/chat-kinds.ts";

/** A prompt, and where the answer ends at the latest. */
export interface Conversation {
  readonly prompt: string | Prompt;
  readonly stops: readonly string[];
  /** Whether the answer begins behind a space that is not part of it. */
  readonly dropsSpace: boolean;
}

const NAMES: Readonly<Record<Message["role"], string>> = { system: "", user: "User: ", assistant: "Assistant: " };

/** @throws InputError for a conversation that the template refuses */
export function conversationOf(messages: readonly Message[], template: ChatTemplate | undefined): Conversation {
  if (template !== undefined) return { prompt: template.render(messages), stops: [], dropsSpace: false };
  const turns = messages.map(({ role, content }) => `${NAMES[role]}${content.trim()}\n`);
  return { prompt: `${turns.join("")}Assistant:`, stops: ["\nUser:"], dropsSpace: true };
}
