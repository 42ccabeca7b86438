/** The oracle's word on a site: when it has come to rest, over what its sandboxes told and the product's tables. */
import type { Evidence } from '../oracle/evidence.ts';
import { judge } from '../oracle/oracle.ts';
import type { Judgement } from '../oracle/oracle.ts';
import { storyOf } from '../story.ts';
import { writesIn } from '../journal.ts';
import { collect, journalOf } from './evidence.ts';
import { untilAtRest, untilPolled, waitingPairs } from './rest.ts';
import type { Site } from './site.ts';

export interface Judged {
  readonly judgement: Judgement;
  readonly evidence: Evidence;
  /** Persons whose pairs wait for what became of a write: of them nothing can be said yet. */
  readonly waiting: ReadonlySet<string>;
}

export interface JudgeOptions {
  /** How long to wait for rest. */
  readonly patienceMs: number;
  /** Processes that ended by themselves, in words; those that should run and do not are found here. */
  readonly ended?: readonly string[];
  /** Waits for further polls, to see that nothing is written any more (I3). */
  readonly untilQuiet?: boolean;
}

/** What looks broken at rest is looked at again until this time is up: pages of the evidence are not of one moment. */
const SECOND_THOUGHTS_MS = 10_000;

export async function judgedAtRest(site: Site, { patienceMs, ended = [], untilQuiet = false }: JudgeOptions): Promise<Judged> {
  const unrest = await untilAtRest(site, patienceMs);
  const idleWrites = untilQuiet && unrest.length === 0 ? await writesAtRest(site, patienceMs) : 0;
  for (const end = Date.now() + SECOND_THOUGHTS_MS; ;) {
    await site.published.toTheEnd(patienceMs);
    const evidence = await collect(site, { unrest, idleWrites, unforeseen: [...ended, ...notRunning(site)] });
    const waiting = await waitingPersons(site, evidence);
    const said = judge(evidence);
    const judgement = { ...said, findings: said.findings.filter(({ person }) => person === null || !waiting.has(person)) };
    if (judgement.findings.length === 0 || unrest.length > 0 || idleWrites > 0 || Date.now() > end) return { judgement, evidence, waiting };
    await untilAtRest(site, patienceMs);
  }
}

async function waitingPersons(site: Site, { records }: Evidence): Promise<ReadonlySet<string>> {
  const pairs = await waitingPairs(site);
  return new Set(records.filter(({ system, id }) => system === 'bevatel' && pairs.has(id)).map(({ person }) => person));
}

/** I3: at rest polls are the last that could find something; nothing may be written for it. */
async function writesAtRest(site: Site, patienceMs: number): Promise<number> {
  const before = writesIn(await journalOf(site));
  await untilPolled(site, patienceMs);
  await untilAtRest(site, patienceMs);
  return writesIn(await journalOf(site)) - before;
}

function notRunning({ roles }: Site): string[] {
  return Object.values(roles).filter((role) => !role.isRunning).map((role) => `${role.name} ended by itself: ${role.log}`);
}

/** Each finding with the story behind it, as lines; none when nothing is broken. */
export function storiesOf({ diary }: Site, { judgement, evidence }: Judged): string[] {
  return judgement.findings.flatMap(({ invariant, class: kind, what, person }) =>
    [`→ ${invariant} (${kind}): ${what}`, ...storyOf(evidence, person, { startAt: diary.startedAt, withReads: true })]);
}
