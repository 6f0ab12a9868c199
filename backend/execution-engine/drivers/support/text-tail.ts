const keptCharacters = 4096;

/** The end of what somebody said who may say anything, and any amount of it. */
export class TextTail {
  #text = '';

  push(text: string): void {
    this.#text = (this.#text + text.slice(-keptCharacters)).slice(-keptCharacters);
  }

  /** The last line that is not empty, or the first that matches; printable characters only. */
  lastLine(pattern?: RegExp): string {
    const lines = this.#text
      .split('\n')
      .map((line) => line.replaceAll(/[^\x20-\x7e]/g, '').trim())
      .filter((line) => line !== '');
    return (pattern === undefined ? lines.at(-1) : lines.find((line) => pattern.test(line))) ?? '';
  }
}
