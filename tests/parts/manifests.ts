/**
 * Manifests made up to the size and shape of real ones: 820 to 7,100 bytes, 1.7 kB on average, the ten
 * metadata fields in their order, four patterns to a service, one or two dependencies, and one in
 * sixteen with a long free-form block. With each come the four values that a sync must write, worked
 * out from the same data and not by the code under test.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../src/engine/testing/seeded.ts'

export interface GeneratedManifest {
  readonly id: string
  /** File name: `{id}.yaml`. */
  readonly file: string
  readonly text: string
  /** As the `metadata`, `type`, `version` and `dependencies` keys must read; the version is SemVer. */
  readonly values: Readonly<Record<'metadata' | 'type' | 'version' | 'dependencies', string>>
}

export const leastBytes = 820
export const mostBytes = 7100

type Random = () => number
type Type = 'service' | 'pattern'

interface Dependency {
  readonly capability: string
  readonly relationship: string
  readonly version?: string
}

/** The same for the same seed; a longer list begins with the shorter one. Dependencies have no cycles. */
export function generateManifests(count: number, seed: number): GeneratedManifest[] {
  const random = seededRandom(seed)
  const ids: string[] = []
  return Array.from({ length: count }, (_, n) => {
    const made = generate(n, ids, random)
    ids.push(made.id)
    return made
  })
}

/** Into a folder, which is made if need be. */
export async function writeManifests(folder: string, manifests: readonly GeneratedManifest[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (let at = 0; at < manifests.length; at += 64) {
    await Promise.all(manifests.slice(at, at + 64).map(({ file, text }) => writeFile(join(folder, file), text)))
  }
}

/** Every key that a sync of these must write, and its value. */
export function keysOf(
  manifests: readonly GeneratedManifest[],
  prefix = '/chora/capabilities/',
): Record<string, string> {
  return Object.fromEntries(
    manifests.flatMap(({ id, values }) =>
      Object.entries(values).map(([facet, value]) => [`${prefix}${id}/${facet}`, value] as const),
    ),
  )
}

const domains = ['react', 'awareness', 'devex', 'integration', 'infrastructure', 'security', 'monitoring', 'workflow']
const nouns = ['gateway', 'ledger', 'scheduler', 'mailer', 'catalogue', 'renderer', 'archive', 'courier', 'sampler']
const adjectives = ['steady', 'layered', 'shared', 'typed', 'audited', 'elastic', 'offline', 'naïve', 'signed']
const verbs = ['collects', 'compares', 'delivers', 'describes', 'measures', 'replays', 'rotates', 'verifies']
const things = ['build results', 'access tokens', 'release notes', 'page layouts', 'queue depths', 'style rules']
const joins = ['so that teams', 'before reviewers', 'while operators', '→ on-call people', 'and new colleagues']
const ends = ['find them again', 'need not ask twice', 'agree on one answer', 'save an hour a week (93.75%)']
const documents = [
  ['capability_charter', 'capability-charter.md'],
  ['protocol_specification', 'protocol-spec.md'],
  ['awareness_guide', 'AGENTS.md'],
  ['awareness_guide', 'awareness-guide.md'],
  ['adoption_blueprint', 'adoption-blueprint.md'],
  ['adoption_ledger', 'ledger.md'],
] as const

function generate(n: number, earlier: readonly string[], random: Random): GeneratedManifest {
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const domain = one(domains)
  const noun = one(nouns)
  const id = `chora.${domain}.${noun}_${n}`
  const type: Type = random() < 0.2 ? 'service' : 'pattern'
  const version = random() < 0.8 ? '1.0.0' : `${1 + Math.floor(random() * 3)}.${Math.floor(random() * 9)}.0`
  const metadata = {
    dc_identifier: id,
    dc_identifier_legacy: `SAP-${String(n).padStart(3, '0')}`,
    dc_title: `${capital(one(adjectives))} ${capital(noun)} & ${capital(one(nouns))} ${n}`,
    dc_description: describe(noun, one),
    dc_type: capital(type),
    dc_hasVersion: version,
    dc_creator: 'platform-team',
    dc_date: '2025-11-15',
    dc_format: type === 'service' ? 'application/x-executable' : 'text/markdown',
    dc_subject: [domain, noun, ...Array.from({ length: 1 + Math.floor(random() * 5) }, () => `${one(nouns)}-topic`)],
  }
  const requires = requirements(earlier, random)
  const head = `apiVersion: chora.dev/v1\nkind: Capability\nmetadata:\n${metadataText(metadata)}`
  const block = type === 'service' ? serviceText(noun, n) : patternText(noun, n, random() < 0.8 ? 6 : 5)
  const relation = relationText(requires)
  const whole = head + (random() < 0.5 ? block + relation : relation + block)
  return {
    id,
    file: `${id}.yaml`,
    text: fill(whole, random() < 1 / 16 ? 5900 + Math.floor(random() * 1200) : leastBytes),
    values: {
      metadata: asciiJson(metadata),
      type,
      version,
      dependencies: asciiJson(
        requires.map((each) => ({
          capability: each.capability,
          relationship: each.relationship,
          version: each.version ?? '*',
        })),
      ),
    },
  }
}

function describe(noun: string, one: <T>(of: readonly T[]) => T): string {
  const text = Array.from(
    { length: 2 },
    () => `${one(adjectives)} ${noun} that ${one(verbs)} ${one(things)} ${one(joins)} ${one(ends)}`,
  )
  return capital(text.join(', '))
}

function requirements(earlier: readonly string[], random: Random): Dependency[] {
  const wanted = earlier.length === 0 ? 0 : Math.floor(random() * 4)
  const chosen = new Set<string>()
  // Most real ones point at one framework and at a few foundations.
  for (let n = 0; n < wanted; n++) {
    chosen.add(earlier[n === 0 ? 0 : Math.floor(random() * Math.min(earlier.length, 200))]!)
  }
  return [...chosen].map((capability) => ({
    capability,
    relationship: random() < 0.88 ? 'prerequisite' : 'runtime',
    ...(random() < 0.2 && { version: '>=1.0.0' }),
  }))
}

/** Long text goes on over lines, as the usual writers of YAML break it. */
function metadataText(metadata: Record<string, string | readonly string[]>): string {
  return Object.entries(metadata)
    .map(([name, value]) => {
      if (typeof value !== 'string') return `  ${name}:\n${value.map((each) => `  - ${each}\n`).join('')}`
      return name === 'dc_date' ? `  ${name}: '${value}'\n` : `${wrap(`  ${name}: ${value}`)}\n`
    })
    .join('')
}

function wrap(line: string): string {
  const lines: string[] = []
  let open = ''
  for (const word of line.trimStart().split(' ')) {
    if (open !== '' && open.length + word.length > 78) {
      lines.push(open)
      open = `    ${word}`
    } else {
      open = open === '' ? `  ${word}` : `${open} ${word}`
    }
  }
  return [...lines, open].join('\n')
}

function serviceText(noun: string, n: number): string {
  const health = '  health:\n    endpoint: /health\n    interval: 10\n    timeout: 5\n    heartbeat_ttl: 30\n'
  const pip = `  distribution:\n    pypi:\n      package_name: chora-${noun}-${n}\n      install_command: pip install chora-${noun}-${n}\n`
  return `chora_service:\n  interfaces:\n  - cli\n  - mcp\n${health}${pip}`
}

/** The backslash stands in real paths, too. */
function patternText(noun: string, n: number, documentCount: number): string {
  const items = documents
    .slice(-documentCount)
    .map(
      ([type, file]) =>
        `  - type: ${type}\n    path: docs/skilled-awareness/${noun}-${n}\\${file}\n    format: text/markdown\n`,
    )
  return `chora_pattern:\n  artifacts:\n${items.join('')}`
}

function relationText(requires: readonly Dependency[]): string {
  if (requires.length === 0) return ''
  const items = requires.map((each) => {
    const version = each.version === undefined ? '' : `    version: '${each.version}'\n`
    return `  - capability: ${each.capability}\n${version}    relationship: ${each.relationship}\n`
  })
  return `dc_relation:\n  requires:\n${items.join('')}`
}

/** Up to so many bytes, with a block that nobody reads. */
function fill(text: string, bytes: number): string {
  const line = '    for step in plan: step.run(check=True)  # until the list is empty\n'
  const room = bytes - Buffer.byteLength(text)
  if (room <= 0) return text
  const start = 'usage_notes:\n  example: |\n'
  const lines = Math.max(1, Math.floor((room - start.length) / line.length) + (bytes === leastBytes ? 1 : 0))
  return text + start + line.repeat(lines)
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

/** As Python writes it: blanks after "," and ":", and nothing but ASCII. */
function asciiJson(value: unknown): string {
  const write = (at: unknown): string => {
    if (Array.isArray(at)) return `[${at.map(write).join(', ')}]`
    if (typeof at !== 'object' || at === null) return escaped(at)
    const fields = Object.entries(at).map(([name, field]) => `${escaped(name)}: ${write(field)}`)
    return `{${fields.join(', ')}}`
  }
  return write(value)
}

function escaped(scalar: unknown): string {
  const code = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(scalar).replace(/[^\x20-\x7e]/g, code)
}
