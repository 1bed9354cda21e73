/**
 * Gitea, Forgejo and Gogs: event `package`. One for each manifest that is pushed, so that an image for two platforms
 * comes three times, twice under a digest. Nothing is sent again when we are down.
 */
import { isSigned } from '../../../connectors/webhook/verify.ts'
import { fieldsOf, formPayload, headerOf, textOf } from './fields.ts'
import { isDigest, nothing, pushed, type Headers, type Sender } from './sender.ts'

const names = ['forgejo', 'gitea', 'gogs'] as const

/** The same under each of its names, of which newer ones are sent beside the older; the first that is not empty. */
function headerFor(headers: Headers, what: 'event' | 'delivery' | 'signature'): string {
  return names.map((name) => headerOf(headers, `x-${name}-${what}`)).find((value) => value !== '') ?? ''
}

function createGitea(type: 'gitea' | 'forgejo'): Sender {
  return {
    type,
    // It sends X-GitHub-Event, too: this is to be asked before github.ts.
    sent: (headers) => headerFor(headers, 'event') !== '',
    wrote: (body) => textOf(fieldsOf(body['package'])['version']) !== null,
    // Over the JSON, also where that is the payload of a form. Without a secret the headers are there, and empty.
    isSigned(delivery, secrets) {
      const hub = headerOf(delivery.headers, 'x-hub-signature-256').replace(/^sha256=/, '')
      return isSigned(formPayload(delivery), [headerFor(delivery.headers, 'signature'), hub], secrets)
    },
    payload: formPayload,
    read(body, headers) {
      const id = textOf(headerFor(headers, 'delivery'))
      const { type: kind, name, version, owner } = fieldsOf(body['package'])
      const of = textOf(fieldsOf(owner)['login']) ?? textOf(fieldsOf(owner)['username'])
      const [image, tag] = [textOf(name), textOf(version)]
      if (body['action'] !== 'created' || kind !== 'container') return nothing(id)
      if (of === null || image === null || tag === null || isDigest(tag)) return nothing(id)
      return pushed(id, `${of}/${image}`, tag)
    },
  }
}

export const gitea = createGitea('gitea')
export const forgejo = createGitea('forgejo')
