/** What the demo tells its user to try: lines that work as they stand. */
import type { BothSides } from './compare.ts';
import { tiedPairs } from './compare.ts';
import { KEYS } from './sides.ts';
import type { Sides } from './sides.ts';
import type { Sync } from './sync.ts';

export function thingsToTry(sides: Sides, sync: Sync, both: BothSides): string {
  const pair = tiedPairs(both).at(-1);
  if (!pair) return '';
  const { bevatel, hubspot } = pair;
  const json = "-H 'content-type: application/json'";
  const agent = `-H 'authorization: Bearer ${KEYS.peopleOnBevatel}'`;
  const sales = `-H 'authorization: Bearer ${KEYS.peopleOnHubSpot}'`;
  return `
It stays up; Ctrl-C ends it and leaves nothing behind. In another terminal, in this folder:

  # The operator's tools; the API is at ${sync.operateUrl}, its key is in the file.
  source ${sync.environmentFile}
  npx bevatel-sync status
  npx bevatel-sync conflicts list
  npx bevatel-sync explain ${bevatel.id}
  npx bevatel-sync verify

  # Edit a contact in HubSpot, and see it in Bevatel:
  curl -s -X PATCH ${sides.hubspot.url}/crm/v3/objects/contacts/${hubspot.id} ${sales} ${json} -d '{"properties":{"jobtitle":"Chief Tea Officer"}}'
  curl -s ${sides.bevatel.url}/v1/contacts/${bevatel.id} ${agent}

  # The other way round, on condition that nobody edited in between:
  version=$(curl -s ${sides.bevatel.url}/v1/contacts/${bevatel.id} ${agent} | grep -o '"version":[0-9]*' | cut -d: -f2)
  curl -s -X PATCH ${sides.bevatel.url}/v1/contacts/${bevatel.id} ${agent} ${json} -H "if-match: \\"$version\\"" -d '{"fields":{"contact_last_name":"الشمري"}}'
  curl -s ${sides.hubspot.url}/sandbox/contacts/${hubspot.id}

  # HubSpot's webhooks get lost from now on (loss: 0 brings them back); the next poll finds what happened:
  curl -s -X POST ${sides.hubspot.url}/sandbox/webhooks ${json} -d '{"loss":1}'
`;
}
