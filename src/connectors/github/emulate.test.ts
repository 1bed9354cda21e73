/** On an emulator of somebody else's making. It has no GraphQL and no validators. */
import { createEmulator } from 'emulate'
import { firstFiles, forgeContract, type ForgeGround } from '../forge/testing/contract.ts'
import { createHastyClock } from '../forge/testing/hasty-clock.ts'
import { createHttp } from '../http/client.ts'
import { createGitHub } from './client.ts'
import type { Credentials } from './credentials.ts'

const owner = 'acme'
const personal = 'ghp_personal'

const seed = {
  tokens: { [personal]: { login: owner, scopes: ['repo'] } },
  github: {
    // Whoever comes with a token that it does not know is the first of them.
    users: [{ login: 'nobody' }, { login: owner }],
    repos: [{ owner, name: 'claims', auto_init: true, private: true }],
    apps: [
      {
        app_id: 42,
        slug: 'regista',
        name: 'Regista',
        permissions: { contents: 'write', pull_requests: 'write', issues: 'write', metadata: 'read' },
        installations: [{ installation_id: 77, account: owner, repository_selection: 'all' as const }],
      },
    ],
  },
}

function onEmulator(credentialsOf: (appKey: string) => Credentials): () => Promise<ForgeGround> {
  return async () => {
    const emulator = await createEmulator({ service: 'github', port: 0, seed })
    const clock = { ...createHastyClock(), now: () => Date.now() }
    const http = createHttp({ clock, userAgent: 'regista/test' })
    const client = (credentials: Credentials) =>
      createGitHub({ repository: `${owner}/claims`, credentials, api: emulator.url, http, clock, random: () => 0 })
    const call = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${emulator.url}/repos/${owner}/claims${path}`, {
        method,
        headers: { 'authorization': `Bearer ${personal}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      const json = (await answer.json()) as Found
      if (!answer.ok && answer.status !== 404) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`)
      return json
    }
    const push = async (branch: string, path: string, text: string) => {
      const { sha } = await call('GET', `/contents/${path}?ref=${encodeURIComponent(branch)}`)
      const content = Buffer.from(text).toString('base64')
      const body = { branch, content, message: 'by hand', ...(sha !== undefined && { sha }) }
      return (await call('PUT', `/contents/${path}`, body)).commit?.sha ?? ''
    }
    for (const [path, text] of Object.entries(firstFiles)) await push('main', path, text)
    await link(call, 'claims/a-link', 'registry.yaml')
    const key = emulator.generatedSecrets.find(({ kind }) => kind === 'github.app_private_key')?.value ?? ''
    return {
      forge: client(credentialsOf(key)),
      stranger: client({ token: 'ghp_nobody' }),
      takesSecond: true,
      odd: { link: 'claims/a-link' },
      push,
      merge: async (number) => void (await call('PUT', `/pulls/${number}/merge`, {})),
      async dispose() {
        await http.close()
        await emulator.close()
      },
    }
  }
}

interface Found {
  readonly sha?: string
  readonly commit?: { readonly sha: string }
  readonly tree?: { readonly sha: string }
}

/** A link, which the contents API cannot make. */
async function link(
  call: (method: string, path: string, body?: object) => Promise<Found>,
  path: string,
  to: string,
): Promise<void> {
  const { sha: parent = '' } = (await call('GET', '/branches/main')).commit ?? {}
  const base = (await call('GET', `/git/commits/${parent}`)).tree?.sha
  const entry = { path, mode: '120000', type: 'blob', content: to }
  const { sha: tree } = await call('POST', '/git/trees', { base_tree: base, tree: [entry] })
  const { sha } = await call('POST', '/git/commits', { message: 'link', tree, parents: [parent] })
  await call('PATCH', '/git/refs/heads/main', { sha })
}

forgeContract(
  'GitHub, on emulate, with a personal token',
  onEmulator(() => ({ token: personal })),
  { skip: false },
)
forgeContract(
  'GitHub, on emulate, as an App',
  onEmulator((key) => ({ app: { id: 42, installation: 77, key } })),
  { skip: false },
)
