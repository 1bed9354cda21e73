/** Who speaks, of those whom the server lets in. */
import { AppError } from '../../../kernel/errors.ts'
import type { Caller } from '../../../kernel/route.ts'
import { maySeeSync } from '../../../kernel/visible.ts'
import type { Speaker } from './original.ts'

/** Throws where the sync is none of theirs. A credential that has a subject has that cluster. */
export function speakerOf({ name, scopes, subject }: Caller, sync: string): Speaker {
  if (!maySeeSync(scopes, sync)) throw new AppError('request.forbidden', 'The token is limited to other syncs.')
  return { name, cluster: subject }
}

/** As `speakerOf`, of one cluster; null: of all. */
export function speakerOfCluster(caller: Caller, sync: string, cluster: string | null): Speaker {
  const speaker = speakerOf(caller, sync)
  if (speaker.cluster === null || speaker.cluster === cluster) return speaker
  throw new AppError('request.forbidden', 'The token is limited to its own cluster.')
}
