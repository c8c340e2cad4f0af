/** Logins in addresses, which are said to nobody: `nats://USER:PASSWORD@HOST`. */

/** From the scheme to the last `@` of the address, as URLs are read. */
const LOGIN = /(:\/\/)[^\s"]*@/g;

/** The text with every address in it as it would be without a login. */
export function withoutLogins(text: string): string {
  return text.replaceAll(LOGIN, "$1");
}
