/**
 * Kafka as far as the product stands on it: partitioned logs, consumer groups with their committed offsets, members that
 * come, go, and are taken for dead while they go on. Delivery is at least once; nothing is ever removed from a log.
 */
import type { KafkaRecord, PartitionOffset, PartitionRange, TopicPartition } from '../../runtime/kafka.ts';
import type { Message } from '../../runtime/publisher.ts';
import { hashOf } from './random.ts';
import type { Owner, Scheduler } from './scheduler.ts';

/** A reader as its group sees it. */
export interface Member {
  readonly topics: readonly string[];
  readonly owner: Owner;
  /** Told of its partitions some time after the group has settled on them; each settling is a generation. */
  assign(partitions: readonly TopicPartition[], generation: number): void;
  /** Something new stands in a partition. */
  appended(at: TopicPartition): void;
  /** Its process does not answer for a while: the group goes on without it, and it hears of that when it is back. */
  expelled(): void;
}

interface Group {
  members: Member[];
  generation: number;
  readonly committed: Map<string, bigint>;
}

/** How long a member that does not answer is waited for (ms). */
export const SESSION_MS = 10_000;
const REBALANCE_MS = { first: 20, last: 200 };

export class KafkaCluster {
  readonly #scheduler: Scheduler;
  readonly #logs = new Map<string, KafkaRecord[][]>();
  readonly #groups = new Map<string, Group>();
  readonly #partitions: number;

  constructor(scheduler: Scheduler, partitions: number) {
    this.#scheduler = scheduler;
    this.#partitions = partitions;
  }

  append(messages: readonly Message[]): void {
    const touched = new Map<string, TopicPartition>();
    for (const { topic, key, value, headers = {}, partition = this.#partitionOf(key) } of messages) {
      const log = this.log({ topic, partition });
      log.push({ offset: BigInt(log.length), key: key === null ? null : Buffer.from(key), value, timestamp: this.#scheduler.now, headers });
      touched.set(keyOf({ topic, partition }), { topic, partition });
    }
    for (const at of touched.values()) for (const group of this.#groups.values()) for (const member of group.members) member.appended(at);
  }

  log({ topic, partition }: TopicPartition): KafkaRecord[] {
    let partitions = this.#logs.get(topic);
    if (!partitions) {
      partitions = Array.from({ length: this.#partitions }, () => []);
      this.#logs.set(topic, partitions);
    }
    const log = partitions[partition];
    if (!log) throw new Error(`${topic} has no partition ${partition}`);
    return log;
  }

  ranges(topics: readonly string[]): PartitionRange[] {
    return topics.flatMap((topic) => Array.from({ length: this.#partitions }, (_, partition) => ({ topic, partition, low: 0n, high: BigInt(this.log({ topic, partition }).length) })));
  }

  committed(groupId: string, at: TopicPartition): bigint | null {
    return this.#group(groupId).committed.get(keyOf(at)) ?? null;
  }

  /** False for one that is no member (any more), or has not heard of the newest generation. */
  commit(groupId: string, member: Member, generation: number, offsets: readonly PartitionOffset[]): boolean {
    const group = this.#group(groupId);
    if (!group.members.includes(member) || generation !== group.generation) return false;
    for (const offset of offsets) group.committed.set(keyOf(offset), offset.next);
    return true;
  }

  isMember(groupId: string, member: Member): boolean {
    return this.#group(groupId).members.includes(member);
  }

  join(groupId: string, member: Member): void {
    const group = this.#group(groupId);
    group.members = [...group.members, member];
    this.#rebalance(group);
  }

  leave(groupId: string, member: Member): void {
    const group = this.#group(groupId);
    if (!group.members.includes(member)) return;
    group.members = group.members.filter((other) => other !== member);
    this.#rebalance(group);
  }

  /** The sessions of a process that does not answer time out. */
  expel(owner: Owner): void {
    for (const group of this.#groups.values()) for (const member of group.members) if (member.owner === owner) member.expelled();
  }

  /** Deals the partitions out anew in every group, as when a member comes and goes. */
  shuffle(): void {
    for (const group of this.#groups.values()) {
      group.members = [...group.members.slice(1), ...group.members.slice(0, 1)];
      this.#rebalance(group);
    }
  }

  #rebalance(group: Group): void {
    const { members } = group;
    group.generation += 1;
    members.forEach((member, index) => {
      const mine = member.topics.flatMap((topic) => Array.from({ length: this.#partitions }, (_, partition) => ({ topic, partition })).filter(({ partition }) => partition % members.length === index));
      member.assign(mine, group.generation);
    });
  }

  #group(groupId: string): Group {
    let group = this.#groups.get(groupId);
    if (!group) {
      group = { members: [], generation: 0, committed: new Map() };
      this.#groups.set(groupId, group);
    }
    return group;
  }

  #partitionOf(key: string | null): number {
    return Math.abs(hashOf(key ?? '')) % this.#partitions;
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** How long a group takes to tell a member of its partitions. */
export function rebalanceMs(chance: number): number {
  return Math.round(REBALANCE_MS.first + chance * (REBALANCE_MS.last - REBALANCE_MS.first));
}
