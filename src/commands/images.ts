import { examples, type Declare } from './command.ts'
import { declareImagesAct } from './images-act.ts'
import { declareImagesDefine } from './images-define.ts'
import { declareImagesHouse } from './images-house.ts'
import { declareImagesList } from './images-list.ts'
import { declareImagesTags } from './images-tags.ts'
import { namingSection } from './section.ts'

export const declareImages: Declare = (program, act) => {
  const group = program
    .command('images')
    .description('Follow tags of container images, and deploy them: what runs where, what waits, and why')
    .addHelpText(
      'after',
      examples(
        ['regista images ls --state held', 'what waits for somebody'],
        ['regista images get shop/production', 'what was seen, what runs there, what waits and why'],
        ['regista images test-pattern shop/production', 'which tags match, which is the newest, and why'],
        ['regista images approve shop/production', 'the version that waits may go'],
        ['regista images deploy shop/production --wait', 'now; exit code 1 if it does not come up'],
        ['regista images rollback shop/production --wait', 'back to what ran before'],
        ['regista images pause shop/production --reason audit', 'nothing is deployed there until it is resumed'],
      ),
    )
  const within = namingSection(act, 'images')
  declareImagesList(group, within)
  declareImagesTags(group, within)
  declareImagesAct(group, within)
  declareImagesDefine(group, within)
  declareImagesHouse(group, within)
}
