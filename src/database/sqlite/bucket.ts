/** Which of 16 parts of the index by key an event belongs to. Stored: must never change. */
export function bucketOf(key: string): number {
  // FNV-1a over UTF-16 units, folded: cheap, and even enough over keys that differ in one character.
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return (hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & 15
}
