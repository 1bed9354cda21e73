/**
 * Docker Hub. Its API lists tags with digests and times, the newest first: one request as long as nothing happens, and
 * none that counts as a pull. What is asked of the registry itself is a HEAD, which does not count either.
 */
import { createHubLogin } from '../../../connectors/docker-hub/login.ts'
import { createHubTags, type HubTag } from '../../../connectors/docker-hub/tags.ts'
import { createImageRegistry } from './create.ts'
import { openApi, placeOf } from './place.ts'
import { rememberedLists } from './tag-list.ts'
import type { OpenType } from './type.ts'

const abilities = {
  times: true,
  digests: true,
  foldsCase: false,
  paging: 'next-url',
  remaining: 'ratelimit-remaining',
} as const

export const openDockerHub: OpenType = (name, settings, parts) => {
  const place = placeOf(settings, { host: 'docker.io' })
  const { clock, random } = parts
  const url = settings.api ?? 'https://hub.docker.com'
  const { login } = place
  const closing = new AbortController()
  const { api, close } = openApi(
    {
      url,
      authority: (http, gate) =>
        login === null
          ? { authorization: () => Promise.resolve(null) }
          : createHubLogin({ url, login, http, gate, clock, random, closing: closing.signal }),
    },
    settings,
    parts,
  )
  const hub = createHubTags(api)
  const listOf = rememberedLists(({ name: tag, digest, pushedAt }: HubTag) => ({
    name: tag,
    ...(digest !== null && { digest }),
    ...(pushedAt !== null && { pushedAt }),
  }))
  return createImageRegistry(
    name,
    settings,
    place,
    {
      abilities,
      // Its own images have no owner.
      repository: (image) => (image.includes('/') ? image : `library/${image}`),
      async list(repository, _wantsTimes, signal) {
        const tags = await hub.tags(repository, signal)
        return tags && listOf(tags)
      },
      async close() {
        closing.abort()
        await close()
      },
    },
    parts,
  )
}
