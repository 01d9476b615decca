/** Secrets of providers, each given as this variable, or as the name of a file in the variable with `_FILE` added. */
export const providerSecrets = [
  'HUFUD_SMTP_PASSWORD',
  'HUFUD_SMTP_CLIENT_SECRET',
  'HUFUD_SMTP_REFRESH_TOKEN',
  'HUFUD_ALIYUN_ACCESS_KEY_SECRET',
  'HUFUD_TENCENT_SECRET_KEY',
  'HUFUD_TWILIO_AUTH_TOKEN',
  'HUFUD_SMS_RECEIPT_SECRET',
  'HUFUD_WECHAT_APP_SECRET',
  'HUFUD_WECHAT_TOKEN',
  'HUFUD_WECHAT_AES_KEY',
  'HUFUD_WECHAT_PREVIOUS_AES_KEY',
] as const
/** An address with a password in it is one, too. */
export type SecretName = (typeof providerSecrets)[number] | 'HUFUD_DATABASE'

/** Every variable that hufud reads, those with `_FILE` left out. */
export const settingNames: readonly string[] = [
  'HUFUD_CONFIG',
  'HUFUD_DATABASE',
  'HUFUD_LISTEN',
  'HUFUD_LOG_LEVEL',
  'HUFUD_ORIGIN',
  'HUFUD_SECRET_KEY',
  ...providerSecrets,
]

/** Where somebody might write a secret into the file, and where it belongs. */
const variables: Readonly<Record<string, SecretName>> = {
  'email.smtp.password': 'HUFUD_SMTP_PASSWORD',
  'email.smtp.pass': 'HUFUD_SMTP_PASSWORD',
  'email.smtp.client_secret': 'HUFUD_SMTP_CLIENT_SECRET',
  'email.smtp.refresh_token': 'HUFUD_SMTP_REFRESH_TOKEN',
  'sms.aliyun.access_key_secret': 'HUFUD_ALIYUN_ACCESS_KEY_SECRET',
  'sms.tencent.secret_key': 'HUFUD_TENCENT_SECRET_KEY',
  'sms.twilio.auth_token': 'HUFUD_TWILIO_AUTH_TOKEN',
  'sms.receipt_secret': 'HUFUD_SMS_RECEIPT_SECRET',
  'wechat.app_secret': 'HUFUD_WECHAT_APP_SECRET',
  'wechat.secret': 'HUFUD_WECHAT_APP_SECRET',
  'wechat.token': 'HUFUD_WECHAT_TOKEN',
  'wechat.aes_key': 'HUFUD_WECHAT_AES_KEY',
  'wechat.encoding_aes_key': 'HUFUD_WECHAT_AES_KEY',
  'wechat.previous_aes_key': 'HUFUD_WECHAT_PREVIOUS_AES_KEY',
}

const looksSecret = /(?:pass|passwd|password|passphrase|secret|token|private_?key|secret_?key|aes_?key|api_?key)$/i

/** Words for an unknown member that is, or looks like, a secret; `undefined` for any other. */
export function misplacedSecret(member: string): string | undefined {
  const variable = Object.hasOwn(variables, member) ? variables[member] : undefined
  if (!variable && !looksSecret.test(member)) return undefined
  const names = variable ? `${variable} or ${variable}_FILE` : 'HUFUD_… or HUFUD_…_FILE'
  return `secrets are not in this file; they come from ${names}. Take it out, and change the secret if others can read this file.`
}
