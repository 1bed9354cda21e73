/**
 * What every journal can store. PostgreSQL holds no NUL in text, UTF-8 holds no half of a surrogate
 * pair, and PostgreSQL refuses index entries above 2704 bytes: the limits hold on every journal alike.
 */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Most bytes of a row's whole key: all its columns together. */
export const longestRowKey = 2048

/** Most bytes of an entry's own key, which leaves as much for the names of its sync, scope or target. */
export const longestKey = 1024
