/** Shows the event in a dead letter's bytes by the schema of its topic; what cannot be decoded is null (I8). */
import type { Codecs } from '../../../runtime/codec.ts';
import { isSyncError } from '../../../schemas/errors.ts';
import { HINTS_TOPIC, TOPICS, topicName } from '../../../schemas/topics.ts';
import type { LetterDecoder } from './dead-letter-view.ts';

export function createLetterDecoder(codec: Pick<Codecs, 'changes' | 'hints'>, topicPrefix: string): LetterDecoder {
  const changes = new Set(TOPICS.filter(({ schema }) => schema === 'contact-change').map(({ name }) => topicName(topicPrefix, name)));
  return async ({ topic, bytes }) => {
    try {
      if (changes.has(topic)) return await codec.changes.decode(bytes);
      return topic === topicName(topicPrefix, HINTS_TOPIC) ? await codec.hints.decode(bytes) : null;
    } catch (error) {
      if (isSyncError(error) && error.code === 'undecodable') return null;
      throw error;
    }
  };
}
