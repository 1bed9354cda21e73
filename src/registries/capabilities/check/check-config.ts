/** The manifests that a configuration names. */
import { basename, dirname, join, resolve } from 'node:path'
import type { Finding } from '../../registry.ts'
import type { ManifestRules } from '../manifest/manifest.ts'
import { checkManifests, type Group } from './check-manifests.ts'
import { ruleTable } from './rules.ts'

/** What is asked of the settings of a sync. */
export interface SyncFolder {
  readonly sync: string
  /** As the configuration has it. */
  readonly directory: string
  readonly glob: string
  readonly rules: ManifestRules
}

/** Folders that several syncs read are read once. */
export function groupsOfFolders(folders: readonly SyncFolder[], base: string): Group[] {
  const groups = folders.map(({ directory, glob, rules }) => ({
    folder: resolve(base, directory),
    glob,
    rules,
    asked: null,
  }))
  return groups.filter(
    ({ folder, glob }, at) => groups.findIndex((one) => one.folder === folder && one.glob === glob) === at,
  )
}

/**
 * For `regista validate`: an error is what cannot be synced; what else the rules find is a warning. Only
 * that which is wrong whatever shape somebody wants their manifests to have.
 */
export async function* checkFolders(
  folders: readonly SyncFolder[],
  base: string,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { findings, unavailable } = await checkManifests(groupsOfFolders(folders, base), 'loose', signal)
  const byFolder = Map.groupBy(findings, ({ file }) => dirname(file))
  for (const { sync, directory } of folders) {
    const path = [sync, 'directory']
    const folder = resolve(base, directory)
    const gone = unavailable.find((one) => one.folder === folder)
    if (gone) yield { path, level: 'error', what: gone.detail }
    for (const { rule, level, file, line, column, what, next } of byFolder.get(folder) ?? []) {
      if (level === 'note') continue
      const place = `${join(directory, basename(file))}:${line}:${column}`
      yield { path, level: ruleTable[rule].blocks ? 'error' : 'warning', place, what: `${what} (${rule})`, hint: next }
    }
  }
}
