/** docs/services.md: its commands are run in order, its requests answered; routes, metrics and reasons are those of the code. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, suite, test } from 'node:test'
import { guideFolder, guideShell, readGuide, sendRequests } from './parts/guide.ts'
import { serveRegista, type Serving } from './parts/regista.ts'

const root = resolve(import.meta.dirname, '..')
const { text: guide, blocks } = readGuide('services.md')
const linesOf = (text: string) => text.trimEnd().split('\n')

suite('the guide of services', () => {
  const at = guideFolder()
  let server: Serving | null = null
  after(async () => {
    await server?.stop()
    at[Symbol.dispose]()
  })

  test('its commands print what it says', { timeout: 240_000 }, async () => {
    const [configuration] = blocks.filter(({ language }) => language === 'yaml')
    writeFileSync(at.path('regista.yaml'), configuration!.text)
    const shell = guideShell(at.folder)
    let run = 0
    for (const [index, { language, text }] of blocks.entries()) {
      if (language !== 'sh') continue
      run += 1
      const expected = blocks[index + 1]?.language === 'text' ? linesOf(blocks[index + 1]!.text) : []
      const script = text.replace('regista serve\n', '').replaceAll('http://localhost:8080', server?.url ?? '')
      const printed = await shell(script)
      const missing = expected.filter((line) => !printed.includes(line))
      assert.deepEqual(missing, [], `after\n${text}\ngot\n${printed}\n${server?.stderr() ?? ''}`)
      assert.doesNotMatch(printed, /^regista: /m, text)
      if (text.includes('regista serve')) server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
    }
    assert.ok(run >= 8)
  })

  test('its requests are answered', { timeout: 60_000 }, async () => {
    const refused = (said: string) => said.includes('"result":"refused"')
    assert.ok((await sendRequests(blocks, (path) => server!.url + path, refused)) >= 12)
  })
})

suite('what the guide of services names', () => {
  const sources = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && !file.includes('testing'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
  const ours = sources.join('\n')

  test('every metric', () => {
    const named = [...new Set(guide.match(/\bservice_registry_\w+/g))]
    assert.ok(named.length >= 8)
    assert.deepEqual(
      named.filter((name) => !ours.includes(`'${name}'`)),
      [],
    )
  })

  test('every job, and no other', () => {
    const section = guide.slice(guide.indexOf('## Jobs'), guide.indexOf('## Watching'))
    const listed = [...section.matchAll(/^\| `([a-z-]+)` /gm)].map(([, name]) => name!)
    const made = globSync('src/registries/services/jobs/*.ts', { cwd: root })
      .filter((file) => !file.endsWith('.test.ts'))
      .flatMap((file) => [...readFileSync(join(root, file), 'utf8').matchAll(/^ +name: '([a-z-]+)',$/gm)])
      .map(([, name]) => name!)
    assert.deepEqual(listed.toSorted(), [...new Set(made)].toSorted())
  })

  test('every reason stands in docs/reasons.md', () => {
    const documented = readFileSync(join(root, 'docs/reasons.md'), 'utf8')
    const folder = globSync('src/registries/services/**/*.ts', { cwd: root })
    const used = folder
      .filter((file) => !file.endsWith('.test.ts') && !file.includes('testing'))
      .flatMap((file) => readFileSync(join(root, file), 'utf8').match(/'service-[a-z-]+'/g) ?? [])
      .map((quoted) => quoted.slice(1, -1))
    assert.ok(new Set(used).size >= 15)
    assert.deepEqual(
      [...new Set(used)].filter((reason) => !documented.includes(`\`${reason}\``)),
      [],
    )
  })
})
