/** What stands where a value was. */
export const redactedText = '[redacted]';
/** Shorter values are words that logs are full of: taking them out would destroy logs and hide nothing. */
const minRedactedChars = 6;
/** Beginnings of values at the end of a cut text are taken out from this length on. */
const minCutChars = 4;

/**
 * Takes values out of texts, each as it is, in small letters and in the usual encodings: JSON, URL, HTML, hex, base64 (also as a part of something
 * longer), the lines of a value that has several. One pass of `indexOf` per form, so the cost is bounded by forms times length.
 *
 * What it cannot see: values spread over several lines or calls, other encodings (reversed, compressed, encrypted, split by
 * other text), and values shorter than six characters.
 */
export function redactorOf(values: readonly string[]): (text: string, isCut?: boolean) => string {
  const forms = [...new Set(values.flatMap(formsOf))].filter((form) => form.length >= minRedactedChars);
  if (forms.length === 0) return (text) => text;
  // What contains another form goes first, or a rest of it would stay.
  forms.sort((a, b) => b.length - a.length);
  return (text, isCut = false) => {
    let clean = text;
    for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, redactedText);
    return isCut ? withoutCutForm(clean, forms) : clean;
  };
}

function formsOf(value: string): readonly string[] {
  const lines = /[\r\n]/.test(value) ? value.split(/[\r\n]+/) : [];
  return [value, ...lines].flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const json = JSON.stringify(text).slice(1, -1);
    const url = encodeUri(text);
    return [
      text,
      // Names of hosts are written so, whatever was asked for.
      text.toLowerCase(),
      json,
      json.replaceAll('/', '\\/'),
      // Python's json writes all but ASCII this way.
      json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
      JSON.stringify(json).slice(1, -1),
      url,
      url.replaceAll('%20', '+'),
      url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
      formEncoded(text),
      text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
      ...base64Cores(bytes),
    ];
  });
}

/** Lone surrogates have no encoding. */
const encodeUri = (text: string): string => encodeURIComponent(text.toWellFormed());
const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);

/**
 * What base64 makes of the bytes at each of the three places that they can have in something longer (`user:password`): the
 * characters that only these bytes decide.
 */
function base64Cores(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const from = Math.ceil((shift * 8) / 6);
    const to = Math.floor(((shift + bytes.length) * 8) / 6);
    const core = padded.slice(from, to);
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function withoutCutForm(text: string, forms: readonly string[]): string {
  let kept = text.length;
  for (const form of forms) {
    for (let length = Math.min(form.length - 1, text.length); length >= minCutChars; length--) {
      if (!text.endsWith(form.slice(0, length))) continue;
      kept = Math.min(kept, text.length - length);
      break;
    }
  }
  return kept === text.length ? text : text.slice(0, kept) + redactedText;
}
