/** The oracle's word on a site: when it has come to rest, over what its sandboxes told and the product's tables. */
import type { Evidence } from '../oracle/evidence.ts';
import { judge } from '../oracle/oracle.ts';
import type { Judgement } from '../oracle/oracle.ts';
import { storyOf } from '../story.ts';
import { collect } from './evidence.ts';
import { untilAtRest, writesAtRest } from './rest.ts';
import type { Site } from './site.ts';

export interface Judged {
  readonly judgement: Judgement;
  readonly evidence: Evidence;
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
    const judgement = judge(evidence);
    if (judgement.findings.length === 0 || unrest.length > 0 || idleWrites > 0 || Date.now() > end) return { judgement, evidence };
    await untilAtRest(site, patienceMs);
  }
}

function notRunning({ roles }: Site): string[] {
  return Object.values(roles).filter((role) => !role.isRunning).map((role) => `${role.name} ended by itself: ${role.log}`);
}

/** Each finding with the story behind it, as lines; none when nothing is broken. */
export function storiesOf({ diary }: Site, { judgement, evidence }: Judged): string[] {
  return judgement.findings.flatMap(({ invariant, class: kind, what, person }) =>
    [`→ ${invariant} (${kind}): ${what}`, ...storyOf(evidence, person, { startAt: diary.startedAt, withReads: true })]);
}
