/** The container registry of the server that GITEA_URL names; GITEA_TOKEN may write packages, and tell whose it is. */
import type { Built } from '../../../../tests/parts/images.ts'
import { registryShelf } from '../../../../tests/parts/shelves.ts'

const [url, token] = [process.env['GITEA_URL'] ?? '', process.env['GITEA_TOKEN'] ?? '']

export const withoutGitea =
  url === '' || token === ''
    ? 'no Gitea or Forgejo: set GITEA_URL, and GITEA_TOKEN with write:package and read:user'
    : false

export async function realPackages() {
  const owner = await ownerOf(token)
  const authorization = `Basic ${Buffer.from(`${owner}:${token}`).toString('base64')}`
  const shelf = registryShelf(new URL(url).origin, { authorization: () => authorization })
  const images = new Set<string>()
  const ask = async (method: string, path: string): Promise<void> => {
    const answer = await fetch(`${url.replace(/\/+$/, '')}/api/v1/packages/${path}`, {
      method,
      headers: { authorization: `token ${token}` },
      signal: AbortSignal.timeout(30_000),
    })
    await answer.body?.cancel()
    if (!answer.ok && answer.status !== 404) throw new Error(`${method} ${path}: ${answer.status}`)
  }
  const versionOf = (image: string, tag: string) => {
    const slash = image.indexOf('/')
    return `${image.slice(0, slash)}/container/${encodeURIComponent(image.slice(slash + 1))}/${encodeURIComponent(tag)}`
  }
  return {
    owner,
    settings: { type: 'gitea', url, token },
    async put(image: string, tag: string, built: Built) {
      images.add(`${image}:${tag}`)
      await shelf.put(image, tag, built)
    },
    untag: (image: string, tag: string) => ask('DELETE', versionOf(image, tag)),
    async dispose() {
      for (const one of images) await ask('DELETE', versionOf(...(one.split(':') as [string, string])))
      await shelf[Symbol.asyncDispose]()
    },
  }
}

async function ownerOf(secret: string): Promise<string> {
  const headers = { authorization: `token ${secret}` }
  const answer = await fetch(`${url.replace(/\/+$/, '')}/api/v1/user`, { headers, signal: AbortSignal.timeout(30_000) })
  const { login } = (await answer.json()) as { login?: string }
  if (login === undefined) throw new Error(`whose token it is: ${answer.status}`)
  return login.toLowerCase()
}
