// What the domain needs of WeChat's web authorisation (网页授权): where a person's WeChat is asked who they are, and the
// exchange of what it answers. The errors are in wechat-error.ts.

/**
 * Who authorised.
 * - `person`: their id with this official account, and across the Open Platform account's where WeChat tells it
 * - `snapshot`: a stand-in; WeChat showed the page as a preview to somebody who has not agreed to more
 * - `refused`: the code is unknown, used, or older than five minutes; the person starts again
 */
export type Authorised =
  | { readonly outcome: 'person'; readonly openid: string; readonly unionid: string | null }
  | { readonly outcome: 'snapshot' | 'refused' }

export interface WebAuthorisation {
  /** The origin that a browser is sent to. */
  readonly origin: string
  /**
   * The address that a person's WeChat is sent to. It works in WeChat's own browser alone.
   * @param redirectUri an address of ours, to which `code` and `state` come back
   * @param state 1–128 letters and digits; WeChat takes nothing else
   */
  address(redirectUri: string, state: string): string
  /**
   * Exchanges a code for who authorised.
   * @throws {WeChatError} when WeChat does not answer, or our credentials are wrong
   */
  exchange(code: string): Promise<Authorised>
}
