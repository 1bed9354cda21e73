/** Reason constants of what jobs do; docs/reasons.md says what to do about each. */

/** Silent for longer than its threshold, and its parent is, too: unreachable by way of that, and no failure of its own. */
export const parentSilent = 'service-parent-silent'
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
