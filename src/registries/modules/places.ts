/** The registries of a sync, as its configuration names them. */
import { basename, dirname, resolve } from 'node:path'
import { createLayout } from '../../connectors/oci/layout.ts'
import { openRegistry, type OpenParts } from '../../connectors/oci/open.ts'
import type { RegistryConfig } from './config.ts'
import type { Place } from './source.ts'

const layout = 'oci-layout:'

/** Opens nothing yet but the files that the configuration names; those that cannot be read throw `config.invalid`. */
export function openPlace(given: RegistryConfig, parts: OpenParts): Place {
  const { base } = given
  if (base.startsWith(layout)) {
    // Its last part is the repository whose tags are the modules.
    const folder = resolve(parts.base, base.slice(layout.length))
    return { base, store: createLayout({ folder: dirname(folder) }), path: basename(folder) }
  }
  const slash = base.indexOf('/')
  const mirrors = given.mirrors.map(({ host, path }) => ({ host, ...(path !== undefined && { path }) }))
  return { base, store: openRegistry(base.slice(0, slash), given, parts, { mirrors }), path: base.slice(slash + 1) }
}
