/**
 * Long answers, line by line (NDJSON): nothing is gathered, and what the client does not take waits where it is made.
 *
 * A failure after the first line can change no status any more: it is told by a line of its own.
 */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { apiErrorOf } from './refusal.ts';

/** The response of a route, for its schema. */
export function ndjson<S extends z.ZodType>(schema: S, description: string): { description: string; content: { 'application/x-ndjson': { schema: S } } } {
  return { description, content: { 'application/x-ndjson': { schema } } };
}

export function sendLines(reply: FastifyReply, lines: AsyncIterable<object>): FastifyReply {
  return reply.type('application/x-ndjson').send(Readable.from(written(lines)));
}

async function* written(lines: AsyncIterable<object>): AsyncGenerator<string> {
  try {
    for await (const line of lines) yield `${JSON.stringify(line)}\n`;
  } catch (error) {
    yield `${JSON.stringify({ kind: 'failed', error: apiErrorOf(error) })}\n`;
  }
}
