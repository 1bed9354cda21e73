/** Where the original reads and writes, and where its readers look. */
export const standardGlob = 'chora.*.yaml'
export const standardPrefix = '/chora/capabilities/'
/** Outside the prefix: readers count and split the keys below that. */
export const standardInventory = '/chora/gitops-sync/'
