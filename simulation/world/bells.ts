/** Wake-ups between the processes (runtime/deps.ts, Wake): late, coalesced by nobody, and gone with whoever would have rung. */
import type { Wake } from '../../runtime/deps.ts';
import type { Incarnation } from '../engine/incarnation.ts';

type Listener = (tenantId: string, integrationId: string) => void;

export class Bells {
  readonly #listeners = new Map<Incarnation, Set<Listener>>();

  of(incarnation: Incarnation): Wake {
    incarnation.onLeaving(() => this.#listeners.delete(incarnation));
    const mine = new Set<Listener>();
    this.#listeners.set(incarnation, mine);
    return {
      notify: (tenantId, integrationId) => {
        for (const [process, listeners] of this.#listeners) {
          process.later(incarnation.random.int(1, 60), () => { for (const listener of listeners) listener(tenantId, integrationId); });
        }
      },
      listen: (onWake) => {
        mine.add(onWake);
        return () => mine.delete(onWake);
      },
    };
  }
}
