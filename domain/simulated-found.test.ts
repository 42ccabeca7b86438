/** Counterexamples that the simulator found (docs/simulation.md), each told as short as it is: what must never happen again. */
import { describe, expect, it } from 'vitest';
import { Story } from './testing/story.ts';

const TWO_FIELDS = [{ bevatel: 'company_name', external: 'company' }, { bevatel: 'custom.job_title', external: 'jobtitle' }];
const both = (value: string) => ({ bevatel: { company_name: value, 'custom.job_title': value }, external: { company: value, jobtitle: value } });

function agreedOnTwo(): Story {
  const story = new Story({ fields: TWO_FIELDS });
  story.shows('bevatel', both('o').bevatel, { revision: '10' });
  story.shows('external', both('o').external, { revision: '10' });
  return story.pass(10);
}

describe('hub and spoke', () => {
  it('I2: the value that another integration wrote alike does not prove our write of another field', () => {
    const story = agreedOnTwo();
    story.shows('external', { company: 'lead', jobtitle: 'owner' }, { revision: '11' });
    const write = story.sends('bevatel');
    story.shows('bevatel', { company_name: 'lead', 'custom.job_title': 'o' }, { revision: '11' });
    expect(story.wanted('custom.job_title')).toBe('bevatel:owner');
    expect(story.group('custom.job_title').base).toEqual([['o'], ['o']]);
    expect(story.link.state.attempts).not.toContainEqual(write);
  });

  it('I2: nor when the revision that our write would have made is skipped', () => {
    const story = agreedOnTwo();
    story.shows('external', { company: 'lead', jobtitle: 'owner' }, { revision: '11' });
    story.sends('bevatel');
    story.shows('bevatel', { company_name: 'lead', 'custom.job_title': 'o' }, { revision: '12' });
    expect(story.group('custom.job_title').base).toEqual([['o'], ['o']]);
    expect(story.wanted('custom.job_title')).not.toBe('external:o');
  });
});
