/** The quickstart as a newcomer plays it: served, one file edited, the change seen from a second process. */
import type { Event } from '../src/engine/journal.ts'
import { regista, serveRegista } from '../tests/parts/regista.ts'
import { scratch } from '../tests/parts/scratch.ts'
import type { Proofs } from './report.ts'

const edited = 'chora.mail.delivery'

export const proofs: Proofs = {
  'house.newcomer': async (report) => {
    const { entries, keys, seenAfter, version } = await newcomer()
    report({ part: 'synced', ok: entries === 6 && keys === 24, figure: `${entries} capabilities, ${keys} keys` })
    report({
      part: 'edit-shown',
      ok: version === '9.9.9' && seenAfter < 1000,
      figure: `${Math.round(seenAfter)} ms`,
      note: 'from the write of the file to the end of a second process, regista history, that shows it; the promise is 1 s',
    })
  },
}

interface Story {
  /** Capabilities that `GET /api/v1/entries` lists before the edit. */
  readonly entries: number
  /** Keys below /chora/capabilities/. */
  readonly keys: number
  /** Milliseconds from the write of the file until a `regista history` that was started after it has shown the change. */
  readonly seenAfter: number
  /** The version key after the edit. */
  readonly version: string
  /** Exit code after SIGINT. */
  readonly code: number | null
}

async function newcomer(): Promise<Story> {
  using place = scratch('quickstart')
  const options = { cwd: place.folder }
  await using serving = await serveRegista(['--listen', '127.0.0.1:0'], options)
  const read = async <T>(path: string) => (await (await fetch(`${serving.url}${path}`)).json()) as T
  const keysOf = () => read<{ items: { key: string; value: string }[] }>('/api/v1/kv?prefix=/chora/capabilities/')
  const until = performance.now() + 20_000
  while ((await keysOf()).items.length < 24 && performance.now() < until)
    await new Promise((wake) => setTimeout(wake, 50))
  const { items: entries } = await read<{ items: unknown[] }>('/api/v1/entries')
  const { items: keys } = await keysOf()

  place.edit(`capabilities/${edited}.yaml`, (text) => text.replace(/dc_hasVersion: .*/, 'dc_hasVersion: 9.9.9'))
  const wrote = performance.now()
  let seen = false
  while (!seen && performance.now() < wrote + 20_000) {
    const shown = await regista(['history', '--key', edited, '--type', 'delivery.applied', '--output', 'json'], options)
    seen = (JSON.parse(shown.stdout) as Event[]).length > 1
  }
  const seenAfter = performance.now() - wrote
  const version = (await keysOf()).items.find(({ key }) => key === `/chora/capabilities/${edited}/version`)?.value ?? ''
  return {
    entries: entries.length,
    keys: keys.length,
    seenAfter: seen ? seenAfter : Infinity,
    version,
    code: await serving.stop('SIGINT'),
  }
}
