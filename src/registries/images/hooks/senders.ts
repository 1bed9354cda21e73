/** Every kind of sender, in the order in which what comes is held against them. */
import { cloudevents } from './cloudevents.ts'
import type { HookType } from './config.ts'
import { distribution } from './distribution.ts'
import { dockerhub } from './dockerhub.ts'
import { forgejo, gitea } from './gitea.ts'
import { github } from './github.ts'
import { harbor } from './harbor.ts'
import { quay } from './quay.ts'
import type { Fields, Headers, Sender } from './sender.ts'

const senders: readonly Sender[] = [forgejo, gitea, github, distribution, cloudevents, harbor, dockerhub, quay]

/** By what the config says, else by the headers; null: only the body can tell. */
export function senderBefore(type: HookType, headers: Headers): Sender | null {
  return senders.find((one) => (type === 'auto' ? one.sent(headers) : one.type === type)) ?? null
}

/** By the body; null: nobody's that is known here. */
export function senderOf(body: Fields): Sender | null {
  return senders.find((one) => one.wrote(body)) ?? null
}
