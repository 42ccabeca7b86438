/** Follows a comparison or a repair to its certificate; on a terminal it says how far it is and what it waits for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { zVerification } from '../../schemas/verification.ts';
import type { Certificate, Verification } from '../../schemas/verification.ts';
import type { ApiClient } from './api-client.ts';
import { Refused } from './failure.ts';
import { span } from './words.ts';

const POLL_MS = 300;

/** Throws Refused when it ended without a certificate. */
export async function followRun(api: ApiClient, started: Verification): Promise<Certificate> {
  let run = started;
  while (run.state === 'running') {
    await sleep(POLL_MS);
    run = await api.get(`/v1/verifications/${run.id}`, {}, zVerification);
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${progressOf(run)}`);
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  if (run.certificate) return run.certificate;
  if (run.state === 'cancelled') throw new Refused({ code: 'cancelled', message: `${run.id} was cancelled`, advice: 'Start it anew.' });
  throw new Refused(run.error ?? { code: 'unforeseen', message: 'it ended without a certificate', advice: 'See the log of operate.' });
}

export function progressOf({ phase, examined, total, waiting, etaMs }: Pick<Verification, 'phase' | 'examined' | 'total' | 'waiting' | 'etaMs'>): string {
  const wait = waiting ? `, waits: ${waiting.code}` : '';
  return `${phase}: ${examined} examined, ${total} links${wait}${etaMs === null ? '' : `, ${span(etaMs)} to go`}`;
}
