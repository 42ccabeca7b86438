/** Collects what the oracle judges by, when a world has come to its end. */
import { DECISIONS_TOPIC, topicName } from '../../schemas/topics.ts';
import { CODECS } from '../engine/codecs.ts';
import type { DecisionRow, Evidence, FinalRecord, LinkRow } from '../oracle/evidence.ts';
import { stateOf } from '../systems/record.ts';
import { isLive } from '../systems/system.ts';
import type { Played } from './play.ts';
import type { World } from './world.ts';

export async function collect(world: World, { unrest, idleWrites, lateWrites }: Played): Promise<Evidence> {
  const { database, tenant, schedule, journal, unforeseen, faults } = world;
  const links = await database.ask<LinkRow>('select integration_id, link_id, bevatel_id, external_id, erased, state from links where tenant_id = $1 order by integration_id, link_id', [tenant]);
  const decisions = await database.ask<DecisionRow>(
    'select decision_id, integration_id, link_id, bevatel_id, external_id, decided_at, cause, cause_id, verdict, groups, source, source_offset from decisions where tenant_id = $1 order by decided_at, decision_id, link_id', [tenant]);
  const quarantined = await database.ask<{ key: string }>(`select case side when 'bevatel' then side else integration_id end || '/' || record_id as key from dead_letters where tenant_id = $1 and status = 'open'`, [tenant]);
  return {
    schedule, journal, links, decisions, unrest, idleWrites, lateWrites, unforeseen,
    records: recordsOf(world), published: published(world), quarantined: new Set(quarantined.map(({ key }) => key)),
    faultsMet: Object.values(faults.tally).reduce((sum, count) => sum + count, 0),
  };
}

function recordsOf({ systems }: World): FinalRecord[] {
  return [...systems.values()].flatMap((system) => [...system.records.values()].map((record) => ({
    system: system.name, id: record.id, person: record.person, isLive: isLive(record), fields: stateOf(record).fields, references: stateOf(record).references,
  })));
}

function published({ cluster, topicPrefix }: World): Set<string> {
  const topic = topicName(topicPrefix, DECISIONS_TOPIC);
  return new Set(cluster.ranges([topic]).flatMap((range) => cluster.log(range).flatMap(({ value }) => (value ? [CODECS.decisions.decodeNow(value)?.decisionId ?? ''] : []))));
}
