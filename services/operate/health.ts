/** `/health/live`, `/health/ready` and `/metrics`, without a key: they hold no data of tenants (I11). */
import type { FastifyInstance } from 'fastify';
import type { Deps } from '../../runtime/deps.ts';

export function addHealth(server: FastifyInstance, { pool, kafka, metrics }: Pick<Deps, 'pool' | 'kafka' | 'metrics'>): void {
  server.get('/health/live', () => ({ live: true }));
  server.get('/health/ready', async (_request, reply) => {
    const checks = await Promise.allSettled([pool.query('select 1'), kafka.check()]);
    const [database, brokers] = checks.map(({ status }) => status === 'fulfilled');
    return reply.code(database && brokers ? 200 : 503).send({ ready: Boolean(database && brokers), database, kafka: brokers });
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
}
