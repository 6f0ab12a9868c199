/**
 * The modules of Python's standard library that functions usually import, themselves or through packages. Together with what they import
 * and what the agent needs, more than 200 modules are loaded, in some 10 MB. Left out is what reads the environment while it is imported
 * (zoneinfo: PYTHONTZPATH), for a version's variables come later, and what has effects (antigravity, readline, tkinter).
 */
export const usualModules: readonly string[] = [
  ...[
    'argparse',
    'ast',
    'bisect',
    'bz2',
    'calendar',
    'cmath',
    'codecs',
    'concurrent.futures',
    'concurrent.futures.thread',
  ],
  ...['configparser', 'contextlib', 'copy', 'csv', 'ctypes', 'dataclasses', 'datetime', 'decimal', 'difflib'],
  ...[
    'email.header',
    'email.message',
    'email.mime.multipart',
    'email.mime.text',
    'email.parser',
    'email.policy',
    'email.utils',
  ],
  ...[
    'enum',
    'fnmatch',
    'fractions',
    'functools',
    'getpass',
    'glob',
    'gzip',
    'hashlib',
    'heapq',
    'hmac',
    'html',
    'html.parser',
  ],
  ...[
    'http.client',
    'http.cookiejar',
    'http.cookies',
    'http.server',
    'importlib.metadata',
    'importlib.resources',
    'ipaddress',
  ],
  ...[
    'itertools',
    'locale',
    'logging.config',
    'logging.handlers',
    'lzma',
    'math',
    'mimetypes',
    'multiprocessing',
    'numbers',
  ],
  ...[
    'operator',
    'pathlib',
    'pickle',
    'pkgutil',
    'platform',
    'pprint',
    'secrets',
    'shelve',
    'shlex',
    'shutil',
    'signal',
    'smtplib',
  ],
  ...[
    'sqlite3',
    'ssl',
    'statistics',
    'string',
    'subprocess',
    'sysconfig',
    'tarfile',
    'tempfile',
    'textwrap',
    'timeit',
    'typing',
  ],
  ...['unicodedata', 'unittest.mock', 'urllib.error', 'urllib.request', 'uuid', 'warnings', 'weakref', 'wsgiref.util'],
  ...['xml.dom.minidom', 'xml.etree.ElementTree', 'xml.sax', 'zipfile', 'zlib'],
];

/** HEARTH_PYTHON_PRELOAD as module names: `standard` and `none` are words for the usual ones and for no module. */
export function preloadsOf(setting: string): readonly string[] {
  if (setting === 'none') return [];
  if (setting === 'standard') return usualModules;
  return [...new Set(setting.split(',').map((name) => name.trim()))];
}
