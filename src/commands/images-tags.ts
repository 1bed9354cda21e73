/** Of `regista images`: which tags there are, and which of them a pattern takes, and why. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { openClient, type Client } from './client.ts'
import { examples, exitCodes, show, type Act, type Run } from './command.ts'
import { base, pathOf, stageName, type Stage } from './images-client.ts'
import { wholeNumber } from './plan.ts'
import { withProgress } from './progress.ts'
import type { Column } from './table.ts'
import { oneLine } from './terminal.ts'

export function declareImagesTags(group: Command, act: Act): void {
  group
    .command('tags')
    .description('List the tags of an image, as its registry has them now')
    .argument('<project/stage or registry>', 'A stage, or the name of a registry with an image')
    .argument('[image]', 'Repository in that registry: team/shop')
    .option('-n, --limit <n>', 'At most this many', wholeNumber, 1_000)
    .addHelpText(
      'after',
      examples(
        ['regista images tags shop/production', 'of the image that a stage follows'],
        ['regista images tags forge team/shop', 'of any image of a registry'],
      ),
    )
    .action(act(tags))
  group
    .command('test-pattern')
    .description('Show which tags a pattern matches, which of them is the newest, and why; changes nothing')
    .argument('[project/stage]', 'Whose pattern, strategy, range and image; each flag replaces one of these')
    .option('--registry <name>', 'Name of a registry')
    .option('--image <name>', 'Whose tags')
    .option('--tag <tag...>', 'These tags instead of those of an image')
    .option('--tags-file <file>', 'The same, one a line; - is stdin')
    .option('--pattern <glob...>', "Globs, of which one must match; '!' before one excludes")
    .option('--strategy <strategy>', 'auto, semver, numeric, alphabetical, pushed, created, digest')
    .option('--range <range>', "SemVer range: '>=1.4 <3'")
    .option('--current <tag>', 'The tag that runs there')
    .option('--all', 'Also list what does not match')
    .addHelpText(
      'after',
      examples(
        ['regista images test-pattern shop/production', 'as it is configured'],
        ["regista images test-pattern shop/production --pattern 'v*' '!*-rc*'", 'with another pattern'],
        ["regista images test-pattern --pattern 'v1.*' --tag v1.9 v1.10 v2.0", 'without any registry'],
      ),
    )
    .action(act(testPattern))
}

interface Tag {
  readonly tag: string
  readonly pushed_at: string | null
  readonly digest: string | null
}

async function tags(run: Run, of: string, image: string | undefined, { limit }: { readonly limit: number }) {
  await using client = await openClient(run)
  const place = image === undefined ? await placeOf(client, of) : { registry: of, image }
  const asked = client.get<{ items: Tag[]; total: number }>(`${base}/tags`, { ...place, limit })
  const { items, total } = await withProgress(run, `reading the tags of ${place.image}`, asked)
  show(run, tagColumns, items)
  if (total > items.length) run.terminal.err(`${items.length} of ${total} tags; -n shows more\n`)
  return exitCodes.ok
}

async function placeOf(client: Client, of: string) {
  if (!of.includes('/'))
    throw new AppError('request.invalid', `name the image, too: regista images tags ${of} team/shop`)
  const { registry, image } = await client.get<Stage>(pathOf(stageName(of)))
  return { registry, image }
}

const tagColumns: readonly Column<Tag>[] = [
  { name: 'TAG', value: (row) => row.tag },
  { name: 'PUSHED', value: (row) => row.pushed_at },
  { name: 'DIGEST', value: (row) => row.digest },
]

interface TestOptions {
  readonly registry?: string
  readonly image?: string
  readonly tag?: readonly string[]
  readonly tagsFile?: string
  readonly pattern?: readonly string[]
  readonly strategy?: string
  readonly range?: string
  readonly current?: string
  readonly all?: true
}

interface Tested {
  readonly result: string
  readonly tag: string | null
  readonly why: string
  readonly warnings: readonly string[]
  readonly total: number
  readonly matching: number
  readonly tags: readonly { readonly tag: string; readonly matches: boolean; readonly why: string }[]
}

async function testPattern(run: Run, of: string | undefined, options: TestOptions): Promise<number> {
  const { tag, tagsFile, all, ...given } = options
  const listed = [...(tag ?? []), ...(tagsFile === undefined ? [] : linesOf(tagsFile))]
  await using client = await openClient(run)
  const known = of === undefined ? {} : await asConfigured(client, of)
  const asked = { ...known, ...given, ...(listed.length > 0 && { tags: listed }) }
  const found = client.post<Tested>(`${base}/test-pattern`, asked)
  const tested = await withProgress(run, 'reading tags', found)
  const rows = all === true ? tested.tags : tested.tags.filter(({ matches }) => matches)
  show(run, testColumns(tested), rows, tested)
  const { err } = run.terminal
  for (const warning of tested.warnings) err(`${oneLine(warning)}\n`)
  err(`${tested.matching} of ${tested.total} tags match\n`)
  err(oneLine(tested.tag === null ? `${tested.result}: ${tested.why}` : `the newest is ${tested.tag}: ${tested.why}`))
  err('\n')
  return tested.tag === null ? exitCodes.failed : exitCodes.ok
}

async function asConfigured(client: Client, of: string) {
  const { registry, image, definition, deployed } = await client.get<Stage>(pathOf(stageName(of)))
  const { pattern, strategy, range } = definition
  const current = deployed?.tag
  return { registry, image, pattern, strategy, ...(range !== undefined && { range }), ...(current && { current }) }
}

function linesOf(file: string): readonly string[] {
  const lines = readFileSync(file === '-' ? 0 : file, 'utf8').split('\n')
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}

function testColumns({ tag: newest }: Tested): readonly Column<Tested['tags'][number]>[] {
  return [
    { name: 'TAG', value: (row) => row.tag, style: (row) => (row.tag === newest ? 'green' : undefined) },
    { name: 'MATCHES', value: (row) => row.matches },
    { name: 'WHY', value: (row) => row.why },
  ]
}
