/** What `server --help` and `informer --help` say before their usage. */
import { helpOfVariables, informerVariables, serverVariables } from './variables.ts'

export const serverHelp = [
  'Takes statuses of claims over HTTP, keeps them, and brings them into the registry through one',
  'pull request that is kept up to date.',
  '',
  helpOfVariables(serverVariables),
].join('\n')

export const informerHelp = [
  'Watches claims and composite resources of this cluster and tells the collector what becomes of',
  'them. What it cannot tell now it tells later: the newest status of each claim, once.',
  '',
  helpOfVariables(informerVariables),
].join('\n')
