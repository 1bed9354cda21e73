/**
 * Which hook an address is of: its id where it has one, else its name. Found by a digest under a key of this process,
 * so that the time it takes tells nothing of what is almost right.
 */
import { createHmac } from 'node:crypto'
import type { HookConfig } from './config.ts'

export interface NamedHook extends HookConfig {
  readonly name: string
}

export type FindHook = (address: string) => NamedHook | null

/** `key`: of this process, and known to nobody. */
export function createAddresses(hooks: Readonly<Record<string, HookConfig>>, key: string): FindHook {
  const digest = (text: string) => createHmac('sha256', key).update(text).digest('base64')
  const byAddress = new Map(
    Object.entries(hooks).map(([name, hook]) => [digest(hook.id ?? name), { name, ...hook }] as const),
  )
  return (address) => byAddress.get(digest(address)) ?? null
}

/** As people may see it. */
export function shownPath({ name, id }: NamedHook): string | null {
  return id === undefined ? `/webhooks/${name}` : null
}
