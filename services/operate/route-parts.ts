/** What all endpoints share: who acts, and how they refuse. */
import type { FastifyRequest } from 'fastify';
import { zRefusal } from '../../schemas/api.ts';

/** Who acts, as their tool says; the key alone is what is checked. */
export function actorOf(request: FastifyRequest): string {
  const name = request.headers['x-operator'];
  return typeof name === 'string' && /^[\w.@ -]{1,100}$/.test(name) ? name : 'operator';
}

export const refusals = { 401: zRefusal, 404: zRefusal, 409: zRefusal, 422: zRefusal, 503: zRefusal };
