/** The raw probe of the webhook intake, as a process of its own: fastify, one message per event, Kafka's acknowledgement. */
import Fastify from 'fastify';
import { connectKafka } from '../../runtime/kafka.ts';
import { createLogger } from '../../runtime/logger.ts';

const env = (name: string): string => process.env[name] ?? '';
const topic = `${env('TOPIC_PREFIX')}probe.hints`;
const kafka = await connectKafka({ brokers: env('KAFKA_BROKERS').split(','), clientId: 'probe', logger: createLogger({ service: 'probe', level: 'error' }) });
await kafka.ensureTopics(env('TOPIC_PREFIX'), [{ name: 'probe.hints', says: 'a probe', schema: 'contact-hint', key: [], partitions: 3, retentionMs: 86_400_000, cleanup: 'delete', writers: [], readers: [] }]);
const publisher = kafka.publisher();
const server = Fastify();
server.post('/hooks/hubspot', async (request) => {
  const events = request.body as { objectId: number }[];
  await publisher.publish(events.map((event) => ({ topic, key: String(event.objectId), value: Buffer.from(JSON.stringify(event)) })));
  return { accepted: events.length };
});
const url = await server.listen({ host: '127.0.0.1', port: 0 });
process.once('SIGTERM', () => void (async () => {
  await server.close();
  await kafka.close();
})());
console.log(JSON.stringify({ ready: true, url: `${url}/hooks/hubspot` }));
