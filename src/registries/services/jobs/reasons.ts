/** Reason constants of what jobs do; docs/reasons.md says what to do about each. */

/** Nothing was heard of it for longer than its threshold. */
export const silent = 'service-silent'
/** The same, and of its parent as well: it is unreachable by way of that, and no failure of its own. */
export const parentSilent = 'service-parent-silent'
/** Too many of its group fell silent at once: nothing is done about it for now. */
export const preserved = 'service-preserved'
/** Inactive for so long that it is not expected back. */
export const longInactive = 'service-long-inactive'
/** Revoked, or deleted, for longer than such are kept. */
export const longRevoked = 'service-long-revoked'
export const longDeleted = 'service-long-deleted'
/** Registered long ago and never heard of. */
export const neverSeen = 'service-never-seen'
/** Others hang below it. */
export const hasChildren = 'service-has-children'
/** Its parent was never heard of either, or is not let in, or fell silent. */
export const parentPending = 'service-parent-pending'
export const parentRefused = 'service-parent-refused'
