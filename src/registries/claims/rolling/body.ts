/**
 * What a change request says: which claims it changes, from what to what, since when. Messages come from clusters, and
 * may hold anything: in here they mention nobody, close nothing, and break no table.
 */
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'

export interface BodyRow {
  readonly cluster: string
  readonly claim: string
  /** null: the entry has none. */
  readonly was: string | null
  /** null: the entry is taken out. */
  readonly becomes: string | null
  readonly since: Instant
}

/** What our own requests are known by, also where nothing else is known any more. */
export interface Mark {
  readonly commit: string
  readonly content: Digest
  /** Of the base's file that the commit changes. */
  readonly blob: Digest
}

/** GitHub takes 65,536 characters. */
const mostCharacters = 60_000
const longestText = 160
const longestName = 200

export function bodyOf(rows: readonly BodyRow[], mark: Mark): string {
  const count = rows.length === 1 ? '1 claim differs' : `${rows.length} claims differ`
  const head = [
    `${count} from what their clusters report. This request is kept up to date until it is merged.`,
    '',
    '| cluster | claim | registry says | cluster reports | since |',
    '| --- | --- | --- | --- | --- |',
  ]
  const lines: string[] = []
  let left = mostCharacters - head.join('\n').length
  for (const row of rows) {
    const line = lineOf(row)
    if ((left -= line.length + 1) < 0) break
    lines.push(line)
  }
  const unsaid = rows.length - lines.length
  const more = unsaid === 0 ? [] : ['', `… and ${unsaid} more: see the files of this request.`]
  return [...head, ...lines, ...more, '', `<!-- regista ${mark.commit} ${mark.content} ${mark.blob} -->`, ''].join('\n')
}

/** For a request that has nothing left to say. Without a mark: it was not a person who closed it. */
export const obsoleteBody = 'The base branch says what the clusters report. Nothing is left to merge.\n'

export function markIn(body: string): Mark | null {
  const found = [...body.matchAll(/^<!-- regista (\S+) ([0-9a-f]{64}) ([0-9a-f]{64}) -->\s*$/gm)].at(-1)
  return found ? { commit: found[1]!, content: found[2]!, blob: found[3]! } : null
}

/** Whether they say the same: forges change the ends of lines. */
export function sameText(one: string, other: string): boolean {
  const plain = (text: string) => text.replaceAll('\r\n', '\n').trim()
  return plain(one) === plain(other)
}

function lineOf({ cluster, claim, was, becomes, since }: BodyRow): string {
  const names = [cluster, claim].map((name) => codeOf(name, longestName))
  const texts = [was === null ? '–' : codeOf(was, longestText), becomes === null ? '–' : codeOf(becomes, longestText)]
  return `| ${[...names, ...texts, isoTime(since).replace(/\.\d+Z$/, 'Z')].join(' | ')} |`
}

/**
 * As code, where forges read no mention, keyword or HTML; and where they do after all, what begins one is followed by
 * a character without width. A bar ends the cell even within code, unless it is escaped.
 */
function codeOf(text: string, longest: number): string {
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  const points = Array.from(line)
  const cut = points.length > longest ? `${points.slice(0, longest - 1).join('')}…` : line
  if (cut === '') return '` `'
  const tame = cut
    .replaceAll('`', 'ˋ')
    .replaceAll('\\', '\\\u200b')
    .replaceAll('|', '\\|')
    .replace(/<!?-*|-+>/g, (found) => Array.from(found).join('\u200b'))
    .replace(/[@#]|:\/\/|GH-/gi, (found) => `${found[0]}\u200b${found.slice(1)}`)
  return `\`${tame}\``
}
