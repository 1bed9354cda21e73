import { examples, type Declare } from './command.ts'
import { namingSection } from './section.ts'
import { declareServicesChange } from './services-change.ts'
import { declareServicesHistory } from './services-history.ts'
import { declareServicesHouse } from './services-house.ts'
import { declareServicesList } from './services-list.ts'
import { declareServicesLook } from './services-look.ts'
import { declareServicesRegister } from './services-register.ts'

export const declareServices: Declare = (program, act) => {
  const group = program
    .command('services')
    .description('Look up, register and retire pollers, agents and checkers')
    .addHelpText(
      'after',
      examples(
        ['regista services ls --status inactive', 'who fell silent'],
        ['regista services ls agents --poller edge-1 --output csv', 'for a spreadsheet'],
        ['regista services explain agent edge-1-a', 'why it is pending, late, inactive or refused'],
        ['regista services events --type deactivated --since 24h', 'who stopped since yesterday'],
        ['regista services register agent edge-1-a --parent edge-1', 'before it reports'],
        ['regista services revoke agent edge-1-a --reason stolen', 'its heartbeats are refused from now on'],
        ['regista services purge', 'what would be removed'],
      ),
    )
  const within = namingSection(act, 'services')
  declareServicesList(group, within)
  declareServicesLook(group, within)
  declareServicesHistory(group, within)
  declareServicesRegister(group, within)
  declareServicesChange(group, within)
  declareServicesHouse(group, within)
}
