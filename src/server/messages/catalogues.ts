/** What people read in mails and text messages. Both languages have the same keys; a test holds them to it. */
export const en = {
  code_subject: '{{service}} code: {{code}}',
  code_login:
    'Your {{service}} sign-in code is {{code}}. It works once, for {{minutes}} minutes. If you did not ask for it, ignore this message and tell nobody the code.',
  code_step_up:
    'Your {{service}} verification code is {{code}}. It confirms a change to your account, works once, for {{minutes}} minutes. If you did not ask for it, someone is signed in as you: run "hufu sessions revoke --others" and "hufu passwd".',
  code_bind:
    'Your {{service}} binding code is {{code}}. It binds this {{channel}} to an account, works once, for {{minutes}} minutes. If you did not ask for it, ignore this message.',
  channel_phone: 'number',
  channel_email: 'address',
  notice_subject: '{{service}}: the security settings of {{username}} have changed',
  notice_body:
    '{{what}}\nAccount: {{username}}\nTime: {{time}} UTC\nFrom: {{source}}\n\nIf this was you, there is nothing to do. If not: run "hufu passwd" at once (it ends all other sessions); then "hufu status" shows what is bound and the command that sets it right.',
  'password.change': 'The password was changed, and the other sessions were ended.',
  'enrolment.redeem': 'The first password was set.',
  'phone.bind': 'The phone number {{new}} was bound.',
  'phone.replace': 'The phone number {{old}} was replaced by {{new}}.',
  'phone.unbind': 'The phone number {{old}} was unbound.',
  'email.bind': 'The email address {{new}} was bound.',
  'email.replace': 'The email address {{old}} was replaced by {{new}}.',
  'email.unbind': 'The email address {{old}} was unbound.',
  'totp.bind': 'An authenticator app was bound.',
  'totp.replace': 'The authenticator app was replaced.',
  'totp.unbind': 'The authenticator app was unbound.',
  'wechat.bind': 'A WeChat account was bound.',
  'wechat.replace': 'The WeChat account was replaced.',
  'wechat.unbind': 'The WeChat account was unbound.',
  'webauthn.bind': 'The security key "{{new}}" was bound.',
  'webauthn.unbind': 'The security key "{{old}}" was unbound.',
  'recovery_codes.create': 'New recovery codes were made; the earlier ones no longer work.',
  'recovery_code.used': 'A recovery code was used.',
  'webauthn.counter_regressed':
    'The counter of the security key "{{old}}" stepped back: a copy of it may exist. It still works; unbind it if you are not sure.',
  wechat_bound:
    'Done: this WeChat account is now bound to {{username}} at {{service}}. If this was not you, tell the owner of the QR code to run "hufu unbind wechat".',
  wechat_refused_elsewhere:
    'This WeChat account is already bound to another account at {{service}}, so nothing was changed.',
  wechat_refused_already: 'This WeChat account is bound to {{username}} already; nothing was changed.',
  wechat_refused_expired:
    'This QR code has expired, and nothing was changed. Scan the new one on the screen, or run "hufu bind wechat" again.',
  wechat_refused_used:
    'Somebody else has scanned this QR code already; nothing was changed. To bind your own WeChat account, run "hufu bind wechat" yourself.',
  wechat_code:
    'Your code: {{code}} (for {{minutes}} minutes)\n\nIt binds this WeChat account to {{username}} at {{service}}. Type it only where you yourself ran "hufu bind wechat", at your own terminal. If somebody sent you this QR code or asks you for the code, tell them nothing: they are after your account.',
} as const

export type ServerMessageKey = keyof typeof en

export const zhCN: Readonly<Record<ServerMessageKey, string>> = {
  code_subject: '{{service}} 验证码：{{code}}',
  code_login:
    '【{{service}}】登录验证码：{{code}}，{{minutes}} 分钟内有效，仅可使用一次。如非本人操作，请忽略本消息，切勿将验证码告诉任何人。',
  code_step_up:
    '【{{service}}】身份验证码：{{code}}，用于确认账户安全设置的变更，{{minutes}} 分钟内有效，仅可使用一次。如非本人操作，说明有人登录了您的账户，请立即运行 hufu sessions revoke --others 和 hufu passwd。',
  code_bind:
    '【{{service}}】绑定验证码：{{code}}，用于将此{{channel}}绑定到账户，{{minutes}} 分钟内有效，仅可使用一次。如非本人操作，请忽略本消息。',
  channel_phone: '手机号',
  channel_email: '邮箱',
  notice_subject: '{{service}}：账户 {{username}} 的安全设置已变更',
  notice_body:
    '{{what}}\n账户：{{username}}\n时间：{{time}} UTC\n来源：{{source}}\n\n如果是您本人操作，无需处理。如果不是，请立即运行 hufu passwd（会同时退出所有其他会话），再用 hufu status 查看各项绑定及其修改命令。',
  'password.change': '账户密码已修改，其他会话已全部退出。',
  'enrolment.redeem': '已设置首个账户密码。',
  'phone.bind': '已绑定密保手机 {{new}}。',
  'phone.replace': '密保手机已由 {{old}} 更换为 {{new}}。',
  'phone.unbind': '已解绑密保手机 {{old}}。',
  'email.bind': '已绑定账户邮箱 {{new}}。',
  'email.replace': '账户邮箱已由 {{old}} 更换为 {{new}}。',
  'email.unbind': '已解绑账户邮箱 {{old}}。',
  'totp.bind': '已绑定动态口令。',
  'totp.replace': '动态口令已更换。',
  'totp.unbind': '已解绑动态口令。',
  'wechat.bind': '已绑定微信。',
  'wechat.replace': '绑定的微信已更换。',
  'wechat.unbind': '已解绑微信。',
  'webauthn.bind': '已绑定安全密钥“{{new}}”。',
  'webauthn.unbind': '已解绑安全密钥“{{old}}”。',
  'recovery_codes.create': '已生成新的恢复码，原有恢复码全部失效。',
  'recovery_code.used': '有一个恢复码已被使用。',
  'webauthn.counter_regressed': '安全密钥“{{old}}”的计数器出现回退，可能存在复制品。它仍可使用；如有疑虑，请解绑。',
  wechat_bound:
    '绑定成功：此微信已绑定到 {{service}} 账户 {{username}}。如非本人操作，请让二维码的主人运行 hufu unbind wechat 解绑。',
  wechat_refused_elsewhere: '此微信已绑定到 {{service}} 的其他账户，本次未做任何变更。',
  wechat_refused_already: '此微信已绑定到账户 {{username}}，无需重复绑定。',
  wechat_refused_expired: '二维码已过期，未做任何变更。请扫描屏幕上的新二维码，或重新运行 hufu bind wechat。',
  wechat_refused_used: '此二维码已被他人扫过，未做任何变更。如需绑定您自己的微信，请自行运行 hufu bind wechat。',
  wechat_code:
    '验证码：{{code}}（{{minutes}} 分钟内有效）\n\n输入后，此微信将绑定到 {{service}} 账户 {{username}}。请只在您本人运行 hufu bind wechat 的终端上输入。如果二维码是别人发来的，或有人向您索要验证码，切勿告知，谨防账户被盗。',
}
