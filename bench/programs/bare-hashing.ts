// Calls argon2.verify and nothing else, and answers each question with its rate.
import { verify } from 'argon2'
import { ratePerSecond } from '../measure.ts'

export interface HashingQuestion {
  readonly passwordHash: string
  readonly password: string
  readonly width: number
  readonly milliseconds: number
}

process.on('message', async ({ passwordHash, password, width, milliseconds }: HashingQuestion) => {
  process.send?.(
    await ratePerSecond(milliseconds, width, async () => {
      if (!(await verify(passwordHash, password))) throw new Error('the password does not match')
      return 1
    }),
  )
})
