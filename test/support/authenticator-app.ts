import { generateSync } from 'otplib'

const period = 30

/**
 * An app on a phone that shows codes. No code works twice, and the server takes those of the present step and of the
 * one next to it, so that there are two at once: the app gives this step's, then the next one's.
 */
export class AuthenticatorApp {
  readonly secret: string
  private lastStep = 0

  constructor(secret: string) {
    this.secret = secret
  }

  /** A code that has not been given before. @throws {Error} when there is none for now: scan a new secret */
  code(): string {
    const present = Math.floor(Date.now() / 1000 / period)
    const step = Math.max(this.lastStep + 1, present)
    if (step > present + 1) throw new Error('both codes of the moment have been used')
    this.lastStep = step
    return generateSync({ secret: this.secret, epoch: step * period })
  }

  /** A code that the app has never shown and will not show now. */
  wrongCode(): string {
    const present = Math.floor(Date.now() / 1000 / period)
    const near = [-2, -1, 0, 1, 2].map(step => generateSync({ secret: this.secret, epoch: (present + step) * period }))
    return ['000000', '111111', '222222', '333333', '444444', '555555'].find(code => !near.includes(code)) ?? '666666'
  }
}
