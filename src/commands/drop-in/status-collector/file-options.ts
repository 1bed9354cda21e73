/** Which file it is, and how it is written. */
import type { FileTargetOptions, Forge } from '../../../registries/claims/drop-in.ts'
import type { ServerSettings } from './server-settings.ts'

/** Tells one collector from another on the same machine; without secrets. */
export function nameOf({ place, base }: ServerSettings): readonly string[] {
  if (place.is === 'git') return [place.is, place.url, base]
  return [place.is, (place.is === 'github' ? place.api : place.url) ?? '', place.repository, base]
}

export function fileOptions(
  settings: ServerSettings,
  name: string,
  forge: Forge,
): Omit<FileTargetOptions, 'wishes' | 'clock' | 'logger'> {
  const { base, path, sidecar, cluster, writeStatus, onDelete, matchByPath, interval } = settings
  const { branch, title, labels, reviewers, draft, autoMerge, closeLeftovers } = settings.change
  return {
    name,
    forge,
    base,
    path,
    sidecar: sidecar ?? undefined,
    cluster: cluster ?? undefined,
    writeStatus,
    onDelete,
    matchByPath,
    writeEvery: interval,
    change: {
      branch: branch ?? undefined,
      title: title ?? 'chore: update claim statuses',
      labels,
      reviewers,
      draft,
      autoMerge,
      closeLeftovers,
    },
  }
}
