/** From what a connector read or listed to the change that travels on `contact.changes.*`. */
import type { Capture, ChangeKind, ContactChange } from '../../schemas/change.ts';
import type { ReadResult, RecordImage } from '../../schemas/record.ts';
import type { Side } from '../../schemas/value.ts';

export interface Observation {
  readonly changeId: string;
  readonly tenantId: string;
  readonly side: Side;
  /** The integration through which it was seen; it does not travel on side bevatel, whose change concerns all. */
  readonly integrationId: string;
  readonly capture: Capture;
  readonly readById: boolean;
  /** Our clock at the start and at the end of the call. */
  readonly observedFrom: number;
  readonly observedTo: number;
}

function emptyChange(observation: Observation, recordId: string, kind: ChangeKind): ContactChange {
  const { changeId, tenantId, side, integrationId, capture, readById, observedFrom, observedTo } = observation;
  return {
    changeId, tenantId, side, integrationId: side === 'external' ? integrationId : null, recordId, kind, revision: null, image: {}, fieldTimes: {},
    histories: {}, modifiedAt: null, observedFrom, observedTo, readById, capture, references: {}, mergedIds: [], mergedInto: null,
  };
}

export function changeOfRecord(record: RecordImage, observation: Observation): ContactChange {
  const { revision, values, fieldTimes, histories, modifiedAt, references, mergedIds } = record;
  return { ...emptyChange(observation, record.id, 'image'), revision, image: values, fieldTimes, histories, modifiedAt, references, mergedIds };
}

/** A record that is not there was asked for by its id, which is the proof that I9 wants. */
export function changeOfResult(result: ReadResult, observation: Observation): ContactChange {
  switch (result.kind) {
    case 'found': return changeOfRecord(result.record, observation);
    case 'merged': return { ...emptyChange(observation, result.id, 'merged'), mergedInto: result.mergedInto };
    case 'gone': return emptyChange(observation, result.id, result.how === 'erased' ? 'erased' : 'deleted');
    default: return result satisfies never;
  }
}

/** A privacy deletion as a signed notification tells it: it is obeyed at once, since nothing is left to read (I9). */
export function changeOfErasure(recordId: string, observation: Observation): ContactChange {
  return emptyChange(observation, recordId, 'erased');
}

/** One mark of a listing's end; `partitions` such marks make the listing whole. */
export function changeOfListingEnd(listingId: string, partitions: number, observation: Observation): ContactChange {
  return { ...emptyChange(observation, listingId, 'listingEnded'), integrationId: observation.integrationId, image: { partitions } };
}
