/** A repository of its own at the server that GITEA_URL names; GITEA_TOKEN may make and remove repositories. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../../kernel/clock.ts'
import { firstFiles, type ForgeGround } from '../../forge/testing/contract.ts'
import { never, scratch } from '../../git/testing/opened.ts'
import { createHttp } from '../../http/client.ts'
import { createGitea } from '../client.ts'

const [url, token] = [process.env['GITEA_URL'] ?? '', process.env['GITEA_TOKEN'] ?? '']

export const withoutGitea =
  url === '' || token === ''
    ? 'no Gitea or Forgejo: set GITEA_URL, and GITEA_TOKEN with write:repository, write:issue, write:user'
    : false

export async function realGitea(): Promise<ForgeGround> {
  const place = scratch()
  const http = createHttp({ clock: systemClock, userAgent: 'test' })
  const name = `regista-${randomBytes(6).toString('hex')}`
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${url.replace(/\/+$/, '')}/api/v1${path}`, {
      method,
      headers: { 'authorization': `token ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 200)}`)
    return (text === '' ? null : JSON.parse(text)) as T
  }
  const made = { name, private: true, auto_init: true, default_branch: 'main' }
  const { full_name: repository } = await ask<{ full_name: string }>('POST', '/user/repos', made)
  const clientOf = (folder: string, secret: string) =>
    createGitea({
      url,
      repository,
      token: secret,
      folder: join(place.folder, folder),
      http,
      clock: systemClock,
      random: Math.random,
      env: process.env,
    })
  const forge = clientOf('copy', token)
  const somebody = clientOf('somebody', token)
  const push = async (branch: string, files: Readonly<Record<string, string>>): Promise<string> => {
    const parent = (await somebody.head(branch, never))!
    const contents = new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))
    const id = await somebody.commit({ parent, files: contents, message: 'a change by hand' }, never)
    if ((await somebody.move(branch, id, parent, never)) !== 'moved') throw new Error(`${branch} moved`)
    return id
  }
  await push('main', firstFiles)
  return {
    forge,
    stranger: clientOf('stranger', 'wrong'),
    push: (branch, path, text) => push(branch, { [path]: text }),
    async merge(number) {
      const path = `/repos/${repository}/pulls/${number}/merge`
      // It looks for conflicts first, and says 405 until it has.
      for (let tried = 1; ; tried++) {
        try {
          return await ask('POST', path, { Do: 'merge' })
        } catch (thrown) {
          if (tried === 20 || !String(thrown).includes(': 405')) throw thrown
          await systemClock.sleep(500)
        }
      }
    },
    async dispose() {
      await ask('DELETE', `/repos/${repository}`)
      await http.close()
      place[Symbol.dispose]()
    },
  }
}
