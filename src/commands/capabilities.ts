import type { Command } from 'commander'
import { declareValidateManifests } from './capabilities-validate.ts'
import { examples, type Declare } from './command.ts'

export const declareCapabilities: Declare = (program, act) => {
  const group: Command = program
    .command('capabilities')
    .description('Check manifests of capabilities; look them up, and what depends on them')
    .addHelpText(
      'after',
      examples(
        ['regista capabilities validate capabilities/', 'what is wrong with the manifests of a folder'],
        ['regista capabilities list --type service', 'what there is'],
        ['regista capabilities dependents chora.a.b', 'who requires it'],
      ),
    )
  declareValidateManifests(group, act)
}
