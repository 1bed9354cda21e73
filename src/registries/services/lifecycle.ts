/**
 * The life of a service as one table: what may happen in which status, and what comes of it. Nothing else decides.
 *
 * |              | pending   | active      | inactive    | revoked    | deleted   |
 * | ------------ | --------- | ----------- | ----------- | ---------- | --------- |
 * | heartbeat    | activated | –           | reactivated | refused    | refused   |
 * | silence      | –         | deactivated | –           | –          | –         |
 * | claim        | claimed while its source is `implicit`, else no transition      |
 * | deactivate   | refused   | deactivated | –           | refused    | refused   |
 * | activate     | refused   | –           | refused     | restored ¹ | refused   |
 * | revoke       | revoked   | revoked     | revoked     | –          | refused   |
 * | delete       | deleted   | refused     | deleted     | deleted    | –         |
 * | undelete     | refused   | refused     | refused     | refused    | undeleted ² |
 * | archive      | refused   | refused     | archived ³  | refused    | refused   |
 * | purge        | refused ⁴ | refused ⁴   | purged      | purged     | purged    |
 *
 * –: it is so already. ¹ to active, or to pending where it was never heard of. ² to the status before. ³ to revoked.
 * ⁴ unless it is forced.
 */
import type { ServiceStatus } from './model.ts'

export type Trigger =
  | 'heartbeat'
  | 'silence'
  | 'deactivate'
  | 'activate'
  | 'revoke'
  | 'delete'
  | 'undelete'
  | 'archive'
  | 'purge'

/** Types of the events that tell of a transition; `service.<one of these>`. */
export type Transition =
  | 'activated'
  | 'reactivated'
  | 'deactivated'
  | 'restored'
  | 'revoked'
  | 'deleted'
  | 'undeleted'
  | 'archived'
  | 'purged'

/** Where a transition leads: `before` is the status from which it was deleted, `gone` no row at all. */
type End = ServiceStatus | 'before' | 'gone' | 'active-or-pending'

export type Verdict =
  | { readonly is: 'transition'; readonly event: Transition; readonly to: End }
  /** Nothing changes. */
  | { readonly is: 'same' }
  /** `forced` would do it all the same. */
  | { readonly is: 'refused'; readonly why: Refusal; readonly forcible: boolean }

/** Reason constants of refusals; docs/reasons.md says what to do about each. */
export type Refusal =
  | 'service-revoked'
  | 'service-deleted'
  | 'service-never-seen'
  | 'service-not-revoked'
  | 'service-not-deleted'
  | 'service-not-inactive'
  | 'service-in-use'

const same: Verdict = { is: 'same' }
const to = (event: Transition, end: End): Verdict => ({ is: 'transition', event, to: end })
const no = (why: Refusal, forcible = false): Verdict => ({ is: 'refused', why, forcible })

const table: Readonly<Record<Trigger, Readonly<Record<ServiceStatus, Verdict>>>> = {
  heartbeat: {
    pending: to('activated', 'active'),
    active: same,
    inactive: to('reactivated', 'active'),
    revoked: no('service-revoked'),
    deleted: no('service-deleted'),
  },
  silence: {
    pending: same,
    active: to('deactivated', 'inactive'),
    inactive: same,
    revoked: same,
    deleted: same,
  },
  deactivate: {
    pending: no('service-never-seen'),
    active: to('deactivated', 'inactive'),
    inactive: same,
    revoked: no('service-revoked'),
    deleted: no('service-deleted'),
  },
  activate: {
    pending: no('service-never-seen'),
    active: same,
    inactive: no('service-not-revoked'),
    revoked: to('restored', 'active-or-pending'),
    deleted: no('service-deleted'),
  },
  revoke: {
    pending: to('revoked', 'revoked'),
    active: to('revoked', 'revoked'),
    inactive: to('revoked', 'revoked'),
    revoked: same,
    deleted: no('service-deleted'),
  },
  delete: {
    pending: to('deleted', 'deleted'),
    active: no('service-in-use'),
    inactive: to('deleted', 'deleted'),
    revoked: to('deleted', 'deleted'),
    deleted: same,
  },
  undelete: {
    pending: no('service-not-deleted'),
    active: no('service-not-deleted'),
    inactive: no('service-not-deleted'),
    revoked: no('service-not-deleted'),
    deleted: to('undeleted', 'before'),
  },
  archive: {
    pending: no('service-not-inactive'),
    active: no('service-not-inactive'),
    inactive: to('archived', 'revoked'),
    revoked: no('service-not-inactive'),
    deleted: no('service-not-inactive'),
  },
  purge: {
    pending: no('service-in-use', true),
    active: no('service-in-use', true),
    inactive: to('purged', 'gone'),
    revoked: to('purged', 'gone'),
    deleted: to('purged', 'gone'),
  },
}

export function verdictOn(status: ServiceStatus, trigger: Trigger): Verdict {
  return table[trigger][status]
}
