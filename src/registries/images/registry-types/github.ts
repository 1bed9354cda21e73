/**
 * GitHub's registry. Names by the protocol: the oldest first, so that all pages are read; one token for everything that
 * is public, for tokens are what it is short of. With a token that may read packages, digests and times by the API, as
 * long as that takes few requests.
 */
import { createGitHubPackages, type GitHubPackages } from '../../../connectors/github/packages.ts'
import { whyOf } from '../../../connectors/oci/failure.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { ImageRegistryConfig } from './config.ts'
import { createImageRegistry } from './create.ts'
import { createMemory } from './memory.ts'
import { openApi, placeOf } from './place.ts'
import { tagListOf } from './tag-list.ts'
import type { OpenType } from './type.ts'

const registryHost = 'ghcr.io'
/** The API is not asked again about what it does not tell this token. */
const untoldFor: Ms = 3_600_000
/** A page of the API has a hundred versions, and one of the registry a thousand tags: beyond these that costs less. */
const mostPages = 3

export const openGitHub: OpenType = (name, settings, parts) => {
  const place = placeOf(settings, { host: registryHost, namedSo: 'x-access-token' })
  const url = apiOf(settings, place.host)
  const token = settings.token ?? settings.password
  const opened =
    url === null || token === undefined
      ? null
      : openApi(
          {
            url,
            authority: { authorization: () => Promise.resolve(`Bearer ${token}`) },
            headers: { 'accept': 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
          },
          settings,
          parts,
        )
  const listed = opened !== null
  const packages = opened && createGitHubPackages(opened.api)
  const untold = createMemory<Instant>(1000)
  const long = createMemory<boolean>(1000)
  return createImageRegistry(
    name,
    settings,
    place,
    {
      abilities: {
        times: listed,
        digests: listed,
        foldsCase: false,
        paging: 'link',
        remaining: listed ? 'x-ratelimit-remaining' : null,
      },
      repository: (image) => image.toLowerCase(),
      options: { habits: { sharedToken: place.login === null && settings.docker_config === undefined } },
      async list(repository, wantsTimes, signal) {
        if (packages === null || (untold.get(repository) ?? 0) > parts.clock.monotonic()) return 'names'
        if (long.get(repository) === true && !wantsTimes) return 'names'
        const found = await versionsOf(packages, repository, signal)
        if (found === null) untold.keep(repository, parts.clock.monotonic() + untoldFor)
        else long.keep(repository, found.pages > mostPages)
        return found === null ? 'names' : tagListOf(found.tags)
      },
      close: () => opened?.close() ?? Promise.resolve(),
    },
    parts,
  )
}

/** null: it says nothing of it to this token, which may still pull there: the registry itself has the last word. */
async function versionsOf(packages: GitHubPackages, image: string, signal: AbortSignal) {
  try {
    return await packages.tags(image, signal)
  } catch (thrown) {
    if (!(thrown instanceof AppError) || whyOf(thrown) !== 'forbidden') throw thrown
    return null
  }
}

/** null: of a server of one's own nobody knows it but whoever wrote the settings. */
function apiOf({ api }: ImageRegistryConfig, host: string): string | null {
  return api ?? (host === registryHost ? 'https://api.github.com' : null)
}
