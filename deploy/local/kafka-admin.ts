/** The few questions and orders that a stack itself has for its Kafka: does it answer, and away with a prefix. */
import { type Admin, Kafka, logLevel } from 'kafkajs';

const CONNECT_LIMIT_MS = 1000;
const REQUEST_LIMIT_MS = 10_000;

/** Resolves when a broker answers with itself in the cluster; rejects otherwise, without a second try. */
export async function describeCluster(brokers: readonly string[]): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const { brokers: known } = await admin.describeCluster();
    if (known.length === 0) throw new Error('no broker has registered yet');
  });
}

/** Deletes the consumer groups and the topics whose name starts with `prefix`. */
export async function deletePrefixed(brokers: readonly string[], prefix: string): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const { groups } = await admin.listGroups();
    const groupIds = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix));
    // A group that still has members cannot be deleted; its offsets expire with the topic.
    if (groupIds.length > 0) await admin.deleteGroups(groupIds).catch(() => undefined);
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics, timeout: REQUEST_LIMIT_MS });
  });
}

async function withAdmin(brokers: readonly string[], work: (admin: Admin) => Promise<void>): Promise<void> {
  const kafka = new Kafka({
    clientId: 'bevatel-stack',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: CONNECT_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}
