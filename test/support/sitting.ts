import { type Language, loadCatalogue, type Translate } from '../../src/cli/messages/catalogue.ts'
import type { VerificationMethod } from '../../src/contract/schemas.ts'
import type { Person } from './person.ts'
import { type Pty, type PtyOptions, spawnTerminal } from './pty.ts'

const locales: Readonly<Record<Language, string>> = { en: 'en_GB.UTF-8', 'zh-CN': 'zh_CN.UTF-8' }

/** A person before a terminal, who knows what hufu says in their language. */
export interface Sitting extends Pty {
  readonly t: Translate
  /** Waits for the prompt that asks this, after `before` where that is given. */
  asked(question: string, before?: string): Promise<string>
  /** Waits for the list of methods and picks one; `steps` below the first. */
  confirmBy(method: VerificationMethod, steps?: number): Promise<void>
  /** Picks the password, and types it. */
  confirmByPassword(): Promise<void>
}

const open: Pty[] = []

/** Ends what tests have left running; for `afterEach`. */
export function standUp(): void {
  for (const pty of open.splice(0)) pty.kill()
}

/** Sits `person` down before a terminal of their language, where hufu runs with `args`. */
export async function sitDown(
  person: Pick<Person, 'home' | 'password'> & { readonly server: { readonly url: string } },
  language: Language,
  args: readonly string[],
  options: Omit<PtyOptions, 'home'> = {},
): Promise<Sitting> {
  const t = await loadCatalogue(language)
  const env = { HUFU_SERVER: person.server.url, LC_ALL: locales[language], ...options.env }
  const pty = spawnTerminal(args, { ...options, home: person.home, env })
  open.push(pty)
  const asked = (question: string, before = '') => pty.waitFor(`${before}? ${question}`)
  const confirmBy = async (method: VerificationMethod, steps = 0) => {
    await asked(t('ask.step_up'))
    for (let step = 0; step < steps; step++) pty.press('down')
    await pty.waitFor(`❯ ${t(`method.${method}`)}`)
    pty.press('enter')
    await pty.waitFor(`✔ ${t('ask.step_up')} ${t(`method.${method}`)}`)
  }
  return {
    ...pty,
    t,
    asked,
    confirmBy,
    async confirmByPassword() {
      await confirmBy('password')
      await asked(t('ask.password'))
      pty.enter(person.password)
    },
  }
}
