/** Changes in parts that a collector takes as one batch. */
import type { Change } from '../../../engine/target.ts'
import type { ClaimStatus } from '../model.ts'
import { wireLimits, type BatchItem } from '../wire.ts'

export interface Post {
  readonly change: Change<ClaimStatus>
  readonly item: BatchItem
  /** It was refused as older once. */
  readonly again?: boolean
}

/** For the braces and commas around the items, and to spare. */
const around = 4096

export function postsOf(posts: readonly Post[]): Post[][] {
  const parts: Post[][] = []
  let room = 0
  for (const post of posts) {
    const bytes = Buffer.byteLength(JSON.stringify(post.item)) + 1
    const last = parts.at(-1)
    if (last !== undefined && last.length < wireLimits.batchItems && bytes <= room) last.push(post)
    else {
      parts.push([post])
      room = wireLimits.batchBytes - around
    }
    room -= bytes
  }
  return parts
}
