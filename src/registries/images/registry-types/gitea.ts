/**
 * Gitea and Forgejo. Names by the protocol: one request, with links that are not to be followed. When each tag was
 * pushed by the API of packages, where that is wanted. Names and tags are stored in lower case, whatever was pushed.
 */
import { createGiteaPackages } from '../../../connectors/gitea/packages.ts'
import { basic } from '../../../connectors/oci/token.ts'
import { createImageRegistry } from './create.ts'
import { gateOf, openApi, placeOf } from './place.ts'
import { tagListOf } from './tag-list.ts'
import type { OpenType } from './type.ts'

const abilities = { times: true, digests: false, foldsCase: true, paging: 'short-page', remaining: null } as const
/** Its tokens are for all that somebody may read. They say no end, and are good for a day; one that is good no more is replaced. */
const tokenLifetime = 12 * 3_600_000

export const openGitea: OpenType = (name, settings, parts) => {
  // Whose token it is tells the token; the name beside it is not looked at.
  const place = placeOf(settings, { namedSo: 'oauth2' })
  const { host, reach, login } = place
  const { token } = settings
  const url = settings.api ?? settings.url ?? `${reach.plain_http ? 'http' : 'https'}://${host}`
  const authorization = token !== undefined ? `token ${token}` : login === null ? null : basic(login)
  // One host and one limit for both.
  const gate = gateOf(host, settings, parts)
  const authority = { authorization: () => Promise.resolve(authorization) }
  const { api, close } = openApi({ url, authority, gate }, settings, parts)
  const packages = createGiteaPackages(api)
  // A file may have other credentials for other images.
  const sharedToken = settings.docker_config === undefined
  return createImageRegistry(
    name,
    settings,
    place,
    {
      abilities,
      repository: (image) => image.toLowerCase(),
      tag: (tag) => tag.toLowerCase(),
      options: { gate, paging: 'short-page', habits: { basic: true, tokenLifetime, sharedToken } },
      async list(repository, wantsTimes, signal) {
        if (!wantsTimes) return 'names'
        const tags = await packages.tags(repository, signal)
        return tags && tagListOf(tags)
      },
      close,
    },
    parts,
  )
}
