/** What goes wrong: a plan of 20 to 40 faults over all kinds. Which of them take effect depends on what then happens. */
import { POINTS } from '../engine/incarnation.ts';
import type { Random } from '../engine/random.ts';
import type { SystemName } from '../journal.ts';
import type { SystemDials } from '../systems/dials.ts';
import { FAULT_KINDS } from './schedule.ts';
import type { Dials, Fault, FaultKind } from './schedule.ts';

const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  crash: 8, stall: 3, outage: 2, token_expiry: 1, throttle: 2, request_lost: 4, answer_lost: 8, late_landing: 6, slow_call: 5, webhook_dropped: 8, webhook_doubled: 3,
  webhook_late: 5, stale_read: 3, index_lag: 4, acknowledgement_lost: 3, kafka_down: 1, database_down: 1, commit_unanswered: 3, rebalance: 2, slot_lost: 0.5, lock_lost: 1, third_party: 1,
};

/** How often each point is passed in a schedule, roughly: a crash is planned where it will come about. */
const PASSED: Readonly<Record<(typeof POINTS)[number], number>> = { database: 900, commit: 250, call: 250, publish: 200, kafka: 150, sleep: 900 };

export function faultsOf(random: Random, dials: Dials, spanMs: number): Fault[] {
  const count = random.int(20, 40);
  return Array.from({ length: count }, () => faultOf(random, dials, spanMs));
}

function faultOf(random: Random, dials: Dials, spanMs: number): Fault {
  const kind = random.weighted(FAULT_KINDS.map((one) => [WEIGHTS[one], one] as const));
  const externals = Object.keys(dials.systems);
  const system = random.pick(['bevatel', ...externals]);
  const external = random.pick(externals);
  const span = (longestMs: number): { at: number; forMs: number } => ({ at: random.int(0, spanMs), forMs: random.int(500, longestMs) });
  const call = random.chance(0.8) ? 'write' as const : 'read' as const;
  switch (kind) {
    case 'crash': {
      const point = random.pick(POINTS);
      return { kind, process: random.int(0, dials.processes - 1), point, nth: random.int(1, PASSED[point]), downMs: random.int(200, 20_000) };
    }
    case 'stall': return { kind, process: random.int(0, dials.processes - 1), ...span(60_000) };
    case 'outage':
    case 'token_expiry': return { kind, system, ...span(30_000) };
    case 'throttle': return { kind, system, ...span(20_000), retryAfterMs: random.chance(0.5) ? random.int(500, 20_000) : null };
    case 'request_lost':
    case 'answer_lost': return { kind, system, call, nth: random.int(1, 50) };
    case 'late_landing': return { kind, system, call: 'write', nth: random.int(1, 50), afterMs: late(random) };
    case 'slow_call': return { kind, system, call, nth: random.int(1, 60), ms: random.int(500, 6_000) };
    case 'webhook_dropped':
    case 'webhook_doubled': return { kind, system: external, nth: random.int(1, 80) };
    case 'webhook_late': return { kind, system: external, nth: random.int(1, 80), byMs: random.int(300, 120_000) };
    case 'stale_read': return { kind, system: external, nth: random.int(1, 80), byMs: random.int(0, dials.systems[external]?.stalenessWindowMs ?? 0) };
    case 'index_lag': return { kind, system: external, nth: random.int(1, 80), byMs: random.int(0, dials.systems[external]?.indexLagMs ?? 0) };
    case 'acknowledgement_lost': return { kind, nth: random.int(1, 200) };
    case 'kafka_down': return { kind, ...span(8_000) };
    case 'database_down': return { kind, ...span(8_000) };
    case 'commit_unanswered': return { kind, nth: random.int(1, 250) };
    case 'rebalance':
    case 'slot_lost':
    case 'lock_lost': return { kind, at: random.int(0, spanMs) };
    case 'third_party': return thirdParty(random, system, dials.systems[system], spanMs);
    default: return kind satisfies never;
  }
}

/** After a call's deadline mostly, within its lease or beyond; sometimes many minutes. */
function late(random: Random): number {
  return random.weighted([[4, random.int(2_000, 16_000)], [4, random.int(15_000, 50_000)], [2, random.int(50_000, 900_000)]]);
}

function thirdParty(random: Random, system: SystemName, dials: SystemDials | undefined, spanMs: number): Fault {
  const field = dials ? 'company' : 'company_name';
  return { kind: 'third_party', system, field, insists: random.chance(0.4) ? `Own value of ${system}` : null, at: random.int(0, spanMs), forMs: random.int(10_000, 120_000) };
}
